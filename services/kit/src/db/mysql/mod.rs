//! What MySQL, MariaDB and TiDB need: session settings, and migrations that survive being killed although
//! every DDL statement commits by itself.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DbErr, Statement,
};
use sea_orm_migration::MigratorTrait;
use sqlx::{Executor, MySql, MySqlConnection, mysql::MySqlConnectOptions, pool::PoolOptions};
use tokio::time::{Instant, sleep};

use crate::{db::migration::is_newer, fault::Fault};

/// The settings of every connection. The comments hold what only MariaDB (`M!`) or only MySQL and TiDB know:
/// the ends of transactions that lie idle, and of statements that take too long.
const SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_IN_DATE,\
    NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 4, \
    lock_wait_timeout = 10, wait_timeout = 330 \
    /*M!100300 , idle_transaction_timeout = 15, max_statement_time = 10 */ \
    /*!80000 , max_execution_time = 10000 */";

/// The further settings of a connection that migrates: an index over a great table takes its time.
const PATIENCE: &str = "SET SESSION lock_wait_timeout = 60, wait_timeout = 28800 \
    /*M!100300 , max_statement_time = 0 */ /*!80000 , max_execution_time = 0 */";

/// How long a process waits for its turn: the server lets it wait in line for 10 s at a time, TiDB not even that.
const WAIT: Duration = Duration::from_secs(60);

/// The longest statement that there may be, in bytes: an image of 5 MiB and what goes with it, with room to spare.
const PACKET: u64 = 8 << 20;

/// How often a migration is tried that others got in the way of.
const TRIES: u32 = 5;

/// For text that compares by code points, with the spaces at its end, as it does in SQLite and PostgreSQL:
/// MariaDB's name for it, then the others'.
const COLLATIONS: [&str; 2] = ["utf8mb4_nopad_bin", "utf8mb4_0900_bin"];

/// The URL by the one scheme that the driver knows.
pub fn url(url: &str) -> String {
    match url.strip_prefix("mariadb:") {
        Some(rest) => format!("mysql:{rest}"),
        None => url.to_owned(),
    }
}

/// What the driver says by itself when it connects: the character set and the time zone.
pub fn options(options: MySqlConnectOptions) -> MySqlConnectOptions {
    options
        .charset("utf8mb4")
        .timezone(Some("+00:00".to_owned()))
        .pipes_as_concat(false)
        .no_engine_substitution(false)
}

/// Has every connection of a pool set up.
pub fn pool(pool: PoolOptions<MySql>) -> PoolOptions<MySql> {
    pool.after_connect(|connection, _| Box::pin(async move { prepare(connection).await }))
}

async fn prepare(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.execute(SESSION).await?;
    connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await.map(|_| ())
}

/// Whether it is TiDB.
pub async fn is_tidb(db: &DatabaseConnection) -> Result<bool, DbErr> {
    Ok(text(db, "SELECT VERSION() AS found").await?.is_some_and(|version| version.contains("TiDB")))
}

/// Why this server will not do, if it is too old for CHECK constraints and SKIP LOCKED, or takes no statement as
/// long as ours may become. Warns of a TiDB that does not enforce CHECK constraints.
pub async fn unfit(db: &DatabaseConnection) -> Result<Option<String>, DbErr> {
    let version = text(db, "SELECT VERSION() AS found").await?.unwrap_or_default();
    if version.contains("TiDB") {
        let checks = text(db, "SELECT CAST(@@GLOBAL.tidb_enable_check_constraint AS CHAR) AS found").await;
        if !matches!(checks.as_ref().map(Option::as_deref), Ok(Some("1" | "ON"))) {
            tracing::warn!(
                "TiDB does not enforce CHECK constraints: SET GLOBAL tidb_enable_check_constraint = ON before the first start"
            );
        }
    }
    let packet = text(db, "SELECT CAST(@@max_allowed_packet AS CHAR) AS found").await?;
    let packet = packet.and_then(|bytes| bytes.parse::<u64>().ok());
    if let Some(packet) = packet.filter(|packet| *packet < PACKET) {
        return Ok(Some(format!(
            "max_allowed_packet is {packet}: images and large answers need at least {PACKET} (8M)"
        )));
    }
    Ok(too_old(&version).map(|least| format!("{version} is too old: it takes {least} or later")))
}

/// The least version of a product, where this one is before it; `VERSION()` is `10.11.6-MariaDB-log`,
/// `8.0.36`, `8.0.11-TiDB-v8.5.0`.
fn too_old(version: &str) -> Option<&'static str> {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let number = (next(), next(), next());
    if version.contains("TiDB") {
        None
    } else if version.contains("MariaDB") {
        (number < (10, 6, 0)).then_some("MariaDB 10.6")
    } else {
        (number < (8, 0, 16)).then_some("MySQL 8.0.16")
    }
}

/// Applies what is missing of the schema, one process at a time. The lock belongs to the connection, so there
/// is one for all of it; it ends with the connection, however the process does.
///
/// `None` where the schema is a newer program's, which lets this one be.
pub async fn migrate<M: MigratorTrait>(url: &str, steps: Option<u32>) -> Result<Option<Vec<String>>, DbErr> {
    let mut one = ConnectOptions::new(self::url(url));
    one.max_connections(1)
        .connect_timeout(Duration::from_secs(5))
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_mysql_opts(options)
        .map_sqlx_mysql_pool_opts(|pool| {
            pool.after_connect(|connection, _| {
                Box::pin(async move {
                    prepare(connection).await?;
                    connection.execute(PATIENCE).await.map(|_| ())
                })
            })
        });
    let connection = Database::connect(one).await?;
    let applied = alone::<M>(&connection, steps).await;
    let _ = connection.close().await;
    applied
}

async fn alone<M: MigratorTrait>(
    db: &DatabaseConnection,
    steps: Option<u32>,
) -> Result<Option<Vec<String>>, DbErr> {
    lock(db).await?;
    collate(db).await?;
    M::install(db).await?;
    if is_newer::<M>(db).await? {
        return Ok(None);
    }
    let mut pending: Vec<String> =
        M::get_pending_migrations(db).await?.iter().map(|step| step.name().to_owned()).collect();
    let known = pending.len();
    pending.truncate(steps.map_or(known, |steps| steps as usize));
    if pending.is_empty() {
        return Ok(Some(pending));
    }
    let left = known - pending.len();
    for tries in 1.. {
        // One that failed may have left some of its steps applied.
        let missing = M::get_pending_migrations(db).await?.len() - left;
        match M::up(db, Some(missing as u32)).await {
            Ok(()) => break,
            // TiDB hears of a changed table a moment later. Steps can be taken again.
            Err(error) if tries < TRIES && Fault::is_database_conflict(&error) => {
                sleep(Duration::from_millis(200)).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(pending))
}

/// Whether the server takes reads alone, by any of the switches that it has for that. Who may write all the same,
/// as administrators may, is not meant to.
pub async fn is_read_only(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let switches = "SHOW VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'innodb_read_only', \
        'transaction_read_only', 'tx_read_only', 'tidb_super_read_only', 'tidb_restricted_read_only')";
    let rows = db.query_all_raw(Statement::from_string(DatabaseBackend::MySql, switches)).await?;
    let values = rows.iter().map(|row| row.try_get_by_index::<String>(1));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    Ok(values.iter().any(|value| !matches!(value.as_str(), "OFF" | "0" | "")))
}

/// Waits for its turn to migrate.
async fn lock(db: &DatabaseConnection) -> Result<(), DbErr> {
    // Locks belong to the server, so the name says which database.
    let lock = "SELECT GET_LOCK(CONCAT('feira ', SHA1(DATABASE())), 10) AS got";
    let until = Instant::now() + WAIT;
    loop {
        match db.query_one_raw(Statement::from_string(DatabaseBackend::MySql, lock)).await {
            Ok(row) => {
                let got = row.map(|row| row.try_get::<Option<i64>>("", "got")).transpose()?.flatten();
                if got == Some(1) {
                    return Ok(());
                }
                if Instant::now() >= until {
                    let late = "another process has been migrating it for a minute";
                    return Err(DbErr::Custom(late.to_owned()));
                }
            }
            // TiDB keeps it as a row, for which only so many can wait.
            Err(error) if Fault::is_database_conflict(&error) && Instant::now() < until => {
                sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Gives the database the collation that its tables are to have.
async fn collate(db: &DatabaseConnection) -> Result<(), DbErr> {
    let now = text(
        db,
        "SELECT default_collation_name AS found FROM information_schema.schemata WHERE schema_name = DATABASE()",
    )
    .await?;
    for name in COLLATIONS {
        if now.as_deref() == Some(name) {
            return Ok(());
        }
        let known = format!(
            "SELECT collation_name AS found FROM information_schema.collations WHERE collation_name = '{name}'"
        );
        if text(db, &known).await?.is_some() {
            let alter = format!("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {name}");
            return db.execute_unprepared(&alter).await.map(|_| ());
        }
    }
    Err(DbErr::Custom(format!("the server knows none of the collations {COLLATIONS:?}")))
}

/// The text `found` by a query.
async fn text(db: &impl ConnectionTrait, query: &str) -> Result<Option<String>, DbErr> {
    let row = db.query_one_raw(Statement::from_string(DatabaseBackend::MySql, query)).await?;
    Ok(row.map(|row| row.try_get::<Option<String>>("", "found")).transpose()?.flatten())
}

#[cfg(test)]
mod tests;
