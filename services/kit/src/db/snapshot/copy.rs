//! The copy of a database as it was at a moment, and what makes it fit to be used again.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Instant,
};

use rusqlite::{
    OptionalExtension,
    backup::{Backup, StepResult},
};

use super::{PATIENCE, Snapshot, SnapshotError, open, pause, sync};
use crate::{Clock, Role};

/// Pages that are copied between two looks whether to go on.
const PAGES: i32 = 1_000;
/// Positions of a restored feed begin at the next multiple of this.
pub(super) const JUMP: i64 = 1_000_000_000;
/// Those of the log of events go on so far behind.
pub const LOG_JUMP: i64 = 5_000_000;

impl Snapshot {
    /// Writes it to a new file, which only its owner reads: one file, which has all. What is damaged is found by SQLite's own
    /// check. `goes_on` is asked every few MiB.
    pub fn copy(self, to: &Path, goes_on: &dyn Fn() -> bool) -> Result<(), SnapshotError> {
        let role = self.role;
        let failed = |problem: String| SnapshotError::Copy { role, problem };
        let sqlite = |error: rusqlite::Error| failed(error.to_string());
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .map_err(|error| failed(format!("{}: {error}", to.display())))?;
        let mut copy = open(to).map_err(sqlite)?;
        // Nobody else has it, and half of it is of no use: it needs neither a journal nor locks.
        copy.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF",
        )
        .map_err(sqlite)?;
        {
            let backup = Backup::new(&self.connection, &mut copy).map_err(sqlite)?;
            let begun = Instant::now();
            loop {
                if !goes_on() {
                    return Err(SnapshotError::Stopped);
                }
                match backup.step(PAGES).map_err(sqlite)? {
                    StepResult::Done => break,
                    StepResult::Busy | StepResult::Locked if begun.elapsed() > PATIENCE => {
                        return Err(failed("it is locked".to_owned()));
                    }
                    StepResult::Busy | StepResult::Locked => pause(),
                    _ => {}
                }
            }
        }
        // No reader of the copy should need files beside it.
        copy.execute_batch("PRAGMA journal_mode = DELETE").map_err(sqlite)?;
        let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(sqlite)?;
        if found != "ok" {
            return Err(failed(format!("it is damaged: {found}")));
        }
        drop(copy);
        File::open(to).and_then(|file| file.sync_all()).map_err(|error| failed(error.to_string()))
    }
}

/// Makes a restored database fit for those who follow its feed. Events after the copied moment are gone, but others may have
/// seen them: positions go on far behind theirs, so that nobody takes a new event for one already seen. That place is marked
/// by an event that says nothing.
pub fn renumber_feed(role: Role, file: &Path, clock: &Clock) -> Result<(), SnapshotError> {
    let failed = |problem: String| SnapshotError::Copy { role, problem };
    let sqlite = |error: rusqlite::Error| failed(error.to_string());
    let connection = open(file).map_err(sqlite)?;
    let last: Option<i64> = connection
        .query_row("SELECT MAX(position) FROM outbox", [], |row| row.get(0))
        .optional()
        .map_err(sqlite)?
        .flatten();
    let next = (last.unwrap_or(0) / JUMP + 1) * JUMP;
    connection
        .execute(
            "INSERT INTO outbox (position, aggregate_id, kind, data, create_time) VALUES (?, ?, ?, ?, ?)",
            (next, "restored", "google.protobuf.Empty", [0_u8; 0], clock.now().0),
        )
        .map_err(sqlite)?;
    connection
        .execute("UPDATE feed_head SET position = ? WHERE id = 1 AND position < ?", (next, next))
        .map_err(sqlite)?;
    let log = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'event_head'";
    if connection.query_row(log, [], |row| row.get::<_, i64>(0)).map_err(sqlite)? > 0 {
        connection
            .execute("UPDATE event_head SET position = position + ? WHERE id = 1", [LOG_JUMP])
            .map_err(sqlite)?;
    }
    connection.close().map_err(|(_, error)| sqlite(error))?;
    sync(file).map_err(|error| failed(error.to_string()))
}
