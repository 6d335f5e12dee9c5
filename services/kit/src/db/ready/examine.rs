//! What a database is, and whether tables can be made in it: for who looks before a shop is started.

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, Statement};

use crate::Db;

/// A table that is made and taken back.
const PROBE: &str = "feira_doctor";

/// What was found.
#[derive(Debug, Clone)]
pub struct Examination {
    /// The kind of database, and its version.
    pub version: String,
    /// Connections that the server takes at the most, of all its clients; none where it is embedded.
    pub max_connections: Option<u32>,
}

impl Db {
    /// Makes a table and takes it back, and asks for the version.
    pub async fn examine(&self) -> Result<Examination, DbErr> {
        let tx = self.0.writer.begin_write().await?;
        tx.execute_unprepared(&format!("CREATE TABLE {PROBE} (id integer)")).await?;
        if self.0.backend == DatabaseBackend::MySql {
            // It was committed by itself.
            tx.execute_unprepared(&format!("DROP TABLE {PROBE}")).await?;
        }
        tx.rollback().await?;
        let (version, most) = match self.0.backend {
            DatabaseBackend::Postgres => ("SHOW server_version", Some("SHOW max_connections")),
            DatabaseBackend::MySql => ("SELECT VERSION()", Some("SELECT CAST(@@max_connections AS CHAR)")),
            _ => ("SELECT sqlite_version()", None),
        };
        let text = async |query: &str| {
            let row = self.read().query_one_raw(Statement::from_string(self.0.backend, query)).await?;
            row.map_or(Ok(String::new()), |row| row.try_get_by_index::<String>(0))
        };
        let kind = match self.0.backend {
            DatabaseBackend::Postgres => "PostgreSQL",
            DatabaseBackend::MySql => "MySQL",
            _ => "SQLite",
        };
        let version = format!("{kind} {}", text(version).await?);
        let max_connections = match most {
            Some(query) => text(query).await?.parse().ok(),
            None => None,
        };
        Ok(Examination { version, max_connections })
    }
}
