//! Files that are read again when they change.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 2 });

/// What is made of files, as they are now.
pub struct Reread<T> {
    files: Vec<PathBuf>,
    read: Read<T>,
    told: Told,
    state: Mutex<State<T>>,
}

type Read<T> = Box<dyn Fn() -> Result<T, String> + Send + Sync>;
/// Is told that the files were read again, or why what was made of them before still counts.
type Told = fn(Result<(), String>);

struct State<T> {
    value: Arc<T>,
    of: Vec<Stamp>,
    looked: Instant,
}

/// By which a change is noticed: when a file was written, and its length.
type Stamp = (SystemTime, u64);

impl<T> Reread<T> {
    /// Makes it of the files for the first time.
    pub fn open(
        files: Vec<PathBuf>,
        told: Told,
        read: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        // Before they are read: what changes meanwhile is read again.
        let of = stamps(&files)?;
        let state = Mutex::new(State { value: Arc::new(read()?), of, looked: Instant::now() });
        Ok(Self { files, read: Box::new(read), told, state })
    }

    /// Of the files as they are now, unless they cannot be used.
    pub fn current(&self) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK {
            state.looked = Instant::now();
            if let Some(of) = stamps(&self.files).ok().filter(|of| *of != state.of) {
                // Once for each change: between the changes of files that belong together they do not.
                state.of = of;
                (self.told)((self.read)().map(|value| state.value = Arc::new(value)));
            }
        }
        state.value.clone()
    }
}

fn stamps(files: &[PathBuf]) -> Result<Vec<Stamp>, String> {
    let stamp = |file: &PathBuf| {
        let metadata = fs::metadata(file)?;
        Ok((metadata.modified()?, metadata.len()))
    };
    let named =
        |file: &PathBuf| stamp(file).map_err(|error: io::Error| format!("{}: {error}", file.display()));
    files.iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_as_it_is_and_rubbish_in_it_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        let path = file.clone();
        let read = move || {
            let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
            text.parse::<u32>().map_err(|error| error.to_string())
        };
        let none = Reread::open(vec![file.clone()], |_| {}, read.clone()).err().unwrap();
        assert!(none.starts_with(&format!("{}: ", file.display())), "{none}");
        fs::write(&file, "1").unwrap();
        let number = Reread::open(vec![file.clone()], |_| {}, read).unwrap();
        assert_eq!(*number.current(), 1);
        for (text, counts) in [("two", 1), ("33", 33), ("", 33)] {
            fs::write(&file, text).unwrap();
            assert_eq!(*number.current(), counts, "{text}");
        }
        fs::remove_file(&file).unwrap();
        assert_eq!(*number.current(), 33);
    }
}
