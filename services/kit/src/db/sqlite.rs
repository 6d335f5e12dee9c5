//! The file of an embedded database.

use std::{path::Path, time::Duration};

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr};

use super::{Db, direct::Direct};

/// Empties the journal unless somebody reads it for longer than a moment; then waits as long as ever.
const EMPTY_JOURNAL: &str =
    "PRAGMA busy_timeout = 200; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = 5000";

/// A connection that was not needed for so long is closed: it is opened in no time, and holds up to 2 MiB of pages beside
/// its statements.
pub const IDLE: Duration = Duration::from_secs(20);

/// Takes a SQLite file for this process alone, for as long as it lives; `false` where another process has
/// it. What is woken and resumed within a process relies on there being one.
pub fn claim(url: &str) -> std::io::Result<bool> {
    let Some(path) = path(url) else { return Ok(true) };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(name)?;
    match file.try_lock() {
        Ok(()) => {
            // The lock goes with the process.
            std::mem::forget(file);
            Ok(true)
        }
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Whether another process has taken a SQLite file; it is not taken by looking.
pub fn is_claimed(url: &str) -> bool {
    let Some(path) = path(url) else { return false };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = std::fs::OpenOptions::new().write(true).open(name);
    file.is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

/// Whether there is such a database, as far as can be known without asking a server: a SQLite file may not be there.
pub fn exists(url: &str) -> bool {
    !url.starts_with("sqlite:") || path(url).is_none_or(Path::exists)
}

/// The file of a `sqlite:` URL.
pub(super) fn path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//").split('?').next()?;
    (!path.is_empty() && path != ":memory:").then(|| Path::new(path))
}

/// What reads such a database in place; none where the driver may have another idea of which file that is.
pub(super) fn direct(url: &str) -> Option<Direct> {
    path(url).filter(|_| !url.contains(['%', '?'])).map(Direct::new)
}

/// Makes a SQLite file that only its owner reads; SQLite gives the files beside it the same mode.
pub(super) fn make_private(url: &str) -> std::io::Result<()> {
    let Some(path) = path(url) else { return Ok(()) };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

impl Db {
    /// Writes an embedded database's journal into its file and empties it: what was deleted stands there until then. Where
    /// somebody reads what only the journal has it is left for the next time, and writers wait for no longer than that.
    pub(crate) async fn forget_journal(&self) -> Result<(), DbErr> {
        if self.backend() == DatabaseBackend::Sqlite {
            self.0.writer.execute_unprepared(EMPTY_JOURNAL).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Clock, Role, testing::Database};

    #[tokio::test]
    async fn what_is_deleted_stands_in_no_file_once_the_journal_is_empty() {
        const MARK: &str = "a-name-that-is-unmistakable";
        let database = Database::sqlite(Role::Article);
        let db = database.open(Clock::system()).await;
        let has_mark = || {
            let files = fs::read_dir(database.folder()).unwrap().map(|entry| entry.unwrap().path());
            let found = files.filter(|file| {
                fs::read(file).unwrap_or_default().windows(MARK.len()).any(|part| part == MARK.as_bytes())
            });
            found.collect::<Vec<_>>()
        };
        for statement in [
            "CREATE TABLE t (a text)".to_owned(),
            format!("INSERT INTO t VALUES ('{MARK}'), ('{}')", MARK.repeat(900)),
        ] {
            db.0.writer.execute_unprepared(&statement).await.unwrap();
        }
        assert!(!has_mark().is_empty());
        db.0.writer.execute_unprepared("DELETE FROM t").await.unwrap();
        db.forget_journal().await.unwrap();
        assert_eq!(has_mark(), Vec::<std::path::PathBuf>::new());
    }
}
