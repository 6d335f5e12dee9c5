//! Fresh databases in the throwaway servers that `tests/run` starts.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use sea_orm::{ConnectionTrait, Database, Statement};

use super::setup::Backend;

/// Databases of one test, one for each role; dropped with it.
#[derive(Debug)]
pub struct Databases {
    backend: Backend,
    server: String,
    prefix: String,
}

/// The roles that have one.
pub const ROLES: [&str; 5] = ["user", "article", "order", "payment", "mesh"];

impl Databases {
    /// The server that tests may use, if there is one: its URL without a database, `postgres://USER@HOST:PORT`.
    #[allow(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
    pub fn server(backend: Backend) -> Option<String> {
        let variable = match backend {
            Backend::Sqlite => return None,
            Backend::Postgres => "FEIRA_TEST_POSTGRES",
            Backend::MySql => "FEIRA_TEST_MYSQL",
        };
        let url = std::env::var(variable).ok().filter(|url| !url.is_empty())?;
        Some(url.trim_end_matches('/').to_owned())
    }

    /// Makes them where the backend has a server.
    pub fn create(backend: Backend) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = Self::server(backend)?;
        let prefix = format!("feira_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let databases = Self { backend, server, prefix };
        databases.each(|name| match backend {
            Backend::Postgres => format!("CREATE DATABASE {name} STRATEGY file_copy"),
            _ => format!("CREATE DATABASE {name}"),
        });
        Some(databases)
    }

    /// The URL of a role's database.
    pub fn url(&self, role: &str) -> String {
        format!("{}/{}_{role}", self.server, self.prefix)
    }

    /// The first column of what a query finds in a role's database.
    pub async fn ask(&self, role: &str, query: &str) -> Vec<String> {
        let connection = Database::connect(self.url(role)).await.expect("the server can be reached");
        let statement = Statement::from_string(connection.get_database_backend(), query);
        let rows =
            connection.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{query}: {error}"));
        connection.close().await.expect("it can be closed");
        rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
    }

    /// A statement in a role's database.
    pub async fn tell(&self, role: &str, statement: &str) {
        let connection = Database::connect(self.url(role)).await.expect("the server can be reached");
        let told = connection.execute_unprepared(statement).await;
        told.unwrap_or_else(|error| panic!("{statement}: {error}"));
        connection.close().await.expect("it can be closed");
    }

    /// Ends all sessions there are with the databases, as an operator or a failover does.
    pub async fn end_sessions(&self) {
        let (find, end) = match self.backend {
            Backend::Postgres => (
                format!(
                    "SELECT pid::text FROM pg_stat_activity WHERE datname LIKE '{}\\_%' AND pid <> pg_backend_pid()",
                    self.prefix
                ),
                "SELECT pg_terminate_backend(ID)",
            ),
            _ => (
                format!(
                    "SELECT CAST(id AS CHAR) FROM information_schema.processlist WHERE db LIKE '{}\\_%' AND id <> CONNECTION_ID()",
                    self.prefix
                ),
                "KILL CONNECTION ID",
            ),
        };
        for id in self.ask("user", &find).await {
            // It may have ended by itself meanwhile.
            let connection = Database::connect(self.url("user")).await.expect("the server can be reached");
            let _ = connection.execute_unprepared(&end.replace("ID", &id)).await;
            connection.close().await.expect("it can be closed");
        }
    }

    /// Refuses a role's connections to PostgreSQL, old and new, or lets them in again.
    pub fn admit(&self, role: &str, admitted: bool) {
        let name = format!("{}_{role}", self.prefix);
        self.run(vec![
            format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {admitted}"),
            format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND NOT {admitted}"
            ),
        ]);
    }

    fn each(&self, statement: impl Fn(String) -> String) {
        self.run(ROLES.map(|role| statement(format!("{}_{role}", self.prefix))).into());
    }

    /// Runs statements on a runtime of its own: also called where there is no other.
    fn run(&self, statements: Vec<String>) {
        let existing = if self.backend == Backend::Postgres { "postgres" } else { "mysql" };
        let url = format!("{}/{existing}", self.server);
        let work = async move {
            let connection = Database::connect(url).await.expect("the server can be reached");
            for statement in statements {
                connection.execute_unprepared(&statement).await.expect("it can be done");
            }
            connection.close().await.expect("it can be closed");
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        thread::spawn(move || runtime.block_on(work)).join().expect("databases can be made and dropped");
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.each(|name| match self.backend {
                Backend::Postgres => format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                _ => format!("DROP DATABASE IF EXISTS {name}"),
            });
        }
    }
}
