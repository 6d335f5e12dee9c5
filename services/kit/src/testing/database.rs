//! A database that belongs to one test.

use std::sync::Arc;

use sea_orm::ConnectionTrait;
use sea_orm_migration::MigratorTrait;

use crate::{Clock, Db, Role, db::DatabaseOptions};

/// A database server that a test run has started, by the environment variable with its URL, which names no
/// database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Postgres,
    MySql,
}

impl Server {
    /// Where it is, if there is one.
    #[allow(clippy::disallowed_methods, reason = "says where to test, and is no setting of the program")]
    fn url(self) -> Option<String> {
        let variable = match self {
            Self::Postgres => "FEIRA_TEST_POSTGRES",
            Self::MySql => "FEIRA_TEST_MYSQL",
        };
        std::env::var(variable).ok()
    }

    /// The database that is there already.
    fn first_database(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }
}

/// An empty database of its own for one test. Replicas of a service open the same one; the last that goes takes
/// its folder along. Databases on a server go with the server.
#[derive(Debug, Clone)]
pub struct Database {
    role: Role,
    url: String,
    folder: Arc<tempfile::TempDir>,
}

#[allow(clippy::expect_used, clippy::panic, reason = "a test without its database cannot go on")]
impl Database {
    /// On the server that `FEIRA_TEST_POSTGRES` or else `FEIRA_TEST_MYSQL` names; on a SQLite file where there is
    /// neither.
    pub async fn new(role: Role) -> Self {
        for server in [Server::Postgres, Server::MySql] {
            if let Some(database) = Self::on(server, role).await {
                return database;
            }
        }
        Self::sqlite(role)
    }

    /// One on a SQLite file, and one on each server that the test run has: for figures.
    pub async fn of_each_kind(role: Role) -> Vec<Self> {
        let mut databases = vec![Self::sqlite(role)];
        for server in [Server::Postgres, Server::MySql] {
            databases.extend(Self::on(server, role).await);
        }
        databases
    }

    /// On a SQLite file.
    pub fn sqlite(role: Role) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder for a database"));
        let url = format!("sqlite:{}", folder.path().join(format!("{role}.db")).display());
        Self { role, url, folder }
    }

    /// On a server; none where the test run has no such server.
    pub async fn on(server: Server, role: Role) -> Option<Self> {
        let at = server.url()?;
        let name = format!("{role}_{:032x}", rand::random::<u128>());
        // The character set that a schema must not depend on.
        let charset = if server == Server::MySql { " CHARACTER SET latin1" } else { "" };
        let admin = sea_orm::Database::connect(format!("{at}/{}", server.first_database()))
            .await
            .expect("the test run's database server");
        admin
            .execute_unprepared(&format!("CREATE DATABASE {name}{charset}"))
            .await
            .expect("a database on the test run's server");
        let _ = admin.close().await;
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Some(Self { role, url: format!("{at}/{name}"), folder })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A folder that lives as long as the database.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Opens it as a service does, without migrating it.
    pub async fn open(&self, clock: Clock) -> Db {
        let options = DatabaseOptions {
            role: self.role,
            url: self.url.clone(),
            max_connections: 8,
            clock,
            fingerprint_key: [7; 32],
            page_keys: vec![[7; 32]],
            answers_per_user: 0,
        };
        Db::open(options).await.unwrap_or_else(|error| panic!("{}: {error}", self.url))
    }

    /// Opens it with the schema of a service.
    pub async fn migrated<M: MigratorTrait>(&self, clock: Clock) -> Db {
        let db = self.open(clock).await;
        db.migrate::<M>().await.expect("a migration");
        db
    }

    /// Opens it with the schema as it was before a migration, by the name that is stored.
    pub async fn before<M: MigratorTrait>(&self, migration: &str, clock: Clock) -> Db {
        let db = self.open(clock).await;
        db.migrate_before::<M>(migration).await.expect("a migration");
        db
    }
}
