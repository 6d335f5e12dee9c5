//! Shared commits on a real SQLite file: who is answered when, and what becomes of the others when one fails.

mod failures;
mod figures;

use std::{future::Future, sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use tokio::{
    sync::Notify,
    task::{JoinHandle, yield_now},
};
use tonic::Code;

use crate::{Call, Clock, Fault, Role, Tx, Writer, outbox::cursor, testing::Database};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(crate::migration::Base)]
    }
}

async fn fresh() -> (Writer<Fault>, Database) {
    let database = Database::sqlite(Role::User);
    (database.migrated::<Migrator>(Clock::system()).await.into(), database)
}

async fn add(tx: &Tx, name: &str) -> Result<(), Fault> {
    tx.execute_unprepared(&format!("INSERT INTO feed_cursor VALUES ('{name}', 1)")).await?;
    Ok(())
}

/// What everybody else sees.
async fn seen(db: &Writer<Fault>) -> Vec<String> {
    let rows = cursor::Entity::find().order_by_asc(cursor::Column::Source).all(db.read()).await.unwrap();
    rows.into_iter().map(|row| row.source).collect()
}

/// A write on its way, which does its work, says so, and goes on when it is let.
struct Writing {
    task: JoinHandle<Result<(), Fault>>,
    at_work: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl Writing {
    /// Begins one; it waits for its turn before this returns, unless it has it already.
    async fn begin<F, Fut>(db: &Writer<Fault>, work: F) -> Self
    where
        F: Fn(Tx) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let before = waiting(db);
        let (at_work, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (says, lets, writer) = (at_work.clone(), go_on.clone(), db.clone());
        let own = Call::of_service(Role::User, "test");
        let task = tokio::spawn(async move {
            let work = move |tx: Tx, _| {
                let (work, says, lets) = (work.clone(), says.clone(), lets.clone());
                async move {
                    let done = work(tx).await;
                    says.notify_one();
                    lets.notified().await;
                    done
                }
            };
            writer.transact(&own, (), work).await
        });
        let writing = Self { task, at_work, go_on };
        if before.is_none() {
            writing.at_work.notified().await;
        } else {
            while waiting(db) == before {
                yield_now().await;
            }
        }
        writing
    }

    /// Lets it end its work, which the next one has begun by then.
    async fn hands_on_to(&self, next: &Self) {
        self.go_on.notify_one();
        next.at_work.notified().await;
    }

    async fn ends(self) -> Result<(), Fault> {
        // More than once, where it is to do its work again.
        let let_go = async {
            loop {
                self.go_on.notify_one();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            done = self.task => done.unwrap(),
            () = let_go => unreachable!(),
        }
    }
}

/// How many wait; none where it is nobody's turn.
fn waiting(db: &Writer<Fault>) -> Option<usize> {
    let turns = db.0.writer.turns().unwrap();
    let queue = turns.queue();
    queue.taken.then_some(queue.waiting.len())
}

#[tokio::test]
async fn nobody_is_answered_before_the_commit_that_all_share() {
    let (db, _database) = fresh().await;
    let a = Writing::begin(&db, |tx| async move { add(&tx, "a").await }).await;
    let b = Writing::begin(&db, |tx| async move { add(&tx, "b").await }).await;
    let c = Writing::begin(&db, |_| async { Err(Fault::not_found("user")) }).await;
    let d = Writing::begin(&db, |tx| async move { add(&tx, "d").await }).await;
    a.hands_on_to(&b).await;
    b.hands_on_to(&c).await;
    c.hands_on_to(&d).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(![&a, &b, &c].iter().any(|writing| writing.task.is_finished()), "even a refusal waits");
    assert!(seen(&db).await.is_empty(), "and nobody sees anything");
    d.ends().await.unwrap();
    assert_eq!(seen(&db).await, ["a", "b", "d"]);
    a.ends().await.unwrap();
    b.ends().await.unwrap();
    assert_eq!(c.ends().await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_turn_that_comes_too_late_goes_to_the_next() {
    let (db, _database) = fresh().await;
    let a = Writing::begin(&db, |tx| async move { add(&tx, "a").await }).await;
    // These give up waiting: one before its turn comes, one as it comes.
    let pool = db.0.writer.clone();
    let impatient = tokio::time::timeout(Duration::from_millis(5), pool.begin_write());
    assert!(impatient.await.is_err());
    let mut late = Box::pin(pool.begin_write());
    assert!(futures::poll!(&mut late).is_pending());
    let b = Writing::begin(&db, |tx| async move { add(&tx, "b").await }).await;
    a.go_on.notify_one();
    while waiting(&db) != Some(1) {
        yield_now().await;
    }
    drop(late);
    b.at_work.notified().await;
    b.ends().await.unwrap();
    a.ends().await.unwrap();
    assert_eq!(seen(&db).await, ["a", "b"]);
    assert_eq!(waiting(&db), None);
}

#[tokio::test]
async fn a_group_has_an_end() {
    let (db, _database) = fresh().await;
    let mut all = vec![Writing::begin(&db, |tx| async move { add(&tx, "0").await }).await];
    for number in 1..=super::MOST {
        let name = number.to_string();
        all.push(
            Writing::begin(&db, move |tx| {
                let name = name.clone();
                async move { add(&tx, &name).await }
            })
            .await,
        );
    }
    for number in 0..super::MOST {
        all[number].hands_on_to(&all[number + 1]).await;
    }
    let last = all.pop().unwrap();
    for writing in all {
        writing.ends().await.unwrap();
    }
    assert_eq!(seen(&db).await.len(), super::MOST, "committed before the last one ends its work");
    last.ends().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_each_there_when_they_are_answered() {
    let (db, _database) = fresh().await;
    let tries = (0..8).map(|caller| {
        let db = db.clone();
        tokio::spawn(async move {
            for number in 0..40 {
                let own = Call::of_service(Role::User, "test");
                let name = format!("{caller}/{number}");
                let failing = number % 5 == 0;
                let written = db.transact(&own, name.clone(), move |tx, name| async move {
                    add(&tx, &name).await?;
                    if failing { Err(Fault::not_found("user")) } else { Ok(()) }
                });
                assert_eq!(written.await.is_err(), failing);
                let found = cursor::Entity::find_by_id(name).one(db.read()).await.unwrap();
                assert_eq!(found.is_none(), failing);
            }
        })
    });
    for done in futures::future::join_all(tries).await {
        done.unwrap();
    }
    assert_eq!(seen(&db).await.len(), 8 * 32);
}
