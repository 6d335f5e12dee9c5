//! Whether a database can do its work, which is to take writes: a standby, a frozen server or a full disk answers
//! well, and is of no use.

mod examine;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr};

use super::{Db, mysql, postgres, sqlite};
use crate::{Fault, fault::Meaning};

/// Free space below which an embedded database counts as full, in bytes.
const LEAST_SPACE: u64 = 1 << 20;

/// Why a database is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    #[error("it does not answer: {0}")]
    Silent(DbErr),
    #[error("it takes reads alone")]
    ReadOnly,
    #[error("it refuses a write: {0}")]
    Refuses(DbErr),
    #[error("its disk is full")]
    Full,
    #[error("its file: {0}")]
    File(std::io::Error),
}

/// What became of the last writes.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    refused: AtomicBool,
    /// It was found not to be ready when it was looked at last.
    unready: AtomicBool,
}

impl Writes {
    /// One was taken for certain. (What others commit may have written nothing.)
    fn taken(&self) {
        self.refused.store(false, Ordering::Relaxed);
    }

    /// One failed.
    pub fn failed(&self, meaning: Meaning) {
        if meaning.refuses_writes() {
            self.refused.store(true, Ordering::Relaxed);
        }
    }
}

impl Db {
    /// Whether it answers and takes writes. Once a write was refused, only one that succeeds counts: this tries.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let ready = self.look().await;
        self.0.writes.unready.store(ready.is_err(), Ordering::Relaxed);
        ready
    }

    /// Whether it answers now, and took writes when that was looked at last: before work that others begin.
    pub async fn answers(&self) -> Result<(), Fault> {
        if self.0.writes.unready.load(Ordering::Relaxed) {
            return Err(Fault::unavailable(self.role().name()));
        }
        self.read().execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    async fn look(&self) -> Result<(), NotReady> {
        let reader = self.read();
        let read_only = match self.0.backend {
            DatabaseBackend::Postgres => postgres::is_read_only(reader).await,
            DatabaseBackend::MySql => mysql::is_read_only(reader).await,
            _ => reader.execute_unprepared("SELECT 1").await.map(|_| false),
        };
        if read_only.map_err(NotReady::Silent)? {
            // Whoever is behind its name next takes writes, perhaps.
            reader.renew();
            return Err(NotReady::ReadOnly);
        }
        if let Some(path) = sqlite::path(&self.0.url) {
            file_takes_writes(path)?;
        }
        if self.0.writes.refused.load(Ordering::Relaxed) {
            self.try_write().await.map_err(NotReady::Refuses)?;
            self.0.writes.taken();
        }
        Ok(())
    }

    /// Writes what is there already. By way of another value: a row that does not change is not written by SQLite
    /// and MySQL, so that a full disk would take it.
    async fn try_write(&self) -> Result<(), DbErr> {
        let tx = self.0.writer.begin_write().await?;
        for change in ["position + 1", "position - 1"] {
            let statement = format!("UPDATE feed_head SET position = {change} WHERE id = 1");
            let done = tx.execute_unprepared(&statement).await;
            if let Err(error) = &done {
                self.0.writer.judge(error);
            }
            done?;
        }
        tx.commit().await
    }
}

/// Whether an embedded database's file can be written to, as far as that can be known without writing: idle shops
/// stay idle.
fn file_takes_writes(path: &Path) -> Result<(), NotReady> {
    use rustix::fs::{Access, access, statvfs};
    access(path, Access::WRITE_OK).map_err(|error| NotReady::File(error.into()))?;
    // Where it cannot be known, the next write shows it.
    match statvfs(path) {
        Ok(volume) if volume.f_bavail.saturating_mul(volume.f_frsize) < LEAST_SPACE => Err(NotReady::Full),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_is_gone_takes_no_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        assert!(matches!(file_takes_writes(&path), Err(NotReady::File(_))));
        std::fs::write(&path, "").unwrap();
        file_takes_writes(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        // An administrator may write whatever the mode says.
        let may = std::fs::OpenOptions::new().append(true).open(&path).is_ok();
        assert_eq!(file_takes_writes(&path).is_ok(), may);
    }
}
