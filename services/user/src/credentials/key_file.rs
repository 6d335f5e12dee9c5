//! The key file (`FEIRA_KEY_FILE`): a key a line. The first one wraps and makes tokens, all of them unwrap and recognise
//! tokens, so that a key can be replaced while everything runs. It is looked at whenever its keys are used, and read again
//! when it has changed.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::hmac;
use kit::{Secret, StartError, identity::MeshSecret, wrapping::Wrapper};

/// The fewest characters that a key may have.
const SHORTEST: usize = 32;
/// The most keys in a file.
const MOST: usize = 8;

/// The key file; cheap to clone.
#[derive(Clone)]
pub struct KeyFile(Arc<Inner>);

struct Inner {
    /// What names the file, and where it is; none in tests, which give keys.
    place: Option<(String, PathBuf)>,
    known: Mutex<Known>,
}

struct Known {
    keys: Arc<Keys>,
    /// The file as it was when these keys were read, and as it was when it could not be read.
    read: Option<Stamp>,
    refused: Option<Stamp>,
}

/// By which a file is known to have changed: of a link it is that of the file behind it, as Kubernetes replaces them.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, u64, i64, i64, u64);

/// The keys of a file, the one that wraps first.
pub struct Keys(Vec<Key>);

/// What a key is used for.
pub struct Key {
    pub wrapper: Wrapper,
    /// Makes the refresh token that follows another one.
    pub successor: hmac::Key,
    /// Makes the tokens of mails.
    pub one_time: hmac::Key,
    /// Makes the tokens of challenges.
    pub challenge: hmac::Key,
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("KeyFile(…)")
    }
}

impl KeyFile {
    /// Reads a file; `setting` is what names it in errors.
    pub fn read(setting: &str, path: &Path) -> Result<Self, StartError> {
        // Before the content: what changes in between is read again.
        let read = Stamp::of(path).ok();
        let keys = Arc::new(keys_in(setting, path)?);
        let known = Mutex::new(Known { keys, read, refused: None });
        Ok(Self(Arc::new(Inner { place: Some((setting.to_owned(), path.to_owned())), known })))
    }

    /// Keys that are no file's.
    #[cfg(test)]
    pub fn of(keys: &[[u8; 32]]) -> Self {
        let keys = Arc::new(Keys(keys.iter().map(|key| Key::new(key).unwrap()).collect()));
        Self(Arc::new(Inner { place: None, known: Mutex::new(Known { keys, read: None, refused: None }) }))
    }

    /// The keys in the file now. Where it cannot be used, those from before still count, and the log says so.
    pub fn keys(&self) -> Arc<Keys> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((setting, path)) = &self.0.place else { return known.keys.clone() };
        let stamp = Stamp::of(path).ok();
        if stamp.is_some() && (stamp == known.read || stamp == known.refused) {
            return known.keys.clone();
        }
        match keys_in(setting, path) {
            Ok(keys) => {
                tracing::info!(keys = keys.lines(), "key_file.reloaded");
                *known = Known { keys: Arc::new(keys), read: stamp, refused: None };
            }
            // Once for each content that is of no use.
            Err(error) if stamp.is_some() || known.read.is_some() => {
                tracing::warn!(%error, "key_file.not_reloaded");
                (known.read, known.refused) = (None, stamp);
            }
            Err(_) => {}
        }
        known.keys.clone()
    }
}

impl Keys {
    /// How many keys stand in the file. Of several lines all together are one more (see [`parse`]).
    fn lines(&self) -> usize {
        self.0.len().saturating_sub(1).max(1)
    }

    /// Wraps something by the first key; `name` must be given again to unwrap it.
    pub fn wrap(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, kit::Fault> {
        self.first().wrapper.wrap(name, plain)
    }

    /// Unwraps by whichever key it was wrapped by; says whether that is the first.
    pub fn unwrap(&self, name: &str, wrapped: &[u8]) -> Option<(Vec<u8>, bool)> {
        let opened = |(place, key): (usize, &Key)| Some((key.wrapper.unwrap(name, wrapped)?, place == 0));
        self.0.iter().enumerate().find_map(opened)
    }

    /// All of them, the first one first.
    pub fn all(&self) -> &[Key] {
        &self.0
    }

    /// The one that wraps.
    pub fn first(&self) -> &Key {
        &self.0[0]
    }
}

impl Key {
    fn new(key: &[u8; 32]) -> Result<Self, kit::Fault> {
        let derive = |root: &hmac::Key, purpose: &[u8]| {
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(root, purpose).as_ref())
        };
        let root = hmac::Key::new(hmac::HMAC_SHA256, key);
        Ok(Self {
            wrapper: Wrapper::new(key)?,
            successor: derive(&root, b"the next refresh token"),
            one_time: derive(&root, b"feira one-time tokens 1"),
            challenge: derive(&root, b"feira passkey challenges 1"),
        })
    }
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self(file.dev(), file.ino(), file.mtime(), file.mtime_nsec(), file.len()))
    }
}

fn keys_in(setting: &str, path: &Path) -> Result<Keys, StartError> {
    let text = Secret::read_all(setting, path)?;
    parse(text.expose())
        .map_err(|problem| StartError::setting(setting, format_args!("{}: {problem}", path.display())))
}

fn parse(text: &str) -> Result<Keys, String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.iter().any(|line| line.chars().count() < SHORTEST) {
        return Err(format!("a key has {SHORTEST} characters or more, and a line of its own"));
    }
    if lines.len() > MOST {
        return Err(format!("there are at most {MOST} keys in a file"));
    }
    // A file of several lines was one key once: what that has wrapped can be unwrapped.
    let whole = (lines.len() > 1).then(|| text.trim());
    let key = |text: &str| Key::new(&MeshSecret::new(text).derive("signing keys"));
    lines.into_iter().chain(whole).map(key).collect::<Result<_, _>>().map(Keys).map_err(|fault| fault.message)
}

/// Something in the database that no key of the file unwraps.
pub fn cannot_unwrap(what: &str) -> StartError {
    StartError::Settings(format!(
        "{what} in the user database cannot be unwrapped: \
         the key file (FEIRA_KEY_FILE, or signing.key in the data folder) has no key that they were wrapped by"
    ))
}

#[cfg(test)]
mod tests {
    use kit::Exit;

    use super::*;

    const OLD: &str = "the old key, which is long enough for it";
    const NEW: &str = "the new key, which is long enough for it";

    #[test]
    fn the_first_key_wraps_and_all_unwrap() {
        let old = parse(OLD).unwrap();
        let wrapped = old.wrap("a", b"secret").unwrap();
        let both = parse(&format!("\n {NEW} \r\n{OLD}\n\n")).unwrap();
        assert_eq!(both.unwrap("a", &wrapped), Some((b"secret".to_vec(), false)));
        assert_eq!(both.unwrap("b", &wrapped), None);
        assert_eq!((old.lines(), both.lines()), (1, 2));
        let again = both.wrap("a", b"secret").unwrap();
        assert_eq!(both.unwrap("a", &again), Some((b"secret".to_vec(), true)));
        assert_eq!(parse(NEW).unwrap().unwrap("a", &again), Some((b"secret".to_vec(), true)));
        assert_eq!(old.unwrap("a", &again), None);
    }

    #[test]
    fn a_file_of_several_lines_still_unwraps_what_it_wrapped_as_one_key() {
        let text = format!("{OLD}\n{NEW}");
        let whole = Key::new(&MeshSecret::new(&text).derive("signing keys")).unwrap();
        let wrapped = whole.wrapper.wrap("a", b"secret").unwrap();
        assert_eq!(parse(&text).unwrap().unwrap("a", &wrapped), Some((b"secret".to_vec(), false)));
    }

    #[test]
    fn short_lines_none_and_too_many_are_refused() {
        for wrong in ["", "\n \n", "short", &format!("{OLD}\nshort"), &format!("{OLD}\n").repeat(9)] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_changed_file_counts_and_one_of_no_use_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, OLD).unwrap();
        let file = KeyFile::read("FEIRA_KEY_FILE", &path).unwrap();
        let old = file.keys().wrap("a", b"secret").unwrap();
        for nothing in ["", "short"] {
            fs::write(&path, nothing).unwrap();
            assert!(file.keys().unwrap("a", &old).is_some(), "{nothing:?}");
        }
        fs::remove_file(&path).unwrap();
        assert!(file.keys().unwrap("a", &old).is_some(), "there is none for a moment");
        fs::write(&path, format!("{NEW}\n{OLD}")).unwrap();
        assert_eq!(file.keys().unwrap("a", &old), Some((b"secret".to_vec(), false)));
        let new = file.keys().wrap("a", b"secret").unwrap();
        fs::write(&path, NEW).unwrap();
        assert_eq!(file.keys().unwrap("a", &old), None);
        assert!(file.keys().unwrap("a", &new).is_some());
        let error = KeyFile::read("FEIRA_KEY_FILE", &folder.path().join("none")).err().unwrap();
        assert_eq!(error.exit(), Exit::Settings);
    }
}
