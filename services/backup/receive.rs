//! Reading a backup: a folder, or a tar archive. Every file is checked against the manifest.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    Stop,
    manifest::{File, Hashed, LONGEST, MANIFEST, Manifest, is_known},
    write::write_new,
};
use crate::error::Error;

/// A backup that is to be read.
pub enum Archive {
    Folder(PathBuf),
    Stream(Box<dyn Read>),
}

impl Archive {
    /// `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stream(Box::new(io::stdin())));
        }
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let file = fs::File::open(path);
        let file = file.map_err(|error| Error::usage(format!("{}: {error}", path.display())))?;
        Ok(Self::Stream(Box::new(io::BufReader::with_capacity(1 << 18, file))))
    }

    /// Copies its files into a folder, and checks that they are those that were written, and all of them.
    pub fn receive(self, into: &Path, stop: &Stop) -> Result<Manifest, Error> {
        match self {
            Self::Folder(folder) => from_folder(&folder, into, stop),
            Self::Stream(stream) => from_stream(stream, into, stop),
        }
    }
}

fn from_folder(folder: &Path, into: &Path, stop: &Stop) -> Result<Manifest, Error> {
    let open = |name: &str| {
        let path = folder.join(name);
        fs::File::open(&path).map_err(|error| not_whole(&format!("{}: {error}", path.display())))
    };
    let manifest = read_manifest(open(MANIFEST)?)?;
    for expected in manifest.files() {
        let mut read = Hashed::new(open(&expected.file)?, stop);
        write_new(&into.join(&expected.file), &mut read)?;
        compare(expected, &read.file(&expected.file))?;
    }
    Ok(manifest)
}

fn from_stream(stream: Box<dyn Read>, into: &Path, stop: &Stop) -> Result<Manifest, Error> {
    let no_archive = |error: &dyn std::fmt::Display| {
        Error::other(format!(
            "it cannot be read as a tar archive ({error}); one that is compressed comes by standard input: \
             `zstd -dc FILE | feira restore -`"
        ))
    };
    let mut archive = tar::Archive::new(stream);
    let (mut found, mut manifest) = (BTreeMap::new(), None);
    for entry in archive.entries().map_err(|error| no_archive(&error))? {
        let mut entry = entry.map_err(|error| no_archive(&error))?;
        let name = entry.path().map_err(|error| no_archive(&error))?.to_string_lossy().into_owned();
        // As some tools name what they have found in a folder.
        let name = name.strip_prefix("./").unwrap_or(&name);
        let kind = entry.header().entry_type();
        if kind.is_dir() && name.is_empty() {
            continue;
        }
        if !kind.is_file() || !(name == MANIFEST || is_known(name)) {
            return Err(Error::other(format!("it has {name:?}, which is no part of a backup")));
        }
        if found.contains_key(name) || name == MANIFEST && manifest.is_some() {
            return Err(Error::other(format!("it has {name} twice")));
        }
        if name == MANIFEST {
            manifest = Some(read_manifest(&mut entry)?);
        } else {
            let mut read = Hashed::new(&mut entry, stop);
            write_new(&into.join(name), &mut read)?;
            found.insert(name.to_owned(), read.file(name));
        }
    }
    let manifest = manifest.ok_or_else(|| not_whole(&format!("it has no {MANIFEST}, which comes last")))?;
    for expected in manifest.files() {
        let file = found.remove(&expected.file);
        compare(expected, &file.ok_or_else(|| not_whole(&format!("it has no {}", expected.file)))?)?;
    }
    match found.keys().next() {
        Some(name) => Err(Error::other(format!("it has {name}, which its manifest does not name"))),
        None => Ok(manifest),
    }
}

fn read_manifest(from: impl Read) -> Result<Manifest, Error> {
    let mut text = Vec::new();
    from.take(LONGEST).read_to_end(&mut text).map_err(|error| not_whole(&error.to_string()))?;
    Manifest::read(&text)
}

fn compare(expected: &File, found: &File) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::other(format!(
        "{} is not what was written: {} bytes with the SHA-256 {}, where {} bytes with {} were",
        found.file, found.bytes, found.sha256, expected.bytes, expected.sha256
    )))
}

fn not_whole(problem: &str) -> Error {
    Error::other(format!("the backup is not whole: {problem}"))
}
