//! On a real server, where `FEIRA_TEST_MYSQL` says that there is one.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sea_orm::{ActiveValue::Set, EntityTrait, PaginatorTrait};
use sea_orm_migration::MigrationTrait;
use tokio::sync::Barrier;

use super::*;
use crate::{
    Call, Clock, Db, Fault, Role, Tx, Writer,
    db::DatabaseOptions,
    fault::{check_violation, unique_violation},
    insert_new,
    outbox::cursor,
    testing::{self, Server},
};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(crate::migration::Base)]
    }
}

async fn empty() -> Option<Db> {
    let Some(database) = testing::Database::on(Server::MySql, Role::User).await else {
        eprintln!("SKIPPED: there is no MySQL; run the tests by ./tests/run");
        return None;
    };
    // By the other name of the same protocol, which a URL may have too.
    let url = database.url().replace("mysql:", "mariadb:");
    Some(Db::open(options(url, 8)).await.unwrap())
}

fn options(url: String, max_connections: u32) -> DatabaseOptions {
    let (role, clock, key) = (Role::User, Clock::system(), [7; 32]);
    let (page_keys, answers_per_user) = (vec![key], 0);
    DatabaseOptions { role, url, max_connections, clock, fingerprint_key: key, page_keys, answers_per_user }
}

async fn fresh() -> Option<Db> {
    let db = empty().await?;
    db.migrate::<Migrator>().await.unwrap();
    Some(db)
}

async fn run(db: &Db, statements: &str) {
    for statement in statements.split(';').filter(|statement| !statement.trim().is_empty()) {
        db.read().execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

async fn found(db: &Db, query: &str) -> String {
    text(db.read(), &format!("SELECT CAST(({query}) AS CHAR) AS found")).await.unwrap().unwrap_or_default()
}

fn call() -> Call {
    Call::of_service(Role::User, "test")
}

#[test]
fn versions_that_lack_what_is_needed_are_told() {
    for (version, least) in [
        ("10.11.6-MariaDB-1:10.11.6+maria~deb12", None),
        ("10.5.23-MariaDB", Some("MariaDB 10.6")),
        ("8.0.36", None),
        ("8.4.0-commercial", None),
        ("8.0.15", Some("MySQL 8.0.16")),
        ("5.7.44-log", Some("MySQL 8.0.16")),
        ("8.0.11-TiDB-v8.5.1", None),
        ("nonsense", Some("MySQL 8.0.16")),
    ] {
        assert_eq!(too_old(version), least, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_starters_one_migrates() {
    let Some(db) = empty().await else { return };
    let starters = (0..6).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { db.migrate::<Migrator>().await.unwrap().len() })
    });
    let applied = futures::future::join_all(starters).await;
    assert_eq!(applied.into_iter().map(Result::unwrap).sum::<usize>(), 1);
}

#[tokio::test]
async fn a_migration_that_was_killed_halfway_runs_again() {
    let Some(db) = fresh().await else { return };
    let tables = "SELECT GROUP_CONCAT(table_name, column_name, index_name ORDER BY 1) \
        FROM information_schema.statistics WHERE table_schema = DATABASE()";
    let before = found(&db, tables).await;
    for undone in
        ["", "DROP TABLE feed_cursor", "DROP TABLE feed_cursor; DROP INDEX outbox_position ON outbox"]
    {
        run(&db, &format!("DELETE FROM seaql_migrations; {undone}")).await;
        assert_eq!(db.migrate::<Migrator>().await.unwrap(), ["m000001_base"], "after {undone:?}");
        assert_eq!(found(&db, tables).await, before);
        assert_eq!(found(&db, "SELECT COUNT(*) FROM feed_head").await, "1");
    }
}

#[tokio::test]
async fn text_is_the_same_only_if_every_character_is() {
    let Some(db) = fresh().await else { return };
    let words = ["a", "A", "a ", "á", "ß", "ss", "ｱ", "🧺", "🛒"];
    for word in words {
        run(&db, &format!("INSERT INTO feed_cursor VALUES ('{word}', 0)")).await;
    }
    for word in words {
        let same = format!("SELECT COUNT(*) FROM feed_cursor WHERE source = '{word}'");
        assert_eq!(found(&db, &same).await, "1", "{word:?}");
    }
    let mut sorted = words.to_vec();
    sorted.sort_unstable();
    let query = "SELECT GROUP_CONCAT(source ORDER BY source SEPARATOR ',') FROM feed_cursor";
    assert_eq!(found(&db, query).await, sorted.join(","));
}

#[tokio::test]
async fn nothing_is_cut_off_to_make_it_fit() {
    let Some(db) = fresh().await else { return };
    for wrong in [
        "INSERT INTO feed_cursor VALUES (REPEAT('x', 65), 1)",
        "INSERT INTO feed_cursor (source) VALUES ('x')",
    ] {
        assert!(db.read().execute_unprepared(wrong).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_row_that_matches_counts_though_nothing_in_it_changes() {
    let Some(db) = fresh().await else { return };
    let same = db.read().execute_unprepared("UPDATE feed_head SET position = position WHERE id = 1").await;
    assert_eq!(same.unwrap().rows_affected(), 1);
}

fn position(source: &str) -> cursor::ActiveModel {
    cursor::ActiveModel { source: Set(source.to_owned()), position: Set(1) }
}

#[tokio::test]
async fn a_row_is_new_once_also_for_those_who_wait() {
    let Some(db) = fresh().await else { return };
    let columns = || [cursor::Column::Source];
    let first = db.read().begin().await.unwrap();
    assert!(insert_new(&first, position("a"), columns()).await.unwrap());
    assert!(!insert_new(&first, position("a"), columns()).await.unwrap());
    let second = tokio::spawn({
        let db = db.clone();
        async move {
            let tx = db.read().begin().await.unwrap();
            let new = insert_new(&tx, position("a"), columns()).await.unwrap();
            // The transaction goes on after that.
            assert!(insert_new(&tx, position("b"), columns()).await.unwrap());
            tx.commit().await.unwrap();
            new
        }
    });
    first.commit().await.unwrap();
    assert!(!second.await.unwrap());
    assert_eq!(cursor::Entity::find().count(db.read()).await.unwrap(), 2);
}

#[tokio::test]
async fn what_refused_a_row_is_known() {
    let Some(db) = fresh().await else { return };
    run(&db, "CREATE TABLE things (id int PRIMARY KEY, name varchar(50), CONSTRAINT things_id CHECK (id > 0)); \
        CREATE UNIQUE INDEX things_name ON things (name); INSERT INTO things VALUES (1, 'x'' for key ''PRIMARY')")
    .await;
    let refused = async |statement: &str| db.read().execute_unprepared(statement).await.unwrap_err();
    let taken = refused("INSERT INTO things VALUES (2, 'x'' for key ''PRIMARY')").await;
    let by = unique_violation(&taken).unwrap();
    assert!(by.ends_with("things_name") && !by.contains("PRIMARY"), "{by}");
    assert!(
        unique_violation(&refused("INSERT INTO things VALUES (1, 'y')").await).unwrap().ends_with("PRIMARY")
    );
    // A server that speaks another language, as its operator may have it.
    let tx = db.read().begin().await.unwrap();
    if tx.execute_unprepared("SET SESSION lc_messages = 'pt_BR'").await.is_ok() {
        let again = "INSERT INTO things VALUES (2, 'x'' for key ''PRIMARY')";
        let by = unique_violation(&tx.execute_unprepared(again).await.unwrap_err()).unwrap();
        assert!(by.ends_with("things_name") && !by.contains("PRIMARY"), "{by}");
        tx.execute_unprepared("SET SESSION lc_messages = DEFAULT").await.unwrap();
    }
    drop(tx);
    let checked = refused("INSERT INTO things VALUES (0, 'y')").await;
    assert!(check_violation(&checked) && unique_violation(&checked).is_none(), "{checked}");
    assert!(!check_violation(&taken));
}

/// Two transactions take two rows in opposite order; the one that is the deadlock's victim is run again.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_no_error() {
    let Some(db) = fresh().await else { return };
    run(&db, "INSERT INTO feed_cursor VALUES ('a', 0), ('b', 0)").await;
    let (both, tries) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
    let crossing = ["ab", "ba"].map(|order| {
        let db = Writer::<Lost>::from(db.clone());
        let input = (both.clone(), tries.clone(), AtomicU32::new(0));
        tokio::spawn(async move {
            let work = move |tx: Tx, input: Arc<(Arc<Barrier>, Arc<AtomicU32>, AtomicU32)>| async move {
                let (both, tries, first) = &*input;
                tries.fetch_add(1, Ordering::SeqCst);
                let first = first.fetch_add(1, Ordering::SeqCst) == 0;
                for (place, row) in order.chars().enumerate() {
                    if place == 1 && first {
                        both.wait().await;
                    }
                    let more =
                        format!("UPDATE feed_cursor SET position = position + 1 WHERE source = '{row}'");
                    tx.execute_unprepared(&more).await?;
                }
                Ok(())
            };
            db.transact(&call(), input, work).await
        })
    });
    for done in futures::future::join_all(crossing).await {
        done.unwrap().map_err(Fault::from).unwrap();
    }
    assert_eq!(tries.load(Ordering::SeqCst), 3, "one of them twice");
    assert_eq!(found(&db, "SELECT SUM(position) FROM feed_cursor").await, "4");
}

/// A failure that knows what the database said.
#[derive(Debug)]
enum Lost {
    Fault(Fault),
    Database(DbErr),
}

impl From<Fault> for Lost {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<DbErr> for Lost {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Lost> for Fault {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Fault(fault) => fault,
            Lost::Database(error) => error.into(),
        }
    }
}

impl crate::write::Failure for Lost {
    fn database(&self) -> Option<&DbErr> {
        match self {
            Self::Fault(_) => None,
            Self::Database(error) => Some(error),
        }
    }
}

#[tokio::test]
async fn a_lock_that_is_not_given_is_a_conflict() {
    let Some(db) = fresh().await else { return };
    let holder = db.read().begin().await.unwrap();
    holder.execute_unprepared("UPDATE feed_head SET position = 1").await.unwrap();
    let other = db.read().begin().await.unwrap();
    other.execute_unprepared("SET SESSION innodb_lock_wait_timeout = 1").await.unwrap();
    let refused = other.execute_unprepared("UPDATE feed_head SET position = 2").await.unwrap_err();
    assert!(Fault::is_database_conflict(&refused), "{refused}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_without_the_password() {
    let Some(db) = empty().await else { return };
    let url = db.0.url.replace("/user_", "/no_");
    let url = url.replace("//root@", "//root:@");
    let error = Db::open(options(url, 1)).await.unwrap_err().to_string();
    assert!(error.contains("no_") && !error.contains("root:"), "{error}");
}
