//! What the databases' own errors mean, on SQLite, PostgreSQL, MySQL, MariaDB and TiDB. Judged by codes and by
//! kinds of errors, never by words: servers speak many languages.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlErr};
use sqlx::{error::DatabaseError, mysql::MySqlDatabaseError};
use tonic::Code;

use super::{Fault, Reason};

/// What an error means for the call, and for the connection that it came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A serialization failure, a deadlock or a write conflict: the same work run again may succeed.
    Conflict,
    /// It waited for another transaction for as long as anybody may. Worth another try, but not many.
    LockTimeout,
    /// The statement took longer than any may, or an operator cancelled it.
    TooSlow,
    /// The connection has ended, or leads to a server that ends.
    Lost,
    /// The server takes reads alone: a standby, or one that its operator froze. Nothing was changed.
    ReadOnly,
    /// The server answers, but cannot do its work now: its disk is full, it has no more resources.
    CannotServe,
    /// No connection could be had.
    OutOfReach,
    /// No connection was free in time, while others did their work.
    Busy,
    /// Nothing that passes by itself.
    Other,
}

impl Meaning {
    pub fn of(error: &DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Self::Busy,
            DbErr::ConnectionAcquire(_) => Self::OutOfReach,
            DbErr::Conn(RuntimeErr::SqlxError(cause)) => match Self::of_cause(cause) {
                Self::Other => Self::OutOfReach,
                known => known,
            },
            DbErr::Conn(_) => Self::OutOfReach,
            DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
                Self::of_cause(cause)
            }
            _ => Self::Other,
        }
    }

    fn of_cause(cause: &sqlx::Error) -> Self {
        match cause {
            sqlx::Error::Database(cause) => {
                let cause = cause.as_ref();
                match (mysql_number(cause), cause.code().as_deref()) {
                    (Some(number), _) => Self::of_mysql(number, cause.message()),
                    (None, Some(code)) if code.len() == 5 => Self::of_sqlstate(code),
                    (None, code) => {
                        code.and_then(|code| code.parse().ok()).map_or(Self::Other, Self::of_sqlite)
                    }
                }
            }
            // What the two ends say to each other is out of step, or nobody is at the other one.
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed
            | sqlx::Error::WorkerCrashed => Self::Lost,
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::OutOfReach,
            _ => Self::Other,
        }
    }

    /// PostgreSQL (appendix A of its manual) and what speaks its protocol.
    fn of_sqlstate(code: &str) -> Self {
        match code {
            "40001" | "40P01" => Self::Conflict,
            "55P03" => Self::LockTimeout,
            "57014" => Self::TooSlow,
            // Idle for too long, within a transaction or outside: the server has ended the session.
            "25P03" | "25P04" => Self::Lost,
            _ => match &code[..2] {
                "25" => Self::ReadOnly,
                "08" => Self::Lost,
                _ if code.starts_with("57P") => Self::Lost,
                "53" | "58" => Self::CannotServe,
                _ => Self::Other,
            },
        }
    }

    /// MySQL, MariaDB and TiDB, whose SQLSTATE says too little.
    fn of_mysql(number: u16, message: &str) -> Self {
        match number {
            // Deadlock, a row or a table that changed since it was read, a lock that is not waited for; then
            // TiDB's own: a transaction that must be done again, a schema or a row that changed before the commit.
            1213 | 1020 | 1412 | 3572 | 8002 | 8022 | 8028 | 9007 => Self::Conflict,
            // TiDB has no number of its own for a row that too many wait for, and speaks English alone.
            1105 if message.contains("pessimistic lock retry limit reached") => Self::Conflict,
            1205 => Self::LockTimeout,
            // Interrupted; took too long, on MariaDB and on MySQL.
            1317 | 1969 | 3024 => Self::TooSlow,
            // It shuts down, ended the connection, or lost it on the way: killed, idle for too long.
            1053 | 1080 | 1152 | 1158..=1161 | 1184 | 1927 | 3168 | 3169 | 4031 => Self::Lost,
            // read_only and its kin, a transaction or a table that takes reads alone, InnoDB started so.
            1036 | 1290 | 1792 | 1836 | 1874 => Self::ReadOnly,
            // Disk, memory and connections are used up; then parts of TiDB that do not answer.
            1021 | 1037 | 1038 | 1040 | 1041 | 1114 | 1203 | 1226 => Self::CannotServe,
            9001..=9006 | 9010..=9013 => Self::CannotServe,
            _ => Self::Other,
        }
    }

    /// SQLite's result codes, whose lowest byte says the kind.
    fn of_sqlite(code: u32) -> Self {
        match code & 0xff {
            // BUSY: for longer than its time limit, or because what was read is old (BUSY_SNAPSHOT). LOCKED.
            5 if code == 517 => Self::Conflict,
            5 => Self::LockTimeout,
            6 => Self::Conflict,
            8 => Self::ReadOnly,
            // INTERRUPT
            9 => Self::TooSlow,
            // NOMEM, IOERR, FULL, CANTOPEN
            7 | 10 | 13 | 14 => Self::CannotServe,
            _ => Self::Other,
        }
    }

    /// The connection is of no more use, and neither may others be that are as old.
    pub fn spoils_connection(self) -> bool {
        matches!(self, Self::Lost | Self::ReadOnly)
    }

    /// Whatever is written now is refused.
    pub fn refuses_writes(self) -> bool {
        matches!(self, Self::ReadOnly | Self::CannotServe)
    }
}

impl From<DbErr> for Fault {
    /// Losing a race is a conflict, a database that cannot do its work UNAVAILABLE, everything else our mistake.
    fn from(error: DbErr) -> Fault {
        let (meaning, text) = (Meaning::of(&error), error.to_string());
        let out_of_reach = |message: &str| {
            tracing::warn!(error = text, ?meaning, "the database cannot do its work");
            Fault::new(Reason::UpstreamUnavailable, message).with("service", "database")
        };
        match meaning {
            Meaning::Conflict => Fault::new(Reason::Aborted, "another call got in between: try again"),
            Meaning::LockTimeout => {
                out_of_reach("the database was busy with the same for too long: try again")
            }
            Meaning::TooSlow => {
                tracing::warn!(error = text, "a statement took too long");
                let message = "the database took too long";
                Fault::new(Reason::DeadlineExceeded, message).with("service", "database")
            }
            Meaning::ReadOnly => out_of_reach("the database takes no writes at present"),
            Meaning::Lost | Meaning::CannotServe | Meaning::OutOfReach => {
                out_of_reach("the database cannot be reached")
            }
            Meaning::Busy => {
                tracing::warn!(error = text, "the database has too much to do");
                Fault::overloaded("the database has too much to do: try again soon")
            }
            Meaning::Other => Fault::internal(text),
        }
    }
}

impl Fault {
    /// Whether a database is what cannot do its work.
    pub(crate) fn is_of_database(&self) -> bool {
        self.code == Code::Unavailable && self.value("service") == Some("database")
    }

    /// Whether it is a serialization failure, a deadlock or a write conflict.
    pub(crate) fn is_database_conflict(error: &DbErr) -> bool {
        matches!(Meaning::of(error), Meaning::Conflict | Meaning::LockTimeout)
    }
}

/// Whether a server that says so at the start will say so for ever: who signs in, by what, to which database and whether
/// by TLS is for an operator to change.
pub(crate) fn is_lasting(error: &DbErr) -> bool {
    match cause(error) {
        Some(cause) => match (mysql_number(cause), cause.code().as_deref()) {
            (Some(number), _) => matches!(number, 1044 | 1045 | 1049 | 1130 | 1142 | 1227 | 1251 | 1698),
            // 28: authentication; 3D: no such database; 42501: may not.
            (None, Some(code)) => code.starts_with("28") || code.starts_with("3D") || code == "42501",
            (None, None) => false,
        },
        None => matches!(
            error,
            DbErr::Conn(RuntimeErr::SqlxError(cause))
                if matches!(cause.as_ref(), sqlx::Error::Configuration(_) | sqlx::Error::Tls(_))
        ),
    }
}

/// What the database said.
fn cause(error: &DbErr) -> Option<&dyn DatabaseError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause))
        | DbErr::Conn(RuntimeErr::SqlxError(cause)) => match cause.as_ref() {
            sqlx::Error::Database(cause) => Some(cause.as_ref()),
            _ => None,
        },
        _ => None,
    }
}

/// The SQLSTATE of an error of PostgreSQL's kin.
pub(crate) fn sqlstate(error: &DbErr) -> Option<String> {
    let code = cause(error)?.code()?;
    (code.len() == 5).then(|| code.into_owned())
}

/// The number of an error of MySQL's kin, whose SQLSTATE says too little.
fn mysql_number(cause: &dyn DatabaseError) -> Option<u16> {
    cause.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// Whether a DDL statement of MySQL's kin found its work done: the table, column, index or constraint is
/// there, or was dropped before.
pub(crate) fn is_done_already(error: &DbErr) -> bool {
    let number = cause(error).and_then(mysql_number);
    matches!(number, Some(1050 | 1060 | 1061 | 1091 | 1826 | 3822))
}

/// The name of the unique constraint or index that refused a row, or the columns as SQLite names them
/// (`users.email`). `None` for every other error.
pub fn unique_violation(error: &DbErr) -> Option<String> {
    let Some(SqlErr::UniqueConstraintViolation(text)) = error.sql_err() else { return None };
    let cause = cause(error)?;
    Some(match (cause.constraint(), mysql_number(cause)) {
        (Some(name), _) => name.to_owned(),
        (None, Some(_)) => key_named(&text),
        // SQLite's own words, which are English everywhere: `UNIQUE constraint failed: users.email`.
        (None, None) => text,
    })
}

/// The key that a message of MySQL's kin names, for which they have no field: `Duplicate entry 'x' for key 'name'`,
/// in the server's language. The value, which may be anybody's words, stands before it in each, so the name is what
/// is quoted last.
fn key_named(message: &str) -> String {
    message.rsplit('\'').nth(1).unwrap_or_default().to_owned()
}

/// Whether a CHECK constraint refused a row.
pub fn check_violation(error: &DbErr) -> bool {
    cause(error).is_some_and(|cause| {
        cause.is_check_violation() || matches!(cause.code().as_deref(), Some("23514" | "275"))
    })
}

#[cfg(test)]
mod tests;
