//! How long statements and transactions of a database take, and how its connections are used.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Instant,
};

use sea_orm::DatabaseBackend;

use crate::{
    Role,
    fault::Meaning,
    telemetry::{
        metrics::{self, CALLS, Label, STATEMENTS, Seconds, Series},
        spans,
    },
};

static OPERATIONS: Seconds =
    Seconds::new("db.client.operation.duration", "How long statements took, by their first word", STATEMENTS);
static TRANSACTIONS: Seconds = Seconds::new(
    "feira.db.transaction.duration",
    "How long transactions that write took, the wait for their turn included, by what came of them",
    CALLS,
);

/// What statements begin with.
const WORDS: [&str; 9] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN", "COMMIT", "ROLLBACK", "_OTHER"];
/// What comes of a transaction's work.
const ENDS: [&str; 6] = ["committed", "refused", "conflict", "lock_timeout", "lost", "failed"];

/// The series of one role's database; cheap to clone.
#[derive(Clone)]
pub(crate) struct Timing(Arc<Kept>);

struct Kept {
    role: Role,
    system: &'static str,
    /// By the statement's word, those that failed apart.
    statements: [[OnceLock<Series>; 2]; WORDS.len()],
    transactions: [OnceLock<Series>; ENDS.len()],
}

/// A statement under way.
pub(crate) struct Statement {
    began: Option<Instant>,
    /// In its trace, where that is exported.
    traced: Option<spans::Place>,
    /// Of its first word.
    place: usize,
}

impl fmt::Debug for Timing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Timing({})", self.0.role)
    }
}

impl Timing {
    pub fn new(role: Role, backend: DatabaseBackend) -> Self {
        let system = match backend {
            DatabaseBackend::Postgres => "postgresql",
            DatabaseBackend::MySql => "mysql",
            _ => "sqlite",
        };
        Self(Arc::new(Kept {
            role,
            system,
            statements: [const { [const { OnceLock::new() }; 2] }; WORDS.len()],
            transactions: [const { OnceLock::new() }; ENDS.len()],
        }))
    }

    /// Something begins; none, where nobody wants to know how long it takes.
    pub fn begin() -> Option<Instant> {
        metrics::on().then(Instant::now)
    }

    /// A statement begins.
    pub fn statement(&self, sql: &str) -> Statement {
        if !metrics::on() && !spans::on() {
            return Statement { began: None, traced: None, place: 0 };
        }
        let place = place(sql);
        let traced = spans::statement(self.0.system, self.0.role.name(), WORDS[place], sql);
        Statement { began: Self::begin(), traced, place }
    }

    /// A statement has ended.
    pub fn ended(&self, Statement { began, mut traced, place }: Statement, failed: bool) {
        if failed && let Some(traced) = &mut traced {
            traced.failed();
        }
        drop(traced);
        let Some(began) = began else { return };
        let series = &self.0.statements[place][usize::from(failed)];
        record(&OPERATIONS, series, began, || {
            let mut labels = vec![
                ("db.system.name", self.0.system),
                ("db.namespace", self.0.role.name()),
                ("db.operation.name", WORDS[place]),
            ];
            if failed {
                labels.push(("error.type", "failed"));
            }
            labels
        });
    }

    /// A transaction's work has come to an end: committed, or not for a reason that is the database's, or another.
    pub fn transaction(&self, began: Option<Instant>, end: Result<(), Option<Meaning>>) {
        let Some(began) = began else { return };
        let place = match end {
            Ok(()) => 0,
            Err(None) => 1,
            Err(Some(Meaning::Conflict)) => 2,
            Err(Some(Meaning::LockTimeout)) => 3,
            Err(Some(Meaning::Lost | Meaning::ReadOnly)) => 4,
            Err(Some(_)) => 5,
        };
        let labels = || vec![("db.namespace", self.0.role.name()), ("outcome", ENDS[place])];
        record(&TRANSACTIONS, &self.0.transactions[place], began, labels);
    }
}

fn record<'l>(
    metric: &'static Seconds,
    series: &OnceLock<Series>,
    began: Instant,
    labels: impl FnOnce() -> Vec<Label<'l>>,
) {
    let took = began.elapsed();
    if series.get().is_none()
        && let Some(made) = metric.series(&labels())
    {
        let _ = series.set(made);
    }
    if let Some(series) = series.get() {
        series.record(took);
    }
}

/// The place of a statement's first word.
fn place(sql: &str) -> usize {
    let word = sql.trim_start().as_bytes();
    let begins = |known: &&str| {
        word.len() >= known.len() && word[..known.len()].eq_ignore_ascii_case(known.as_bytes())
    };
    WORDS.iter().position(begins).unwrap_or(WORDS.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_by_their_first_word() {
        for (sql, word) in [
            ("SELECT 1", "SELECT"),
            ("  insert into a", "INSERT"),
            ("BEGIN IMMEDIATE; SAVEPOINT turn", "BEGIN"),
            ("WITH part AS (UPDATE …)", "WITH"),
            ("", "_OTHER"),
            ("VACUUM", "_OTHER"),
        ] {
            assert_eq!(WORDS[place(sql)], word, "{sql}");
        }
    }
}
