//! What PostgreSQL needs, and what speaks its protocol: settings of the session, and a session that keeps what it
//! is sent. A pooler in between that shares sessions among clients may lose both.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DbErr, Statement};
use sqlx::{ConnectOptions as _, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{WAIT, options, pool::Trust};
use crate::fault::sqlstate;

/// The ends of waits for locks, of statements, and of transactions that lie idle.
pub const SETTINGS: [(&str, &str); 3] =
    [("lock_timeout", "4s"), ("idle_in_transaction_session_timeout", "15s"), ("statement_timeout", "10s")];

/// How long finding out about prepared statements may take.
const TRIAL: Duration = Duration::from_secs(5);

/// Connects with our settings, or without where they are refused: poolers know no `options`. Whether settings are
/// in force is for [`unfit`] to say.
pub async fn connect(url: &str, connections: u32, trust: &Trust) -> Result<DatabaseConnection, DbErr> {
    let with_settings = options(url, connections, WAIT, trust);
    let mut without = with_settings.clone();
    match Database::connect(with_settings).await {
        // protocol_violation: "unsupported startup parameter".
        Err(error) if sqlstate(&error).as_deref() == Some("08P01") => {
            without.map_sqlx_postgres_opts(|postgres| postgres);
            Database::connect(without).await
        }
        done => done,
    }
}

/// Why this session will not do, if nothing in it ends what takes too long.
pub async fn unfit(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    for (name, value) in SETTINGS {
        let ask = format!("SELECT current_setting('{name}') AS found");
        let row = db.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, ask)).await?;
        let found = row.map(|row| row.try_get::<String>("", "found")).transpose()?;
        if found.as_deref() == Some("0") {
            return Ok(Some(format!(
                "a connection pooler in between does not pass our settings on, and {name} is not limited: \
                 ALTER DATABASE … SET {name} = '{value}', likewise {}",
                SETTINGS.map(|(name, value)| format!("{name} = '{value}'")).join(", ")
            )));
        }
    }
    Ok(None)
}

/// Whether the server takes reads alone: a standby, or one whose operator said so.
pub async fn is_read_only(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let ask = "SELECT current_setting('transaction_read_only') AS found";
    let row = db.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, ask)).await?;
    let found = row.map(|row| row.try_get::<String>("", "found")).transpose()?;
    Ok(found.as_deref() == Some("on"))
}

/// Why prepared statements cannot be relied on, if they cannot: two clients prepare different ones by the same name,
/// as they do all the time. A pooler that gives a client another session for each transaction, and does not carry
/// its statements there, is detected by that. Other errors are reported elsewhere.
pub async fn loses_statements(url: &str) -> Option<String> {
    match timeout(TRIAL, prepare_by_turns(url)).await {
        Ok(Err(sqlx::Error::Database(error))) => {
            // No such statement, or another one; then PgBouncer's own refusal.
            let code = error.code()?;
            matches!(&*code, "26000" | "42P05" | "08P01" | "0A000" | "42P18" | "08P02").then(|| {
                format!(
                    "prepared statements get lost on the way ({error}): a connection pooler in between shares \
                     sessions. PgBouncer: pool_mode = session, or version 1.21 with max_prepared_statements = 200"
                )
            })
        }
        _ => None,
    }
}

async fn prepare_by_turns(url: &str) -> Result<(), sqlx::Error> {
    let options = url.parse::<PgConnectOptions>()?.disable_statement_logging();
    let mut clients =
        [PgConnection::connect_with(&options).await?, PgConnection::connect_with(&options).await?];
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            let query = format!("SELECT $1::int4 + {}", 10 * round + number);
            sqlx::query(sqlx::AssertSqlSafe(query)).bind(1_i32).fetch_one(client).await?;
        }
    }
    for client in clients {
        client.close().await?;
    }
    Ok(())
}
