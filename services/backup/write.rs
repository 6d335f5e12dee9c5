//! Where a backup goes: a folder that appears when it is whole, or a tar archive whose last file is the manifest.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, IsTerminal, Read, Stdout, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use kit::db::snapshot::{Snapshot, sync};
use tempfile::TempDir;

use super::{
    Stop, failed,
    manifest::{Database, File, Hashed, MANIFEST, Manifest, file_of},
    size,
};
use crate::error::Error;

/// What a folder for temporary files must have left beside the largest database.
const SPARE: u64 = 16 << 20;
/// The longest secret that is taken along.
const LONGEST: u64 = 1 << 20;

/// A secret that is taken along.
pub struct Secret {
    name: &'static str,
    text: Vec<u8>,
}

impl Secret {
    /// The file with this name in the backup.
    pub fn read(name: &'static str, file: &Path) -> Result<Self, Error> {
        let wrong = |problem: &dyn std::fmt::Display| Error::usage(format!("{}: {problem}", file.display()));
        let mut text = Vec::new();
        let opened = fs::File::open(file).map_err(|error| wrong(&error))?;
        opened.take(LONGEST + 1).read_to_end(&mut text).map_err(|error| wrong(&error))?;
        if text.len() as u64 > LONGEST { Err(wrong(&"is too long")) } else { Ok(Self { name, text }) }
    }

    pub fn of(name: &'static str, text: Vec<u8>) -> Self {
        Self { name, text }
    }
}

/// Where a backup goes.
pub enum Target {
    /// It is written beside its place, under another name.
    Folder { draft: TempDir, place: PathBuf },
    /// Each database lies in a file until it is in the archive, which says sizes first.
    Stream { scratch: TempDir, tar: tar::Builder<BufWriter<Stdout>>, time: u64 },
}

impl Target {
    /// Finds what speaks against it, before anything is copied. `-` is standard output.
    pub fn open(path: &Path, scratch: Option<&Path>, now: SystemTime) -> Result<Self, Error> {
        if path.as_os_str() == "-" {
            if io::stdout().is_terminal() {
                return Err(Error::usage("standard output is a terminal: give it to a file or a program"));
            }
            let folder = scratch.map_or_else(std::env::temp_dir, Path::to_owned);
            let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
            let tar = tar::Builder::new(BufWriter::new(io::stdout()));
            return Ok(Self::Stream { scratch: private(&folder, "feira-backup.", "--scratch")?, tar, time });
        }
        if let Some(text) = path.to_str().filter(|text| text.contains(['?', '%', '#'])) {
            return Err(Error::usage(format!("{text}: must be without ?, % and #")));
        }
        let wrong = |problem: String| Err(Error::usage(format!("{}: {problem}", path.display())));
        match fs::read_dir(path).map(Iterator::count) {
            Ok(1..) => {
                return wrong("is there already; a backup makes its folder".to_owned());
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return wrong(error.to_string()),
            _ => {}
        }
        let Some(name) = path.file_name() else { return wrong("is no name for a folder".to_owned()) };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let draft = private(parent, &format!(".{}.", name.to_string_lossy()), "its folder")?;
        Ok(Self::Folder { draft, place: path.to_owned() })
    }

    /// Takes a database.
    pub fn database(&mut self, snapshot: Snapshot, stop: &Stop) -> Result<Database, Error> {
        let role = snapshot.role();
        let (name, schema) = (file_of(role), snapshot.schema().to_owned());
        let goes_on = || stop.goes_on();
        let file = match self {
            Self::Folder { draft, .. } => {
                let path = draft.path().join(&name);
                snapshot.copy(&path, &goes_on).map_err(failed)?;
                let mut read = hashed(&path, stop)?;
                io::copy(&mut read, &mut io::sink()).map_err(|error| broken(&path, &error))?;
                read.file(&name)
            }
            Self::Stream { scratch, tar, time } => {
                room_for(snapshot.bytes(), scratch.path())?;
                let path = scratch.path().join(&name);
                snapshot.copy(&path, &goes_on).map_err(failed)?;
                let length = fs::metadata(&path).map_err(|error| broken(&path, &error))?.len();
                let mut read = hashed(&path, stop)?;
                append(tar, &name, (length, *time), &mut read)?;
                fs::remove_file(&path).map_err(|error| broken(&path, &error))?;
                read.file(&name)
            }
        };
        Ok(Database { role: role.name().to_owned(), schema, file })
    }

    /// Takes a secret.
    pub fn secret(&mut self, secret: &Secret, stop: &Stop) -> Result<File, Error> {
        let mut read = Hashed::new(secret.text.as_slice(), stop);
        match self {
            Self::Folder { draft, .. } => write_new(&draft.path().join(secret.name), &mut read)?,
            Self::Stream { tar, time, .. } => {
                append(tar, secret.name, (secret.text.len() as u64, *time), &mut read)?;
            }
        }
        Ok(read.file(secret.name))
    }

    /// The manifest comes last: what has one is whole.
    pub fn finish(self, manifest: &Manifest) -> Result<(), Error> {
        let text = manifest.text()?;
        match self {
            Self::Folder { draft, place } => {
                write_new(&draft.path().join(MANIFEST), &mut text.as_bytes())?;
                // All that is in it first: what has its name after a power cut is whole.
                sync(draft.path()).map_err(|error| broken(draft.path(), &error))?;
                // An empty folder may be there; nothing else takes its name without being seen.
                fs::rename(draft.path(), &place).map_err(|error| broken(&place, &error))?;
                let _ = draft.keep();
                sync(&place).map_err(|error| broken(&place, &error))
            }
            Self::Stream { mut tar, time, .. } => {
                append(&mut tar, MANIFEST, (text.len() as u64, time), &mut text.as_bytes())?;
                let done = tar.into_inner().and_then(|mut out| out.flush());
                done.map_err(|error| Error::other(format!("standard output: {error}")))
            }
        }
    }
}

/// A folder that only its owner sees, removed when it is dropped.
fn private(parent: &Path, prefix: &str, what: &str) -> Result<TempDir, Error> {
    let made = tempfile::Builder::new()
        .prefix(prefix)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent);
    made.map_err(|error| Error::usage(format!("{what}: {}: {error}", parent.display())))
}

fn room_for(bytes: u64, folder: &Path) -> Result<(), Error> {
    let Ok(volume) = rustix::fs::statvfs(folder) else { return Ok(()) };
    if volume.f_bavail.saturating_mul(volume.f_frsize) >= bytes.saturating_add(SPARE) {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(folder).display();
    Err(Error::other(format!("{parent} has no room for {}: name another folder by --scratch", size(bytes))))
}

fn hashed<'s>(path: &Path, stop: &'s Stop) -> Result<Hashed<'s, fs::File>, Error> {
    Ok(Hashed::new(fs::File::open(path).map_err(|error| broken(path, &error))?, stop))
}

/// Writes a new file, which only its owner reads, so that it survives a power cut.
pub fn write_new(path: &Path, from: &mut impl Read) -> Result<(), Error> {
    let mut write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        io::copy(from, &mut file)?;
        file.sync_all()
    };
    write().map_err(|error| broken(path, &error))
}

fn append(
    tar: &mut tar::Builder<BufWriter<Stdout>>,
    name: &str,
    (length, time): (u64, u64),
    from: &mut impl Read,
) -> Result<(), Error> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(length);
    header.set_mode(0o600);
    header.set_mtime(time);
    let done = tar.append_data(&mut header, name, from);
    done.map_err(|error| Error::other(format!("standard output: {name}: {error}")))
}

fn broken(path: &Path, error: &io::Error) -> Error {
    Error::other(format!("{}: {error}", path.display()))
}
