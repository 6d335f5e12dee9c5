//! Connections at hand, on each kind of database that the test run has.

use sea_orm::{ConnectionTrait, Statement};

use super::*;
use crate::{Clock, Db, Role, testing::Database};

async fn each() -> Vec<(Database, Db)> {
    let mut all = Vec::new();
    for database in Database::of_each_kind(Role::Article).await {
        let db = database.open(Clock::system()).await;
        all.push((database, db));
    }
    all
}

fn ask(db: &Db, sql: &str) -> Statement {
    Statement::from_string(db.backend(), sql)
}

async fn number(db: &Db, sql: &str) -> i64 {
    let row = db.read().query_one_raw(ask(db, sql)).await.unwrap().unwrap();
    row.try_get_by_index::<i64>(0).unwrap()
}

async fn one(db: &Db) -> i64 {
    number(db, &format!("SELECT CAST(1 AS {})", db.bigint())).await
}

fn most(db: &Db) -> usize {
    with_pool!(db.read().connections(), pool => pool.options().get_max_connections()) as usize
}

fn at_hand(db: &Db) -> usize {
    db.read().held().state().free.len()
}

/// Which connection a statement comes by; none where there is no server.
async fn connection(db: &Db) -> Option<i64> {
    match db.backend() {
        DatabaseBackend::Postgres => Some(number(db, "SELECT pg_backend_pid()::bigint").await),
        DatabaseBackend::MySql => Some(number(db, "SELECT CAST(CONNECTION_ID() AS SIGNED)").await),
        _ => None,
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_statement_unless_it_fails() {
    for (_database, db) in each().await {
        let first = connection(&db).await;
        one(&db).await;
        assert_eq!(at_hand(&db), 1);
        assert_eq!(connection(&db).await, first);
        assert!(db.read().query_all_raw(ask(&db, "SELECT * FROM nowhere")).await.is_err());
        assert_eq!(at_hand(&db), 0);
        one(&db).await;
        assert_eq!(at_hand(&db), 1);
        db.close().await;
        assert_eq!(at_hand(&db), 0);
    }
}

#[tokio::test]
async fn as_many_transactions_begin_as_there_are_connections_whatever_is_at_hand() {
    for (_database, db) in each().await {
        futures::future::join_all((0..64).map(|_| one(&db))).await;
        assert!(at_hand(&db) > 0);
        let begun = futures::future::join_all((0..most(&db)).map(|_| db.read().begin())).await;
        let begun = begun.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!((begun.len(), at_hand(&db)), (most(&db), 0));
    }
}

#[tokio::test]
async fn reads_and_transactions_at_once_keep_no_connection_from_each_other() {
    for (_database, db) in each().await {
        let (reader, beginner, most) = (db.clone(), db.clone(), most(&db));
        let reads = async move {
            for _ in 0..300 {
                futures::future::join_all((0..most).map(|_| one(&reader))).await;
            }
        };
        let transactions = async move {
            for _ in 0..60 {
                let begun = futures::future::join_all((0..most).map(|_| beginner.read().begin())).await;
                for tx in begun {
                    tx.unwrap().commit().await.unwrap();
                }
            }
        };
        let (begun, within) = (Instant::now(), Duration::from_secs(60));
        tokio::join!(reads, transactions);
        assert!(begun.elapsed() < within);
    }
}

#[tokio::test]
async fn a_connection_that_is_not_to_be_trusted_is_not_used_again() {
    for (_database, db) in each().await {
        let Some(first) = connection(&db).await else { continue };
        db.read().renew();
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_ne!(connection(&db).await, Some(first));
    }
}

#[tokio::test]
async fn a_read_that_is_given_up_leaves_no_answer_behind() {
    for (_database, db) in each().await {
        let slow = match db.backend() {
            DatabaseBackend::Postgres => "SELECT 7::bigint FROM pg_sleep(0.2)",
            DatabaseBackend::MySql => "SELECT 7 + SLEEP(0.2)",
            _ => continue,
        };
        let given_up =
            tokio::time::timeout(Duration::from_millis(20), db.read().query_one_raw(ask(&db, slow)));
        assert!(given_up.await.is_err());
        assert_eq!(at_hand(&db), 0);
        for expected in 1..9 {
            assert_eq!(number(&db, &format!("SELECT CAST({expected} AS {})", db.bigint())).await, expected);
        }
    }
}

#[test]
fn a_database_may_outlive_the_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let all = runtime.block_on(async {
        let all = each().await;
        for (_database, db) in &all {
            one(db).await;
            assert_eq!(at_hand(db), 1);
        }
        all
    });
    drop(runtime);
    drop(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_waits_goes_on_when_another_one_ends() {
    for (_database, db) in each().await {
        if db.backend() != DatabaseBackend::Postgres {
            continue;
        }
        let mut transactions = Vec::new();
        for _ in 0..most(&db) / 2 {
            transactions.push(db.0.writer.begin().await.unwrap());
        }
        // One more than there are connections left: it waits for the end of another one, and no longer.
        let reads = (0..most(&db).div_ceil(2) + 1).map(|_| async {
            let begun = Instant::now();
            number(&db, "SELECT 1::bigint FROM pg_sleep(0.2)").await;
            begun.elapsed()
        });
        let took = futures::future::join_all(reads).await;
        assert!(took.iter().all(|took| *took < Duration::from_millis(1_500)), "{took:?}");
        drop(transactions);
    }
}
