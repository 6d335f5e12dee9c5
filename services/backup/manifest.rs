//! What a backup says of itself: which files it has, of which schemas, and how each must read.

use std::{
    collections::BTreeSet,
    io::{self, Read},
    str::FromStr,
};

use aws_lc_rs::digest::{Context, SHA256};
use kit::Role;
use serde::{Deserialize, Serialize};

use super::Stop;
use crate::{error::Error, roles};

/// The manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// Its greatest size; those that we write have some 2 KiB.
pub const LONGEST: u64 = 1 << 20;
/// The format of archives that this program writes, and the last one that it reads.
const FORMAT: u32 = 1;
/// Secrets that a backup may have, as they are called in a data folder.
pub const SECRETS: [&str; 2] = ["signing.key", "mesh.secret"];

/// All that is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Raised when an older program could not read it any more.
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// The moment that it is of.
    pub time: String,
    pub databases: Vec<Database>,
    /// Secrets, where they were asked for.
    pub keys: Vec<File>,
}

/// A role's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub role: String,
    /// The last migration of its schema.
    pub schema: String,
    #[serde(flatten)]
    pub file: File,
}

/// A file, and what it must be like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Manifest {
    /// Of a backup that is about to be made.
    pub fn new(time: String) -> Self {
        let program = crate::version::VERSION.to_owned();
        Self { format: FORMAT, program, time, databases: Vec::new(), keys: Vec::new() }
    }

    /// Reads one. Whatever is in it is somebody's word: it is checked before any of it is used.
    pub fn read(text: &[u8]) -> Result<Self, Error> {
        let bad = |problem: String| Error::other(format!("{MANIFEST}: {problem}"));
        // The format first: what is newer may look altogether different.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
            program: String,
        }
        let head: Head = serde_json::from_slice(text).map_err(|error| bad(error.to_string()))?;
        if head.format == 0 || head.format > FORMAT {
            let Head { format, program } = head;
            return Err(bad(format!(
                "the backup is of format {format}, made by feira {program}; this one reads up to {FORMAT}: use that one"
            )));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(|error| bad(error.to_string()))?;
        manifest.check().map(|()| manifest)
    }

    fn check(&self) -> Result<(), Error> {
        let bad = |problem: String| Err(Error::other(format!("{MANIFEST}: {problem}")));
        let mut names = BTreeSet::new();
        for Database { role, schema, file } in &self.databases {
            let known = Role::from_str(role).ok().filter(|role| Role::SERVICES.contains(role));
            let Some(known) = known else { return bad(format!("there is no role {role:?} with a database")) };
            if file.file != file_of(known) {
                return bad(format!("the {role} database is in a file of another name"));
            }
            if !roles::known_migrations(known).contains(schema) {
                return Err(Error::Database(kit::db::OpenError::unfit(
                    known,
                    &file.file,
                    format!(
                        "its schema {schema:?} is unknown to feira {}; the backup was made by {}: restore it by that one",
                        crate::version::VERSION,
                        self.program
                    ),
                )));
            }
            names.insert(&file.file);
        }
        for key in &self.keys {
            if !SECRETS.contains(&key.file.as_str()) {
                return bad(format!("{:?} is no secret of a shop", key.file));
            }
            names.insert(&key.file);
        }
        match () {
            () if self.databases.is_empty() => bad("it names no database".to_owned()),
            () if names.len() < self.databases.len() + self.keys.len() => {
                bad("it names a file twice".to_owned())
            }
            () => Ok(()),
        }
    }

    /// All files but itself.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.databases.iter().map(|database| &database.file).chain(&self.keys)
    }

    /// As it is written.
    pub fn text(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(Error::other)
    }

    /// How much there is of databases.
    pub fn bytes(&self) -> u64 {
        self.databases.iter().map(|database| database.file.bytes).sum()
    }
}

/// What a role's database is called in a backup, and in a data folder.
pub fn file_of(role: Role) -> String {
    format!("{role}.db")
}

/// Whether a file of this name may be in a backup.
pub fn is_known(name: &str) -> bool {
    SECRETS.contains(&name) || Role::SERVICES.iter().any(|role| file_of(*role) == name)
}

/// Counts and hashes what is read through it, as long as that is to go on.
pub struct Hashed<'s, R> {
    inner: R,
    context: Context,
    bytes: u64,
    stop: &'s Stop,
}

impl<'s, R: Read> Hashed<'s, R> {
    pub fn new(inner: R, stop: &'s Stop) -> Self {
        Self { inner, context: Context::new(&SHA256), bytes: 0, stop }
    }

    /// What was read, as the file of this name.
    pub fn file(self, name: &str) -> File {
        let sha256 = hex::encode(self.context.finish());
        File { file: name.to_owned(), bytes: self.bytes, sha256 }
    }
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.stop.goes_on() {
            return Err(io::Error::other("it was broken off"));
        }
        let count = self.inner.read(into)?;
        self.context.update(&into[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = File { file: "user.db".to_owned(), bytes: 3, sha256: "00".to_owned() };
        let schema = roles::known_migrations(Role::User).pop().unwrap();
        let mut manifest = Manifest::new("2026-11-30T00:00:00Z".to_owned());
        manifest.databases.push(Database { role: "user".to_owned(), schema, file });
        manifest
    }

    fn refused(change: impl FnOnce(&mut Manifest)) -> Error {
        let mut changed = manifest();
        change(&mut changed);
        Manifest::read(changed.text().unwrap().as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_written_is_read() {
        let manifest = manifest();
        assert_eq!(Manifest::read(manifest.text().unwrap().as_bytes()).unwrap(), manifest);
    }

    #[test]
    fn a_newer_one_says_by_what_to_read_it() {
        let newer = br#"{"format": 2, "program": "9.9.9", "all": "different"}"#;
        let refused = Manifest::read(newer).unwrap_err().to_string();
        assert!(refused.contains("format 2") && refused.contains("9.9.9"), "{refused}");
        let schema = self::refused(|it| it.databases[0].schema = "m999999_later".to_owned());
        assert!(
            matches!(&schema, Error::Database(_)) && schema.to_string().contains("m999999_later"),
            "{schema}"
        );
    }

    #[test]
    fn no_name_leads_out_of_a_folder() {
        refused(|it| it.databases[0].file.file = "../user.db".to_owned());
        refused(|it| it.databases[0].role = "gateway".to_owned());
        let key = |name: &str| File { file: name.to_owned(), bytes: 1, sha256: String::new() };
        refused(|it| it.keys = vec![key("/etc/passwd")]);
        refused(|it| it.keys = vec![key("mesh.secret"), key("mesh.secret")]);
        refused(|it| it.databases = Vec::new());
        for name in ["user.db", "signing.key"] {
            assert!(is_known(name));
        }
        for name in ["gateway.db", "a/user.db", "", ".", "manifest.json", "user.db-wal"] {
            assert!(!is_known(name), "{name}");
        }
    }

    #[test]
    fn a_hash_is_that_of_what_was_read() {
        let stop = Stop::default();
        let mut hashed = Hashed::new(&b"abc"[..], &stop);
        io::copy(&mut hashed, &mut io::sink()).unwrap();
        let file = hashed.file("user.db");
        assert_eq!(file.bytes, 3);
        assert_eq!(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
