//! Reads of an embedded database on the thread that asks.
//!
//! SQLite's driver has a thread for each connection. A statement is sent to it, rows come back one by one, each cell
//! copied, and the pool asks the thread once more before it takes the connection back: ten times what SQLite itself
//! takes to find a row by its key. So reads of a few rows are made here, by connections of the same SQLite that need
//! no thread. What turns out to be long would keep the other calls of this thread waiting: it is given up, and goes to
//! the driver, as does whatever fails here for any other reason. A read has no effect, so beginning anew is harmless.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use sea_orm::{DbErr, Statement, Value};

use super::{cells::Cells, sqlite::IDLE};

/// Connections at the most: as many reads at a time. Further ones go to the driver.
const MOST: usize = 4;
/// Statements that a connection keeps prepared.
const PREPARED: usize = 64;
/// Steps of SQLite's virtual machine between two looks at how many there were.
const LOOK: i32 = 1_000;
/// As many looks later a read counts as long: after a millisecond or two.
const LOOKS: u32 = 60;

/// Connections that read in place.
#[derive(Debug)]
pub(super) struct Direct {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<Reader>,
    /// How many there are, those at work included.
    count: usize,
    closed: bool,
}

impl Direct {
    /// For the database in this file; connections are made when they are needed.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), state: Mutex::default() }
    }

    /// The rows of a statement; `None` where the driver is to be asked.
    pub fn rows<T>(
        &self,
        statement: &Statement,
        read: &dyn Fn(&Cells<'_>) -> Result<T, DbErr>,
    ) -> Option<Vec<T>> {
        let mut reader = self.take()?;
        let found = reader.rows(statement, read);
        self.give_back(reader);
        found.ok()
    }

    /// Closes all connections, those at work as soon as they are done.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.free.clear();
    }

    fn take(&self) -> Option<Reader> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        if let Some(reader) = state.free.pop() {
            return Some(reader);
        }
        if state.count == MOST {
            return None;
        }
        state.count += 1;
        drop(state);
        let opened = Reader::open(&self.path).ok();
        if opened.is_none() {
            self.state().count -= 1;
        }
        opened
    }

    fn give_back(&self, mut reader: Reader) {
        reader.used = Instant::now();
        let idle_since = reader.used.checked_sub(IDLE);
        let mut state = self.state();
        if !state.closed {
            state.free.push(reader);
        }
        // The one given back last is taken first, so those in front have waited the longest.
        let idle = state.free.partition_point(|reader| idle_since.is_some_and(|since| reader.used < since));
        state.count -= idle;
        let closing = state.free.drain(..idle).collect::<Vec<_>>();
        drop(state);
        drop(closing);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection.
#[derive(Debug)]
struct Reader {
    connection: Connection,
    /// How many looks the read under way has left.
    left: Arc<AtomicU32>,
    used: Instant,
}

/// Why a read is left to the driver: it knows how errors are to be told.
#[derive(Debug)]
struct NotHere;

impl From<rusqlite::Error> for NotHere {
    fn from(_: rusqlite::Error) -> Self {
        Self
    }
}

impl Reader {
    fn open(path: &Path) -> Result<Self, rusqlite::Error> {
        // Not READ_ONLY: the first reader after a crash recovers the log. Not CREATE: a missing file is the driver's matter.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "query_only", true)?;
        // Whoever has to wait for a lock does not do it here.
        connection.busy_timeout(Duration::ZERO)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        let left = Arc::new(AtomicU32::new(0));
        let counted = left.clone();
        let is_long = move || {
            let before = counted.load(Ordering::Relaxed);
            counted.store(before.saturating_sub(1), Ordering::Relaxed);
            before == 0
        };
        connection.progress_handler(LOOK, Some(is_long))?;
        Ok(Self { connection, left, used: Instant::now() })
    }

    fn rows<T>(
        &mut self,
        statement: &Statement,
        read: &dyn Fn(&Cells<'_>) -> Result<T, DbErr>,
    ) -> Result<Vec<T>, NotHere> {
        self.left.store(LOOKS, Ordering::Relaxed);
        let mut prepared = self.connection.prepare_cached(&statement.sql)?;
        for (place, value) in statement.values.iter().flat_map(|values| &values.0).enumerate() {
            match bound(value).ok_or(NotHere)? {
                Bound::Null => prepared.raw_bind_parameter(place + 1, rusqlite::types::Null)?,
                Bound::Integer(number) => prepared.raw_bind_parameter(place + 1, number)?,
                Bound::Text(text) => prepared.raw_bind_parameter(place + 1, text)?,
                Bound::Blob(bytes) => prepared.raw_bind_parameter(place + 1, bytes)?,
            }
        }
        let (mut rows, mut found) = (prepared.raw_query(), Vec::new());
        while let Some(row) = rows.next()? {
            found.push(read(&Cells::direct(row)).map_err(|_| NotHere)?);
        }
        Ok(found)
    }
}

/// A parameter as the driver binds it.
enum Bound<'v> {
    Null,
    Integer(i64),
    Text(&'v str),
    Blob(&'v [u8]),
}

/// A parameter; `None` of a kind that no read in place has.
fn bound(value: &Value) -> Option<Bound<'_>> {
    fn or_null<T>(
        value: Option<T>,
        bound: impl FnOnce(T) -> Option<Bound<'static>>,
    ) -> Option<Bound<'static>> {
        value.map_or(Some(Bound::Null), bound)
    }
    match value {
        Value::Bool(it) => or_null(*it, |it| Some(Bound::Integer(it.into()))),
        Value::SmallInt(it) => or_null(*it, |it| Some(Bound::Integer(it.into()))),
        Value::Int(it) => or_null(*it, |it| Some(Bound::Integer(it.into()))),
        Value::BigInt(it) => or_null(*it, |it| Some(Bound::Integer(it))),
        Value::BigUnsigned(it) => or_null(*it, |it| it.try_into().ok().map(Bound::Integer)),
        Value::String(None) | Value::Bytes(None) | Value::Uuid(None) => Some(Bound::Null),
        Value::String(Some(text)) => Some(Bound::Text(text)),
        Value::Bytes(Some(bytes)) => Some(Bound::Blob(bytes)),
        Value::Uuid(Some(id)) => Some(Bound::Blob(id.as_bytes())),
        _ => None,
    }
}

/// A cell as the value that a column of this kind has; `None` where it is not of that kind.
pub(super) fn value(cell: ValueRef<'_>, kind: &sea_orm::sea_query::ArrayType) -> Option<Value> {
    use sea_orm::sea_query::ArrayType as Kind;
    let null = matches!(cell, ValueRef::Null);
    let integer = || cell.as_i64_or_null().ok();
    Some(match kind {
        Kind::Bool => Value::Bool(integer()?.map(|it| it != 0)),
        Kind::SmallInt => Value::SmallInt(integer()?.map(i16::try_from).transpose().ok()?),
        Kind::Int => Value::Int(integer()?.map(i32::try_from).transpose().ok()?),
        Kind::BigInt => Value::BigInt(integer()?),
        Kind::String if null => Value::String(None),
        Kind::String => Value::String(Some(cell.as_str().ok()?.to_owned())),
        Kind::Bytes if null => Value::Bytes(None),
        Kind::Bytes => Value::Bytes(Some(cell.as_blob().ok()?.to_vec())),
        Kind::Uuid if null => Value::Uuid(None),
        Kind::Uuid => Value::Uuid(Some(uuid::Uuid::from_slice(cell.as_blob().ok()?).ok()?)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
