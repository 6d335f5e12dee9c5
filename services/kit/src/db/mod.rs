//! A service's database: SQLite, PostgreSQL or MySQL by URL, its pools, its migrations.

pub mod audit;
mod cells;
mod clock;
mod connection;
mod direct;
mod error;
mod held;
pub mod insert;
mod location;
pub mod migration;
mod mysql;
pub mod pages;
mod pool;
mod postgres;
mod ready;
pub mod snapshot;
mod sqlite;
pub(crate) mod timing;
mod transaction;
mod turns;
mod usage;
mod waiting;
pub mod write;

pub use cells::{Cells, Rows};
pub(crate) use clock::COMPARE;
pub use error::OpenError;
pub use location::location;
pub use pool::Pool;
pub use ready::NotReady;
pub use sqlite::{claim, exists, is_claimed};
pub(crate) use transaction::NotCommitted;
pub use transaction::Transaction;

use std::{path::Path, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DbErr,
    SqliteTransactionMode, TransactionOptions,
};
use sqlx::{
    Connection,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Notify;

use self::{pool::Trust, ready::Writes};
use crate::{
    Clock, Role,
    write::{Running, answers::Answers, feed::Feed},
};

/// How long a call waits for a connection.
const WAIT: Duration = Duration::from_secs(2);
/// The same where it waits for its turn here, not for a server: a queue is no reason to give up early.
const WAIT_FOR_TURN: Duration = Duration::from_secs(8);
/// How many write at the same time on TiDB.
const TIDB_WRITERS: u32 = 4;

/// The settings of a role's database.
#[derive(Clone)]
pub struct DatabaseOptions {
    pub role: Role,
    /// `sqlite:PATH`, `postgres://…`, `mysql://…` (or `mariadb://…`); may hold a password, so it is never shown.
    pub url: String,
    /// Connections at the most; SQLite reads with as many and writes with one, TiDB writes with four more.
    pub max_connections: u32,
    pub clock: Clock,
    /// The key of idempotency fingerprints; the same in all replicas of the role.
    pub fingerprint_key: [u8; 32],
    /// The keys of page tokens, the same in all replicas of the role; the first makes them, all count.
    pub page_keys: Vec<[u8; 32]>,
    /// Bytes a day that one user's stored answers may take; 0 is without limit.
    pub answers_per_user: u64,
}

/// A service's database, cheap to clone.
#[derive(Clone)]
pub struct Db(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub role: Role,
    pub writer: Pool,
    pub reader: Pool,
    pub backend: DatabaseBackend,
    /// What became of the last writes.
    pub writes: Writes,
    url: String,
    pub location: String,
    /// This machine's.
    pub machine_clock: Clock,
    /// The database server's; the machine's where the database is embedded.
    pub clock: Clock,
    pub fingerprints: hmac::Key,
    pub pages: pages::Keys,
    /// What users have stored of answers.
    pub answers: Answers,
    /// Idempotent calls under way in this process.
    pub running: Running,
    /// Wakes the publisher: something was committed that it has to number, or the feed lacks something.
    pub committed: Notify,
    /// The newest published events.
    pub feed: Feed,
    /// Transactions under way, for drain.
    pub tasks: tokio_util::task::TaskTracker,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Db({} {})", self.0.role, self.0.location)
    }
}

impl Db {
    /// Connects. A SQLite file is made if there is none; WAL and synchronous=FULL, so that what is
    /// committed survives a power cut.
    pub async fn open(options: DatabaseOptions) -> Result<Self, OpenError> {
        let DatabaseOptions {
            role,
            url,
            max_connections,
            clock,
            fingerprint_key,
            page_keys,
            answers_per_user,
        } = options;
        let location = location(&url);
        let unreachable = |error: DbErr| OpenError::unreachable(role, &location, &error);
        let unfit = |problem: String| OpenError::unfit(role, &location, problem);
        let trust = Trust::default();
        let pool = |connections| Pool::new(connections, trust.clone(), role);
        let (writer, reader) = match url.split(':').next() {
            Some("sqlite") => {
                if let Some(folder) = sqlite::path(&url).and_then(Path::parent) {
                    std::fs::create_dir_all(folder).map_err(|error| unfit(error.to_string()))?;
                }
                sqlite::make_private(&url).map_err(|error| unfit(error.to_string()))?;
                let readers = max_connections.clamp(1, 4);
                let writer = connect(&url, 1, WAIT_FOR_TURN, &trust).await.map_err(unreachable)?;
                let reader = pool(connect(&url, readers, WAIT, &trust).await.map_err(unreachable)?);
                (pool(writer), reader.reading(sqlite::direct(&url)))
            }
            Some("postgres" | "postgresql") => {
                let both = pool(postgres::connect(&url, max_connections, &trust).await.map_err(unreachable)?);
                if let Some(problem) = postgres::loses_statements(&url).await {
                    return Err(unfit(problem));
                }
                if let Some(problem) = postgres::unfit(&both).await.map_err(unreachable)? {
                    return Err(unfit(problem));
                }
                (both.clone(), both)
            }
            Some("mysql" | "mariadb") => {
                let url = mysql::url(&url);
                let both = connect(&url, max_connections, WAIT, &trust).await.map_err(unreachable)?;
                if let Some(problem) = mysql::unfit(&both).await.map_err(unreachable)? {
                    return Err(unfit(problem));
                }
                if !mysql::is_tidb(&both).await.map_err(unreachable)? {
                    // One pool, so that what one half has at hand is given up when either closes.
                    let both = pool(both);
                    (both.clone(), both)
                } else {
                    // There, each that waits for a row tries again whenever another is done with it.
                    let writers = max_connections.min(TIDB_WRITERS);
                    let writer = connect(&url, writers, WAIT_FOR_TURN, &trust).await.map_err(unreachable)?;
                    (pool(writer), pool(both))
                }
            }
            _ => return Err(OpenError::Url { role }),
        };
        let backend = writer.get_database_backend();
        let db = Self(Arc::new(Inner {
            role,
            writer,
            reader,
            backend,
            writes: Writes::default(),
            url,
            location: location.clone(),
            machine_clock: clock.clone(),
            clock: if backend == DatabaseBackend::Sqlite { clock } else { clock.adjustable() },
            fingerprints: hmac::Key::new(hmac::HMAC_SHA256, &fingerprint_key),
            pages: pages::Keys::new(&page_keys),
            answers: Answers::new(answers_per_user),
            running: Running::default(),
            committed: Notify::new(),
            feed: Feed::default(),
            tasks: tokio_util::task::TaskTracker::new(),
        }));
        db.compare_clocks(true).await.map_err(unreachable)?;
        Ok(db)
    }

    /// For reads outside a write.
    pub fn read(&self) -> &Pool {
        &self.0.reader
    }

    /// Which database it is.
    pub fn backend(&self) -> DatabaseBackend {
        self.0.backend
    }

    /// What a sum of whole numbers, which is a decimal on some databases, must be cast to: `CAST(SUM(x) AS {})`.
    pub fn bigint(&self) -> &'static str {
        if self.0.backend == DatabaseBackend::MySql { "SIGNED" } else { "BIGINT" }
    }

    /// Whose it is.
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// Where it is, without secrets.
    pub fn location(&self) -> &str {
        &self.0.location
    }

    /// This machine's clock: for times that processes compare which do not share the database.
    pub fn machine_clock(&self) -> &Clock {
        &self.0.machine_clock
    }

    /// Its clock: all that is written and compared here goes by it.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Waits for the transactions under way; new ones still pass.
    pub async fn drained(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Closes its connections.
    pub async fn close(&self) {
        self.0.writer.close().await;
        self.0.reader.close().await;
    }
}

/// BEGIN IMMEDIATE on SQLite: a transaction that will write takes the write lock at once.
pub(crate) fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    }
}

async fn connect(
    url: &str,
    connections: u32,
    wait: Duration,
    trust: &Trust,
) -> Result<DatabaseConnection, DbErr> {
    Database::connect(options(url, connections, wait, trust)).await
}

/// How a pool is to be, for whichever database it is.
fn options(url: &str, connections: u32, wait: Duration, trust: &Trust) -> ConnectOptions {
    let (of_postgres, of_mysql) = (trust.clone(), trust.clone());
    let mut options = ConnectOptions::new(url.to_owned());
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(wait)
        .connect_timeout(Duration::from_secs(2))
        .idle_timeout(if url.starts_with("sqlite:") { sqlite::IDLE } else { Duration::from_secs(300) })
        .max_lifetime(Duration::from_secs(1800))
        .test_before_acquire(false)
        .test_before_acquire_if_idle_for(Duration::from_secs(5))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                // What a burst of writes leaves behind is cut off again, and what is deleted overwritten.
                .pragma("journal_size_limit", "1048576")
                .pragma("secure_delete", "ON")
                // 1 MiB of pages a connection, of which there are up to nine: the kernel has the others at hand.
                .pragma("cache_size", "-1024")
                .busy_timeout(Duration::from_secs(5))
        })
        // SQLite ends a transaction by itself when the disk is full; what is rolled back after that fails, and
        // the connection would count as being in one for ever: later commits would only seem to be commits.
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        })
        .map_sqlx_postgres_opts(|postgres| postgres.options(postgres::SETTINGS))
        .map_sqlx_postgres_pool_opts(move |pool| of_postgres.guard(pool))
        .map_sqlx_mysql_opts(mysql::options)
        .map_sqlx_mysql_pool_opts(move |pool| of_mysql.guard(mysql::pool(pool)));
    options
}
