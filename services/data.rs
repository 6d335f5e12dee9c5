//! The data folder, and the secrets that are generated into it.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use kit::{Role, Secret, identity::MeshSecret};
use user::KeyFile;

use crate::{
    error::Error,
    settings::{DataDir, KeyFileSetting, Settings, SharedSecret},
};

const MESH_SECRET: &str = "mesh.secret";
const SIGNING_KEY: &str = "signing.key";
/// The fewest characters that a mesh secret may have.
const SHORTEST_SECRET: usize = 16;

/// What a process must know and nobody else may.
pub struct Secrets {
    pub mesh: MeshSecret,
    /// What wraps the user service's signing keys; where that runs here.
    pub key_file: Option<KeyFile>,
}

impl Secrets {
    /// Reads them, and generates those that nobody gave.
    pub fn get(settings: &Settings) -> Result<Self, Error> {
        let roles = settings.process.roles.get();
        let given = settings.secrets.mesh.is_given();
        if !given && roles.len() == Role::ALL.len() {
            generated(&settings.process.data.path, MESH_SECRET)?;
        }
        let mesh = match given || roles.len() == Role::ALL.len() {
            true => mesh_secret(&settings.secrets.mesh, &settings.process.data.path)?,
            // A gateway with a certificate shares nothing with anybody.
            false => MeshSecret::random(),
        };
        if roles.contains(&Role::User) && settings.secrets.key_file.path.is_none() {
            generated(&settings.process.data.path, SIGNING_KEY)?;
        }
        let key_file = roles.contains(&Role::User);
        let key_file = key_file
            .then(|| key_file_of(&settings.secrets.key_file, &settings.process.data.path))
            .transpose()?;
        Ok(Self { mesh, key_file })
    }
}

/// Finds what is wrong with secrets that are given, before any is made.
pub fn check(settings: &Settings) -> Result<(), Error> {
    if settings.secrets.mesh.is_given() {
        mesh_secret(&settings.secrets.mesh, &settings.process.data.path)?;
    }
    match &settings.secrets.key_file.path {
        Some(_) if settings.process.roles.get().contains(&Role::User) => {
            key_file_of(&settings.secrets.key_file, &settings.process.data.path).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// The mesh secret, as it was given or as it is in the data folder.
pub fn mesh_secret(given: &SharedSecret, folder: &Path) -> Result<MeshSecret, Error> {
    let (source, secret) = match (mesh_secret_file(given, folder), given.read().map_err(Error::usage)?) {
        (None, Some((setting, secret))) => (setting.to_owned(), secret),
        (Some(file), Some((setting, _))) => {
            (setting.to_owned(), Secret::read_all(setting, &file).map_err(Error::usage)?)
        }
        (file, None) => {
            let file = file.unwrap_or_default();
            let secret = Secret::read_all("--data-dir", &file).map_err(Error::usage)?;
            (file.display().to_string(), secret)
        }
    };
    MeshSecret::of_lines(secret.expose(), SHORTEST_SECRET)
        .map_err(|problem| Error::usage(format!("{source}: {problem}")))
}

/// The file that the mesh secret is in; none where its text was given.
pub fn mesh_secret_file(given: &SharedSecret, folder: &Path) -> Option<PathBuf> {
    match given.is_given() {
        true => given.path().map(Path::to_owned),
        false => Some(folder.join(MESH_SECRET)),
    }
}

/// The key file, as it was given or as it is in the data folder.
pub fn key_file_of(given: &KeyFileSetting, folder: &Path) -> Result<KeyFile, Error> {
    let read = match &given.path {
        Some(file) => KeyFile::read("FEIRA_KEY_FILE", file),
        None => KeyFile::read("--data-dir", &folder.join(SIGNING_KEY)),
    };
    read.map_err(Error::usage)
}

/// Makes the data folder, for its owner's eyes only, if there is none.
pub fn make_folder(folder: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Error::usage(format!("--data-dir: {}: {error}", folder.display())))
}

/// The same where a database is embedded.
pub fn make_folder_for(url: &str, data: &DataDir) -> Result<(), Error> {
    if url.starts_with("sqlite:") { make_folder(&data.path) } else { Ok(()) }
}

/// A secret's file in the data folder, made if there is none. Of processes that start at once one makes
/// it, and all read the same.
fn generated(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    make_folder(folder)?;
    let file = folder.join(name);
    let wrong = |error: io::Error| Error::usage(format!("--data-dir: {}: {error}", file.display()));
    if file.try_exists().map_err(wrong)? {
        return Ok(file);
    }
    // Written apart and then linked, so that nobody ever reads half of it.
    let draft = folder.join(format!(".{name}.{:016x}", rand::random::<u64>()));
    let write = || {
        let mut draft = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        writeln!(draft, "{}", hex::encode(rand::random::<[u8; 32]>()))?;
        draft.sync_all()
    };
    let linked = write().and_then(|()| fs::hard_link(&draft, &file));
    let _ = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(wrong(error)),
        _ => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn starters_at_once_agree_on_a_secret_that_only_its_owner_reads() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("data");
        let read: Vec<String> = std::thread::scope(|scope| {
            let starters: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| fs::read_to_string(generated(&folder, MESH_SECRET).unwrap()).unwrap())
                })
                .collect();
            starters.into_iter().map(|starter| starter.join().unwrap()).collect()
        });
        assert!(read.iter().all(|secret| secret == &read[0] && secret.trim().len() == 64));
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(folder.join(MESH_SECRET)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}
