//! Copies of several embedded databases, all of one moment, taken beside the process that writes to them.
//!
//! SQLite lets one connection write at a time, whatever process it belongs to. So whoever has that right in every database
//! holds up all writes, and what begins to read meanwhile reads the same moment everywhere. Writes go on as soon as all reads
//! have begun: the copies are made of what these see, which no later write changes. If the process that does so dies, its
//! rights are gone with it.

mod copy;

use std::{
    fs::File,
    io,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::{OpenError, location, sqlite};
use crate::Role;

pub use self::copy::{LOG_JUMP, renumber_feed};

/// How long between two tries to get the right to write: often, because writers that wait for each other leave only moments.
const PAUSE: Duration = Duration::from_micros(50);
/// How long a copy waits for a checkpoint that locks the database for a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(
        "the {role} database was written to for all of {within:?}, so there was no common moment: try again, or give it longer"
    )]
    Busy { role: Role, within: Duration },
    #[error("the {role} database cannot be copied: {problem}")]
    Copy { role: Role, problem: String },
    #[error("it was broken off")]
    Stopped,
}

/// One moment of several databases.
#[derive(Debug)]
pub struct Moment {
    pub snapshots: Vec<Snapshot>,
    /// For how long no database could be written to.
    pub pause: Duration,
}

/// A database as it was at a moment.
#[derive(Debug)]
pub struct Snapshot {
    role: Role,
    /// In a transaction that reads.
    connection: Connection,
    schema: String,
    bytes: u64,
}

/// The file of an embedded database.
pub fn file(url: &str) -> Option<&Path> {
    sqlite::path(url)
}

/// Whether an embedded database has a schema: one that is missing or empty has none. What cannot be read is for whoever
/// opens it to judge.
pub fn has_schema(file: &Path) -> bool {
    if !file.exists() {
        return false;
    }
    let newest = open(file).and_then(|connection| {
        connection.busy_timeout(PATIENCE)?;
        schema(&connection)
    });
    newest.map_or(true, |newest| newest.is_some())
}

impl Moment {
    /// Holds up all writes to these databases until a common moment of them is marked; at the most for this long.
    pub fn of(databases: &[(Role, String)], within: Duration) -> Result<Self, SnapshotError> {
        let places = databases.iter().map(|(role, url)| Place::open(*role, url));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let begun = Instant::now();
        let pause = hold(&places, begun + within, within)?;
        let snapshots = places.into_iter().map(Place::into_snapshot).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { snapshots, pause })
    }
}

/// Has every database's right to write at the same time, and begins to read in each meanwhile.
fn hold(places: &[Place], until: Instant, within: Duration) -> Result<Duration, SnapshotError> {
    let mut held = Vec::new();
    let mut since = Instant::now();
    for place in places {
        held.push(place.hold(until, within)?);
        if held.len() == 1 {
            since = Instant::now();
        }
    }
    for place in places {
        place.begin_to_read()?;
    }
    drop(held);
    Ok(since.elapsed())
}

/// A database that is to be copied.
struct Place {
    role: Role,
    location: String,
    reader: Connection,
    writer: Connection,
}

/// The right to write, until it is dropped.
struct Held<'p>(&'p Connection);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let _ = self.0.execute_batch("ROLLBACK");
    }
}

impl Place {
    fn open(role: Role, url: &str) -> Result<Self, OpenError> {
        let location = location(url);
        let unfit = |problem: String| OpenError::unfit(role, &location, problem);
        let Some(path) = sqlite::path(url) else { return Err(unfit("it is not embedded".to_owned())) };
        if !path.exists() {
            return Err(unfit(
                "there is none yet: the shop was never started with these settings".to_owned(),
            ));
        }
        let connect = || {
            let connection = open(path)?;
            connection.busy_timeout(PATIENCE)?;
            // What the first statement of a connection takes is not to take time while all wait.
            schema(&connection)?;
            Ok(connection)
        };
        let reader = connect().map_err(|error: rusqlite::Error| unfit(error.to_string()))?;
        reader.pragma_update(None, "query_only", true).map_err(|error| unfit(error.to_string()))?;
        let writer = connect().map_err(|error| unfit(error.to_string()))?;
        writer.busy_timeout(Duration::ZERO).map_err(|error| unfit(error.to_string()))?;
        Ok(Self { role, location, reader, writer })
    }

    fn unfit(&self, error: &rusqlite::Error) -> OpenError {
        OpenError::unfit(self.role, &self.location, error)
    }

    fn hold(&self, until: Instant, within: Duration) -> Result<Held<'_>, SnapshotError> {
        loop {
            match self.writer.execute_batch("BEGIN IMMEDIATE") {
                Ok(()) => return Ok(Held(&self.writer)),
                Err(error) if is_busy(&error) && Instant::now() < until => pause(),
                Err(error) if is_busy(&error) => {
                    return Err(SnapshotError::Busy { role: self.role, within });
                }
                Err(error) => return Err(self.unfit(&error).into()),
            }
        }
    }

    /// The first row that is read marks what is seen from then on.
    fn begin_to_read(&self) -> Result<(), OpenError> {
        let begin = self.reader.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1");
        begin.map_err(|error| self.unfit(&error))
    }

    fn into_snapshot(self) -> Result<Snapshot, OpenError> {
        let number = |pragma: &str| self.reader.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let bytes = number("page_count").and_then(|count| Ok(count * number("page_size")?));
        let bytes = bytes.map_err(|error| self.unfit(&error))?;
        let newest = schema(&self.reader).map_err(|error| self.unfit(&error))?;
        let schema = newest.ok_or_else(|| {
            let problem = "it has no schema yet: the shop was never started with these settings";
            OpenError::unfit(self.role, &self.location, problem)
        })?;
        let Self { role, reader: connection, .. } = self;
        Ok(Snapshot { role, connection, schema, bytes: u64::try_from(bytes).unwrap_or_default() })
    }
}

impl Snapshot {
    /// Whose it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The last migration of its schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// How large its copy will be.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Has a file, and that it is where it is, survive a power cut.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[allow(clippy::disallowed_methods, reason = "all of this blocks, and is called where that does no harm")]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// Opens one that there is.
fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(file, flags)
}

/// The last migration that was applied; none of a database without a schema.
fn schema(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let table = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'seaql_migrations'";
    if connection.query_row(table, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let newest = "SELECT version FROM seaql_migrations ORDER BY version DESC LIMIT 1";
    connection.query_row(newest, [], |row| row.get(0)).optional()
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[cfg(test)]
mod tests;
