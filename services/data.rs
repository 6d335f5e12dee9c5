//! The data folder, and the secrets that are generated into it.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use kit::{Db, Role, Secret, identity::MeshSecret};
use user::KeyFile;

use crate::{
    backup::UNFINISHED,
    databases::in_use,
    error::Error,
    settings::{DataDir, KeyFileSetting, Settings, SharedSecret},
};

const MESH_SECRET: &str = "mesh.secret";
/// The generated key file.
pub const SIGNING_KEY: &str = "signing.key";
/// There from before the key file is generated until the first start has succeeded: meanwhile databases may be new.
const FIRST_START: &str = ".first-start";
/// The fewest characters that a mesh secret may have.
const SHORTEST_SECRET: usize = 16;

/// The mesh secret of a process, generated where nobody gave one and all roles run here.
pub fn own_mesh_secret(settings: &Settings) -> Result<MeshSecret, Error> {
    let (given, folder) = (&settings.secrets.mesh, &settings.process.data.path);
    let alone = settings.process.roles.get().len() == Role::ALL.len();
    if !given.is_given() && alone {
        generated(folder, MESH_SECRET)?;
    }
    match given.is_given() || alone {
        true => mesh_secret(given, folder),
        // A gateway with a certificate shares nothing with anybody.
        false => Ok(MeshSecret::random()),
    }
}

/// What wraps the user service's signing keys, generated where nobody gave one: for a database in which nothing is wrapped
/// yet.
pub async fn own_key_file(settings: &Settings, db: &Db) -> Result<KeyFile, Error> {
    let (given, folder) = (&settings.secrets.key_file, &settings.process.data.path);
    let holds = user::holds(db).await.map_err(|error| Error::role(Role::User, error))?;
    if given.path.is_none() && !folder.join(SIGNING_KEY).exists() {
        if holds.wrapped {
            return Err(Error::usage(format!(
                "--data-dir: {}: the user database has signing keys, but {SIGNING_KEY}, which they are wrapped by, is not there: \
                 put it back from where it is kept, or name it by --key-file; one that is lost: docs/operations.md, \
                 A key file that is lost",
                folder.display()
            )));
        }
        make_folder(folder)?;
        let marked = fs::File::create(folder.join(FIRST_START)).and_then(|mark| mark.sync_all());
        marked.map_err(|error| Error::usage(format!("--data-dir: {}: {error}", folder.display())))?;
        generated(folder, SIGNING_KEY)?;
    }
    if has_served(folder) && !holds.users && db.location().starts_with("sqlite:") {
        return Err(in_use(Role::User, db.location(), &lost(folder, "it has no users")));
    }
    key_file_of(given, folder)
}

/// Whether a shop on this folder was ready once: it has a key file then, which somebody may rely on.
fn has_served(folder: &Path) -> bool {
    folder.join(SIGNING_KEY).exists() && !folder.join(FIRST_START).exists()
}

/// Takes note that the shop is ready: from now on all that belongs to it must be there.
pub fn has_started(settings: &Settings) {
    // If it stays, the next start finds less.
    let _ = fs::remove_file(settings.process.data.path.join(FIRST_START));
}

/// Finds out whether something is missing of what was in the data folder, before it is made anew: a shop without its orders
/// would come up as if it had never had any.
pub fn check_whole(settings: &Settings) -> Result<(), Error> {
    let (folder, here) = (&settings.process.data.path, settings.process.roles.get());
    let unfinished = folder.join(UNFINISHED);
    if unfinished.exists() {
        let problem = "a restore into it was broken off: empty the folder, then restore again";
        return Err(Error::usage(format!("--data-dir: {}: {problem}", folder.display())));
    }
    if !has_served(folder) {
        return Ok(());
    }
    for role in here.iter().copied().filter(|role| Role::SERVICES.contains(role)) {
        let url = settings.databases.url(role, &here, &settings.process.data)?;
        let Some(file) = kit::db::snapshot::file(&url) else { continue };
        if !kit::db::snapshot::has_schema(file) {
            let what = if file.exists() { "it is empty" } else { "it is missing" };
            return Err(in_use(role, &url, &lost(folder, what)));
        }
    }
    Ok(())
}

fn lost(folder: &Path, what: &str) -> String {
    format!(
        "{what}, though {} has the keys of a shop that was in use. Was it lost, or copied without the -wal file beside it? Put \
         it back, or `feira restore` a backup into an empty folder. To begin anew, remove {SIGNING_KEY} and all databases; a key \
         file that was put there by hand is named by --key-file instead",
        folder.display()
    )
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
