//! What the databases' own errors mean, on SQLite, PostgreSQL, MySQL, MariaDB and TiDB.

use sea_orm::{DbErr, SqlErr};
use sqlx::{error::DatabaseError, mysql::MySqlDatabaseError};
use tonic::Code;

use super::{Fault, reason};

impl From<DbErr> for Fault {
    /// Losing a race is a conflict, a database out of reach is UNAVAILABLE, everything else our mistake.
    fn from(error: DbErr) -> Fault {
        let text = error.to_string();
        if is_conflict(&error, &text) {
            return Fault::new(Code::Aborted, "ABORTED", "another call got in between: try again");
        }
        match error {
            DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => {
                tracing::warn!(error = text, "database out of reach");
                out_of_reach()
            }
            _ if is_disconnect(&text) || cannot_serve(&error) => {
                tracing::warn!(error = text, "database connection lost");
                out_of_reach()
            }
            _ => Fault::internal(text),
        }
    }
}

fn out_of_reach() -> Fault {
    Fault::new(Code::Unavailable, reason::UPSTREAM_UNAVAILABLE, "the database cannot be reached")
        .with("service", "database")
}

impl Fault {
    /// Whether the database gave way to another transaction.
    pub(crate) fn is_database_conflict(error: &DbErr) -> bool {
        is_conflict(error, &error.to_string())
    }
}

/// Serialisation failures, deadlocks and lock timeouts, as the databases name them.
fn is_conflict(error: &DbErr, text: &str) -> bool {
    match cause(error) {
        Some(cause) => match (mysql_number(cause), cause.code().as_deref()) {
            // Lock timeout, deadlock, a row or a table that changed since it was read; then TiDB's own: a
            // transaction that must be done again, a schema or a row that changed before the commit.
            (Some(number), _) => {
                matches!(number, 1205 | 1213 | 1020 | 1412 | 3572 | 8002 | 8022 | 8028 | 9007)
                    // It has no number of its own for a row that too many wait for.
                    || (number == 1105 && text.contains("pessimistic lock retry limit reached"))
            }
            // SQLSTATE of PostgreSQL; SQLite's BUSY and its kin.
            (None, code) => matches!(code, Some("40001" | "40P01" | "55P03" | "5" | "261" | "517")),
        },
        None => text.contains("database is locked"),
    }
}

/// The database answers, but cannot do its work now: its disk is full, it shuts down, it has no more
/// resources. SQLite: FULL, IOERR, READONLY, CANTOPEN and their kin; PostgreSQL: classes 53, 57P and 58.
fn cannot_serve(error: &DbErr) -> bool {
    let Some(cause) = cause(error) else { return false };
    if let Some(number) = mysql_number(cause) {
        return match number {
            // Disk, memory and connections are used up; it shuts down, or takes reads alone.
            1021 | 1037 | 1038 | 1040 | 1041 | 1053 | 1114 | 1203 | 1226 | 1290 | 1836 => true,
            // It ended the connection or the statement: idle for too long, killed, took too long.
            1152 | 1158..=1161 | 1184 | 1317 | 1927 | 1969 | 3024 | 3169 | 4031 => true,
            // Parts of TiDB that do not answer.
            9001..=9006 | 9010..=9013 => true,
            _ => false,
        };
    }
    let Some(code) = cause.code() else { return false };
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 8 | 10 | 13 | 14),
        _ => ["53", "57P", "58"].iter().any(|class| code.starts_with(class)),
    }
}

fn is_disconnect(text: &str) -> bool {
    [
        "Connection reset",
        "Broken pipe",
        "expected to read",
        "terminating connection",
        "unexpected end of file",
        "Connection refused",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

/// What the database said.
fn cause(error: &DbErr) -> Option<&dyn DatabaseError> {
    match error {
        DbErr::Exec(sea_orm::RuntimeErr::SqlxError(cause))
        | DbErr::Query(sea_orm::RuntimeErr::SqlxError(cause)) => match cause.as_ref() {
            sqlx::Error::Database(cause) => Some(cause.as_ref()),
            _ => None,
        },
        _ => None,
    }
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
    match error.sql_err() {
        // MySQL repeats the value, which may be anybody's words, before it comes to the name.
        Some(SqlErr::UniqueConstraintViolation(text)) => Some(match text.rsplit_once(" for key ") {
            Some((_, name)) => name.trim_matches('\'').to_owned(),
            None => text,
        }),
        _ => None,
    }
}

/// Whether a CHECK constraint refused a row.
pub fn check_violation(error: &DbErr) -> bool {
    cause(error).is_some_and(|cause| {
        cause.is_check_violation() || matches!(cause.code().as_deref(), Some("23514" | "275"))
    })
}
