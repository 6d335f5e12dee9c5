//! Connections to a database, of which those that have proven useless are not used again.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseExecutor, DatabaseTransaction, DbErr,
    ExecResult, IntoDatabaseExecutor, QueryResult, Statement, TransactionTrait,
};
use sqlx::{Connection, pool::PoolOptions};

use super::{
    WAIT_FOR_TURN,
    cells::{Cells, Rows},
    direct::Direct,
    held::{Held, Use},
    immediate,
    timing::Timing,
    transaction::{Open, Transaction},
    turns::{self, Share, Turn, Turns},
};
use crate::{Role, fault::Meaning};

/// A connection that has lain idle for so long is asked whether it is still there.
pub(super) const IDLE: Duration = Duration::from_secs(5);
/// How often a statement is sent in all whose connection turns out to be of no use.
const TRIES: u32 = 3;

/// Since when connections can be trusted. When one is found dead, or leads to a standby after a failover, so do the
/// others of its age, most likely: none of them is used again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust(Arc<Mutex<Option<Instant>>>);

impl Trust {
    /// No connection made until now is used again; those in use end with their transactions.
    pub fn lose(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection of this age was made after trust was lost last.
    pub(super) fn covers(&self, age: Duration) -> bool {
        let lost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_none_or(|lost| age < lost.elapsed())
    }

    /// Has a pool of a database server ask before it hands a connection out, and before it takes one back.
    pub fn guard<D: sqlx::Database>(&self, pool: PoolOptions<D>) -> PoolOptions<D> {
        let (before, after) = (self.clone(), self.clone());
        pool.before_acquire(move |connection, about| {
            let trusted = before.covers(about.age);
            Box::pin(async move {
                if trusted && about.idle_for >= IDLE {
                    connection.ping().await?;
                }
                Ok(trusted)
            })
        })
        .after_release(move |_, about| {
            let trusted = after.covers(about.age);
            Box::pin(async move { Ok(trusted) })
        })
    }
}

/// A pool of connections. A statement whose connection turns out to be dead is sent again by another one, so only
/// what may be repeated goes here; everything else belongs into a transaction.
#[derive(Debug, Clone)]
pub struct Pool {
    connections: DatabaseConnection,
    trust: Trust,
    held: Arc<Held>,
    /// What reads in place, where the database is embedded.
    direct: Option<Arc<Direct>>,
    /// Whose turn it is to write, where the database is embedded.
    turns: Option<Arc<Turns>>,
    timing: Timing,
}

impl Pool {
    pub(super) fn new(connections: DatabaseConnection, trust: Trust, role: Role) -> Self {
        let timing = Timing::new(role, connections.get_database_backend());
        let held = Arc::new(Held::of(&connections, timing.clone()));
        let embedded = connections.get_database_backend() == DatabaseBackend::Sqlite;
        let turns = embedded.then(Arc::default);
        Self { connections, trust, held, direct: None, turns, timing }
    }

    /// The same for an embedded database's reads.
    pub(super) fn reading(self, direct: Option<Direct>) -> Self {
        Self { direct: direct.map(Arc::new), ..self }
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        if let Some(direct) = &self.direct {
            direct.close();
        }
        self.held.close();
        let _ = self.connections.close_by_ref().await;
    }

    /// Begins a transaction. One that cannot be begun because its connection is dead is begun on another.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        let open = self.again(|| self.open("BEGIN")).await?;
        Ok(Transaction::new(self.get_database_backend(), open))
    }

    /// The same, for one that will write. On an embedded database it may share its commit with those after it.
    pub(crate) async fn begin_write(&self) -> Result<Transaction, DbErr> {
        let Some(turns) = &self.turns else { return self.begin().await };
        let open = match turns.turn(WAIT_FOR_TURN).await? {
            Turn::Joined(open) => open,
            Turn::Fresh(token) => {
                let mut open = self.again(|| self.open(turns::BEGIN)).await?;
                open.share = Some(Share::new(token));
                open
            }
        };
        Ok(Transaction::new(self.get_database_backend(), open))
    }

    async fn open(&self, begin: &'static str) -> Result<Open, DbErr> {
        let lent = self.held.lend(&self.connections, &self.trust).await?;
        Open::begin(lent, self.held.clone(), begin).await
    }

    /// Begins one of the driver's own, as migrations need it.
    pub(super) async fn begin_migration(&self) -> Result<DatabaseTransaction, DbErr> {
        let begin =
            || self.held.beginning(&self.connections, self.connections.begin_with_options(immediate()));
        self.again(begin).await
    }

    /// Takes note of an error within a transaction: of what kind it is, and whether its connection's age can be
    /// trusted any longer.
    pub(crate) fn judge(&self, error: &DbErr) -> Meaning {
        let meaning = Meaning::of(error);
        if meaning.spoils_connection() {
            self.trust.lose();
        }
        meaning
    }

    /// Lets no connection be used again that there is now.
    pub(crate) fn renew(&self) {
        self.trust.lose();
    }

    /// How long what is done in it takes.
    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }

    /// How its connections are used right now. Who waits for a turn to write waits for the one connection that writes.
    pub(super) fn usage(&self) -> Use {
        let mut used = self.held.usage(&self.connections);
        used.waiting += self.turns.as_ref().map_or(0, |turns| turns.waiting());
        used
    }

    #[cfg(test)]
    pub(super) fn connections(&self) -> &DatabaseConnection {
        &self.connections
    }

    #[cfg(test)]
    pub(super) fn turns(&self) -> Option<&Turns> {
        self.turns.as_deref()
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    #[cfg(test)]
    pub(super) fn direct(&self) -> Option<&Direct> {
        self.direct.as_deref()
    }

    async fn again<T, F>(&self, work: impl Fn() -> F + Send + Sync) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>> + Send,
    {
        let mut tries = 1;
        loop {
            match work().await {
                Err(error) if self.judge(&error) == Meaning::Lost && tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.connections.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let execute = || async {
            let mut lent = self.held.lend(&self.connections, &self.trust).await?;
            let done = lent.execute(&statement).await?;
            self.held.keep(lent);
            Ok(done)
        };
        self.again(execute).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let execute = || async {
            let mut lent = self.held.lend(&self.connections, &self.trust).await?;
            let done = lent.execute_text(sql).await?;
            self.held.keep(lent);
            Ok(done)
        };
        self.again(execute).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let query = || async {
            let mut lent = self.held.lend(&self.connections, &self.trust).await?;
            let found = lent.first(&statement).await?;
            self.held.keep(lent);
            Ok(found)
        };
        self.again(query).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let query = || async {
            let mut lent = self.held.lend(&self.connections, &self.trust).await?;
            let found = lent.all(&statement).await?;
            self.held.keep(lent);
            Ok(found)
        };
        self.again(query).await
    }

    fn support_returning(&self) -> bool {
        self.connections.support_returning()
    }
}

impl Rows for Pool {
    async fn rows_of<T: Send>(
        &self,
        statement: Statement,
        read: &(dyn Fn(&Cells<'_>) -> Result<T, DbErr> + Send + Sync),
    ) -> Result<Vec<T>, DbErr> {
        if let Some(direct) = &self.direct {
            let begun = self.timing.statement(&statement.sql);
            if let Some(found) = direct.rows(&statement, read) {
                self.timing.ended(begun, false);
                return Ok(found);
            }
        }
        let rows = self.query_all_raw(statement).await?;
        rows.iter().map(|row| read(&Cells::driver(row))).collect()
    }
}

/// For migrations, which say by themselves what may be repeated.
impl<'c> IntoDatabaseExecutor<'c> for &'c Pool {
    fn into_database_executor(self) -> DatabaseExecutor<'c> {
        DatabaseExecutor::Connection(&self.connections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_made_before_trust_was_lost_are_not_used_again() {
        let trust = Trust::default();
        assert!(trust.covers(Duration::from_secs(3600)), "nothing speaks against them");
        trust.lose();
        assert!(!trust.covers(Duration::from_secs(1)));
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(trust.covers(Duration::from_millis(1)), "made after that");
        assert!(!trust.covers(Duration::from_secs(1)));
    }
}
