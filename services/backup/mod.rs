//! `feira backup` and `feira restore`: embedded databases as one archive of one moment, while the shop runs or not.

mod manifest;
mod receive;
mod restore;
mod write;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use kit::{
    Role,
    db::snapshot::{Moment, SnapshotError},
};

pub use self::restore::{Restore, UNFINISHED, restore};
use self::{
    manifest::Manifest,
    write::{Secret, Target},
};
use crate::{
    banner,
    data::{self, SIGNING_KEY},
    databases::in_use,
    error::Error,
    serve::Signals,
    settings::{ConfigFile, DataDir, Databases, KeyFileSetting, Roles, SharedSecret},
};

/// Copies the embedded databases.
#[derive(clap::Args, Debug)]
pub struct Backup {
    /// The folder to make, or - for a tar archive on standard output
    #[arg(value_name = "FOLDER|-")]
    target: PathBuf,

    /// Take the key file and the mesh secret along. Whoever has such a backup can sign in as anybody; without them, whoever
    /// restores it needs both from elsewhere
    #[arg(long)]
    with_keys: bool,

    /// How long to try for a moment in which no database is written to; writes wait meanwhile, usually for some milliseconds
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = kit::some_time)]
    patience: Duration,

    /// With -: a folder with room for the largest database, which lies there until it is written (default: the system's
    /// folder for temporary files)
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,

    #[command(flatten)]
    roles: Roles,

    #[command(flatten)]
    data: DataDir,

    #[command(flatten)]
    databases: Databases,

    #[command(flatten)]
    secret: SharedSecret,

    #[command(flatten)]
    key_file: KeyFileSetting,

    #[command(flatten)]
    _config: ConfigFile,
}

/// Whether to go on.
#[derive(Debug, Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn goes_on(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

/// How long work that is broken off may take to end: what it waits for may never come.
const LAST: Duration = Duration::from_secs(10);

/// Does work that blocks; a signal ends it, and what it has made so far is removed. Where it waits for a pipe, it is left as
/// it is after a while, or at another signal.
async fn interruptible<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let mut signals = Signals::catch()?;
    let stop = Stop::default();
    let stopped = stop.clone();
    let mut work = tokio::task::spawn_blocking(move || work(&stopped));
    tokio::select! {
        done = &mut work => return done.map_err(Error::other)?,
        () = signals.next() => stop.0.store(true, Ordering::Relaxed),
    }
    tokio::select! {
        done = &mut work => done.map_err(Error::other)?,
        () = signals.next() => Err(Error::other(LEFT)),
        () = tokio::time::sleep(LAST) => Err(Error::other(LEFT)),
    }
}

const LEFT: &str =
    "it was broken off while it waited for standard input or output: what it has made so far is left behind";

/// Makes a backup.
pub async fn backup(backup: Backup) -> Result<(), Error> {
    interruptible(move |stop| make(&backup, stop)).await
}

fn make(backup: &Backup, stop: &Stop) -> Result<(), Error> {
    let begun = Instant::now();
    let embedded = embedded(backup)?;
    let secrets = if backup.with_keys { secrets(backup, &embedded)? } else { Vec::new() };
    let mut target = Target::open(&backup.target, backup.scratch.as_deref(), SystemTime::now())?;

    let moment = Moment::of(&embedded, backup.patience).map_err(failed)?;
    let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let mut manifest = Manifest::new(time);
    for snapshot in moment.snapshots {
        manifest.databases.push(target.database(snapshot, stop)?);
    }
    for secret in &secrets {
        manifest.keys.push(target.secret(secret, stop)?);
    }
    target.finish(&manifest)?;

    let text = summary(&manifest, moment.pause, begun.elapsed());
    // Of an archive, standard output has the archive.
    if backup.target.as_os_str() == "-" {
        banner::note(&text)
    } else {
        banner::print(&text)?
    }
    if !backup.with_keys {
        banner::note(WITHOUT_KEYS);
    }
    Ok(())
}

const WITHOUT_KEYS: &str = "\
The keys are not in it: keep the key file (signing.key) and the mesh secret (mesh.secret) elsewhere, or give --with-keys.
";

fn summary(manifest: &Manifest, pause: Duration, took: Duration) -> String {
    let roles: Vec<&str> = manifest.databases.iter().map(|database| database.role.as_str()).collect();
    format!(
        "{}, {} of {} in {:.1?}; writes waited {:.1?}\n",
        roles.join(", "),
        size(manifest.bytes()),
        manifest.time,
        took,
        pause
    )
}

/// A size for people.
fn size(bytes: u64) -> String {
    match bytes >> 10 {
        kib @ 0..1_024 => format!("{kib} KiB"),
        kib => format!("{} MiB", kib >> 10),
    }
}

/// Where the embedded databases are of the roles meant.
fn embedded(backup: &Backup) -> Result<Vec<(Role, String)>, Error> {
    let here = backup.roles.get();
    let mut found = Vec::new();
    for role in here.iter().copied().filter(|role| Role::SERVICES.contains(role)) {
        let url = backup.databases.url(role, &here, &backup.data)?;
        if kit::db::snapshot::file(&url).is_none() {
            return Err(Error::usage(format!(
                "the {role} database is on a server ({}): its own tools copy it, see docs/operations.md, Backup; --role names \
                 the roles whose databases are embedded",
                kit::db::location(&url)
            )));
        }
        if !kit::db::exists(&url) {
            return Err(in_use(
                role,
                &url,
                "there is none yet: the shop was never started with these settings",
            ));
        }
        found.push((role, url));
    }
    if found.is_empty() { Err(Error::usage("no role is named that has a database")) } else { Ok(found) }
}

/// The secrets, as a process with these settings would read them.
fn secrets(backup: &Backup, embedded: &[(Role, String)]) -> Result<Vec<Secret>, Error> {
    let folder = &backup.data.path;
    let mut secrets = Vec::new();
    if embedded.iter().any(|(role, _)| *role == Role::User) {
        // Not what is no key file.
        data::key_file_of(&backup.key_file, folder)?;
        let file = backup.key_file.path.clone().unwrap_or_else(|| folder.join(SIGNING_KEY));
        secrets.push(Secret::read(manifest::SECRETS[0], &file)?);
    }
    data::mesh_secret(&backup.secret, folder)?;
    secrets.push(match data::mesh_secret_file(&backup.secret, folder) {
        Some(file) => Secret::read(manifest::SECRETS[1], &file)?,
        None => {
            let given = backup.secret.read().map_err(Error::usage)?;
            let text = given.map(|(_, text)| text.expose().to_owned()).unwrap_or_default();
            Secret::of(manifest::SECRETS[1], text.into_bytes())
        }
    });
    Ok(secrets)
}

fn failed(error: SnapshotError) -> Error {
    match error {
        SnapshotError::Open(error) => Error::Database(error),
        other => Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_of_when_it_is_and_what_it_took() {
        let manifest = Manifest::new("2026-11-30T00:00:00.000Z".to_owned());
        let text = summary(&manifest, Duration::from_micros(4_210), Duration::from_millis(1_234));
        assert_eq!(text, ", 0 KiB of 2026-11-30T00:00:00.000Z in 1.2s; writes waited 4.2ms\n");
        assert_eq!(size(5 << 20), "5 MiB");
        assert_eq!(size(1 << 30), "1024 MiB");
    }
}
