//! Fresh databases in the throwaway PostgreSQL that `tests/run` starts.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use sea_orm::{ConnectionTrait, Database};

/// The server's URL, without a database: `postgres://USER@HOST:PORT`.
pub const VARIABLE: &str = "FEIRA_TEST_POSTGRES";

/// Databases of one test, one for each role; dropped with it.
#[derive(Debug)]
pub struct Databases {
    server: String,
    prefix: String,
}

/// The roles that have one.
pub const ROLES: [&str; 4] = ["user", "article", "order", "payment"];

impl Databases {
    /// The server that tests may use, if there is one.
    #[allow(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
    pub fn server() -> Option<String> {
        std::env::var(VARIABLE).ok().filter(|url| !url.is_empty())
    }

    pub fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = Self::server().unwrap_or_else(|| panic!("{VARIABLE} says where PostgreSQL is"));
        let prefix = format!("feira_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let databases = Self { server, prefix };
        databases.each(|name| format!("CREATE DATABASE {name} STRATEGY file_copy"));
        databases
    }

    /// The URL of a role's database.
    pub fn url(&self, role: &str) -> String {
        format!("{}/{}_{role}", self.server.trim_end_matches('/'), self.prefix)
    }

    /// Refuses a role's connections, old and new, or lets them in again.
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
        let url = format!("{}/postgres", self.server.trim_end_matches('/'));
        let work = async move {
            let connection = Database::connect(url).await.expect("PostgreSQL can be reached");
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
            self.each(|name| format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}
