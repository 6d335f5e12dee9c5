//! A connection to whichever database it is, at work: each statement is measured.

use std::time::{Duration, Instant};

use sea_orm::{
    ConnAcquireErr, DatabaseBackend, DatabaseConnection, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement,
};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, MySql, Postgres, Sqlite, pool::PoolConnection};

use super::timing::Timing;

/// A connection out of the pool.
enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
    MySql(PoolConnection<MySql>),
}

/// Does the same with a connection, whatever database it is to.
macro_rules! with {
    ($connection:expr, $it:ident => $work:expr) => {
        match $connection {
            Connection::Sqlite($it) => $work,
            Connection::Postgres($it) => $work,
            Connection::MySql($it) => $work,
        }
    };
}

impl Connection {
    async fn acquire(from: &DatabaseConnection) -> Result<Self, DbErr> {
        let acquired = match from.get_database_backend() {
            DatabaseBackend::Postgres => {
                from.get_postgres_connection_pool().acquire().await.map(Self::Postgres)
            }
            DatabaseBackend::MySql => from.get_mysql_connection_pool().acquire().await.map(Self::MySql),
            _ => from.get_sqlite_connection_pool().acquire().await.map(Self::Sqlite),
        };
        // As SeaORM tells them.
        acquired.map_err(|error| match error {
            sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
        })
    }

    async fn execute(&mut self, statement: &Statement) -> Result<ExecResult, DbErr> {
        let (sql, values) = (AssertSqlSafe(statement.sql.as_str()), values(statement));
        let done = with!(self, it => sqlx::query_with(sql, values).execute(&mut **it).await.map(Into::into));
        done.map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))
    }

    async fn execute_text(&mut self, words: &str) -> Result<ExecResult, DbErr> {
        let words = sqlx::raw_sql(AssertSqlSafe(words));
        let done = with!(self, it => words.execute(&mut **it).await.map(Into::into));
        done.map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))
    }

    async fn first(&mut self, statement: &Statement) -> Result<Option<QueryResult>, DbErr> {
        let (sql, values) = (AssertSqlSafe(statement.sql.as_str()), values(statement));
        let found = with!(self, it => {
            sqlx::query_with(sql, values).fetch_optional(&mut **it).await.map(|row| row.map(QueryResult::from))
        });
        found.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
    }

    async fn all(&mut self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (sql, values) = (AssertSqlSafe(statement.sql.as_str()), values(statement));
        let found = with!(self, it => {
            let rows = sqlx::query_with(sql, values).fetch_all(&mut **it).await;
            rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
        });
        found.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
    }
}

fn values(statement: &Statement) -> SqlxValues {
    SqlxValues(statement.values.clone().unwrap_or_else(|| sea_orm::Values(Vec::new())))
}

/// A connection at work. It goes back to the pool, which looks at it, unless it is given to [`Held::keep`](super::held::Held::keep).
pub(super) struct Lent {
    connection: Connection,
    /// When it came out of the pool.
    since: Instant,
    timing: Timing,
}

impl Lent {
    /// One from the pool, waiting for it if need be.
    pub async fn acquire(from: &DatabaseConnection, timing: &Timing) -> Result<Self, DbErr> {
        let connection = Connection::acquire(from).await?;
        Ok(Self { connection, since: Instant::now(), timing: timing.clone() })
    }

    /// How long ago it came out of the pool.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Executes a statement.
    pub async fn execute(&mut self, statement: &Statement) -> Result<ExecResult, DbErr> {
        let begun = self.timing.statement(&statement.sql);
        let done = self.connection.execute(statement).await;
        self.timing.ended(begun, done.is_err());
        done
    }

    /// Executes words without parameters, one statement or several, and prepares nothing.
    pub async fn execute_text(&mut self, words: &str) -> Result<ExecResult, DbErr> {
        let begun = self.timing.statement(words);
        let done = self.connection.execute_text(words).await;
        self.timing.ended(begun, done.is_err());
        done
    }

    /// The first row of a query.
    pub async fn first(&mut self, statement: &Statement) -> Result<Option<QueryResult>, DbErr> {
        let begun = self.timing.statement(&statement.sql);
        let found = self.connection.first(statement).await;
        self.timing.ended(begun, found.is_err());
        found
    }

    /// All rows of a query.
    pub async fn all(&mut self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let begun = self.timing.statement(&statement.sql);
        let found = self.connection.all(statement).await;
        self.timing.ended(begun, found.is_err());
        found
    }

    /// Has it closed: nobody knows what it is at.
    pub fn close(mut self) {
        with!(&mut self.connection, it => it.close_on_drop());
    }
}
