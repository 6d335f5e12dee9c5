//! `feira restore`: a data folder out of a backup. Everything is received and checked in a folder within it, and takes its
//! place after that.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use kit::{
    Clock, Role,
    db::snapshot::{renumber_feed, sync},
};

use super::{Stop, failed, interruptible, manifest::Manifest, receive::Archive, size};
use crate::{
    banner, data,
    error::Error,
    settings::{ConfigFile, DataDir},
};

/// Where files are until all of them are checked. A data folder that has it is not whole.
pub const UNFINISHED: &str = ".restore";
/// What a new volume has.
const OF_A_VOLUME: &str = "lost+found";

/// Makes a data folder out of a backup.
#[derive(clap::Args, Debug)]
pub struct Restore {
    /// The backup: its folder, its tar archive, or - for a tar archive on standard input
    #[arg(value_name = "BACKUP|-")]
    archive: PathBuf,

    #[command(flatten)]
    data: DataDir,

    #[command(flatten)]
    _config: ConfigFile,
}

/// Restores a backup.
pub async fn restore(restore: Restore) -> Result<(), Error> {
    interruptible(move |stop| make(&restore, stop)).await
}

fn make(restore: &Restore, stop: &Stop) -> Result<(), Error> {
    let folder = &restore.data.path;
    let is_new = !folder.exists();
    refuse_what_is_there(folder)?;
    let archive = Archive::open(&restore.archive)?;
    data::make_folder(folder)?;
    let (unfinished, mut moved) = (claim(folder)?, Vec::new());
    let done = put(archive, (&unfinished, folder), &mut moved, stop);
    if done.is_err() {
        // What was moved already is not whole either. The mark goes last.
        for path in moved {
            let _ = fs::remove_file(path);
        }
        let _ = fs::remove_dir_all(&unfinished);
        if is_new {
            let _ = fs::remove_dir(folder);
        }
    }
    let manifest = done?;
    banner::print(&said(&manifest, folder))
}

/// What is in a folder, but what every volume has.
fn names(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
    let names = names.collect::<io::Result<Vec<_>>>()?;
    Ok(names.into_iter().filter(|name| name != OF_A_VOLUME).collect())
}

const BROKEN_OFF: &str = "a restore into it was broken off: empty it first, unless it still goes on";
const NOT_EMPTY: &str =
    "is not empty, and nothing is restored over what is there: name another, or move it away";

fn wrong(folder: &Path, problem: &dyn std::fmt::Display) -> Error {
    Error::usage(format!("--data-dir: {}: {problem}", folder.display()))
}

fn refuse_what_is_there(folder: &Path) -> Result<(), Error> {
    match names(folder) {
        Ok(names) if names.iter().any(|name| name == UNFINISHED) => Err(wrong(folder, &BROKEN_OFF)),
        Ok(names) if !names.is_empty() => Err(wrong(folder, &NOT_EMPTY)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(wrong(folder, &error)),
        _ => Ok(()),
    }
}

/// Marks an empty folder as not whole: from here on a start refuses it, and another restore does, whatever happens to this one.
fn claim(folder: &Path) -> Result<PathBuf, Error> {
    let broken = |error: io::Error| Error::other(format!("{}: {error}", folder.display()));
    let unfinished = folder.join(UNFINISHED);
    match fs::DirBuilder::new().mode(0o700).create(&unfinished) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(wrong(folder, &BROKEN_OFF)),
        made => made.map_err(broken)?,
    }
    sync(&unfinished).map_err(broken)?;
    // Somebody may have been faster since it was empty.
    if names(folder).map_err(broken)?.len() > 1 {
        fs::remove_dir(&unfinished).map_err(broken)?;
        return Err(wrong(folder, &NOT_EMPTY));
    }
    Ok(unfinished)
}

fn put(
    archive: Archive,
    (unfinished, folder): (&Path, &Path),
    moved: &mut Vec<PathBuf>,
    stop: &Stop,
) -> Result<Manifest, Error> {
    let broken = |error: io::Error| Error::other(format!("{}: {error}", folder.display()));
    let manifest = archive.receive(unfinished, stop)?;
    for database in &manifest.databases {
        let role = Role::from_str(&database.role).map_err(Error::other)?;
        renumber_feed(role, &unfinished.join(&database.file.file), &Clock::system()).map_err(failed)?;
    }
    if !stop.goes_on() {
        return Err(Error::other("it was broken off"));
    }
    for file in manifest.files() {
        let place = folder.join(&file.file);
        // A process that had looked before the mark was there may have made it.
        if place.exists() {
            return Err(wrong(folder, &NOT_EMPTY));
        }
        fs::rename(unfinished.join(&file.file), &place).map_err(broken)?;
        moved.push(place);
    }
    sync(unfinished).map_err(broken)?;
    fs::remove_dir(unfinished).map_err(broken)?;
    sync(folder).map_err(broken)?;
    Ok(manifest)
}

fn said(manifest: &Manifest, folder: &Path) -> String {
    let roles: Vec<&str> = manifest.databases.iter().map(|database| database.role.as_str()).collect();
    let mut text = format!(
        "{}, {} of {}, restored into {}; start it, then `feira verify`\n",
        roles.join(", "),
        size(manifest.bytes()),
        manifest.time,
        folder.display()
    );
    let missing: Vec<&str> =
        Role::SERVICES.map(Role::name).into_iter().filter(|role| !roles.contains(role)).collect();
    if !missing.is_empty() {
        text += &format!("It has no databases of: {}.\n", missing.join(", "));
    }
    if manifest.keys.is_empty() && roles.contains(&Role::User.name()) {
        text += "It has no keys: before the start put that shop's signing.key and mesh.secret there, or name them by \
                 --key-file and FEIRA_MESH_SECRET_FILE.\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_second_leaves_the_first_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = claim(folder.path()).unwrap();
        fs::write(first.join("user.db"), "half of it").unwrap();
        assert!(matches!(claim(folder.path()), Err(Error::Usage(_))));
        assert!(first.join("user.db").exists());
    }

    #[test]
    fn a_folder_that_somebody_has_used_meanwhile_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let used = folder.path().join("user.db");
        fs::write(&used, "a shop").unwrap();
        assert!(matches!(claim(folder.path()), Err(Error::Usage(_))));
        assert_eq!(fs::read_to_string(&used).unwrap(), "a shop");
        assert_eq!(names(folder.path()).unwrap(), ["user.db"], "no mark is left");
    }
}
