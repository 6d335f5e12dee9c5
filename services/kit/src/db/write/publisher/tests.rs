//! Followers of two replicas, with writers on both: on each kind of database that the test run has.

use contracts::user::UserErased;
use futures::StreamExt;
use prost::Message;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use super::*;
use crate::{Call, Clock, Fault, Role, Writer, mesh::node, testing::Database};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(crate::migration::Base)]
    }
}

const WRITERS: usize = 8;
const EVENTS: usize = 20;

/// A replica whose publisher runs as long as the test.
async fn replica(database: &Database) -> Writer<Fault> {
    let db = database.open(Clock::system()).await;
    tokio::spawn(publish(db.clone()));
    db.into()
}

async fn write(db: &Writer<Fault>, writer: usize, number: usize) {
    let call = Call::of_service(Role::User, "test");
    let event = UserErased { user_id: format!("{writer} {number}") };
    let work = |tx: crate::Tx, event: std::sync::Arc<UserErased>| async move {
        tx.publish("all", &*event);
        Ok(())
    };
    db.transact(&call, event, work).await.unwrap();
}

/// The first so many events after a position, in the order in which a follower gets them.
async fn follow(db: &Db, after: i64, count: usize) -> Vec<(i64, Vec<u8>)> {
    let events = node::feed(db.clone(), after).take(count).map(|event| {
        let event = event.unwrap();
        (event.position, event.data.unwrap().value)
    });
    tokio::time::timeout(Duration::from_secs(30), events.collect()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_of_every_replica_get_every_event_once_and_in_one_order() {
    for database in Database::of_each_kind(Role::User).await {
        database.migrated::<Migrator>(Clock::system()).await;
        // An embedded database has one process.
        let one = replica(&database).await;
        let embedded = one.backend() == DatabaseBackend::Sqlite;
        let other = if embedded { one.clone() } else { replica(&database).await };
        let writers = (0..WRITERS).map(|writer| {
            let db = if writer % 2 == 0 { one.clone() } else { other.clone() };
            tokio::spawn(async move {
                for number in 0..EVENTS {
                    write(&db, writer, number).await;
                }
            })
        });
        let writers = futures::future::join_all(writers);
        let all = WRITERS * EVENTS;
        let (done, here, there) = tokio::join!(writers, follow(&one, 0, all), follow(&other, 0, all));
        assert!(done.iter().all(Result::is_ok));
        assert_eq!(here, there);
        let positions = here.iter().map(|(position, _)| *position).collect::<Vec<_>>();
        assert_eq!(positions, (1..=all as i64).collect::<Vec<_>>(), "{:?}", one.backend());
        // One that comes late, and one that is in the middle.
        assert_eq!(follow(&other, 0, all).await, here);
        assert_eq!(follow(&one, 100, 10).await, here[100..110]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_transaction_are_followed_in_their_order() {
    for database in Database::of_each_kind(Role::User).await {
        database.migrated::<Migrator>(Clock::system()).await;
        let db = replica(&database).await;
        write(&db, 0, 0).await;
        // More than one statement writes.
        let many = 1_203;
        let call = Call::of_service(Role::User, "test");
        let work = move |tx: crate::Tx, _| async move {
            for number in 1..=many {
                tx.publish("all", &UserErased { user_id: format!("0 {number}") });
            }
            Ok(())
        };
        db.transact(&call, (), work).await.unwrap();
        write(&db, 0, many + 1).await;
        let expected: Vec<_> = (0..=many + 1)
            .map(|number| (number as i64 + 1, UserErased { user_id: format!("0 {number}") }.encode_to_vec()))
            .collect();
        assert!(follow(&db, 0, expected.len()).await == expected, "{:?}", db.backend());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_commits_is_published_soon() {
    for database in Database::of_each_kind(Role::User).await {
        database.migrated::<Migrator>(Clock::system()).await;
        let here = replica(&database).await;
        // It commits, and dies before it has published.
        let silent: Writer<Fault> = match here.backend() {
            DatabaseBackend::Sqlite => here.clone(),
            _ => database.open(Clock::system()).await.into(),
        };
        write(&here, 0, 0).await;
        let begun = Instant::now();
        write(&silent, 1, 1).await;
        assert_eq!(follow(&here, 0, 2).await.len(), 2);
        assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_database_holds_up_no_follower() {
    for database in Database::of_each_kind(Role::User).await {
        database.migrated::<Migrator>(Clock::system()).await;
        let here = replica(&database).await;
        write(&here, 0, 0).await;
        assert_eq!(follow(&here, 0, 1).await[0].0, 1);
        // As if others had published and pruned while this process was away.
        let pruned = match here.backend() {
            DatabaseBackend::Sqlite => "UPDATE outbox SET position = 50",
            _ => "UPDATE feed_head SET position = 50",
        };
        here.0.writer.execute_unprepared(pruned).await.unwrap();
        let (events, ()) = tokio::join!(follow(&here, 1, 1), write(&here, 1, 1));
        assert!(events[0].0 >= 50, "{:?}: {events:?}", here.backend());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_goes_back_says_so_to_its_followers() {
    for database in Database::of_each_kind(Role::User).await {
        database.migrated::<Migrator>(Clock::system()).await;
        let here = replica(&database).await;
        // An embedded database does not change under the process that has it open.
        if here.backend() == DatabaseBackend::Sqlite {
            continue;
        }
        for number in 0..3 {
            write(&here, 0, number).await;
        }
        follow(&here, 0, 3).await;
        let mut followed = std::pin::pin!(node::feed(Db::clone(&here), 3));
        for back in ["DELETE FROM outbox WHERE position > 1", "UPDATE feed_head SET position = 1"] {
            here.0.writer.execute_unprepared(back).await.unwrap();
        }
        let next = tokio::time::timeout(Duration::from_secs(10), followed.next());
        let told = next.await.unwrap().unwrap().unwrap_err();
        assert_eq!(told.code(), tonic::Code::FailedPrecondition, "{told:?}");
        assert!(told.message().contains("gone back to 1"), "{told:?}");
        assert_eq!(outbox::reached(&here).await.unwrap(), 1);
        // Who begins anew is told what there is now.
        write(&here, 1, 1).await;
        assert_eq!(follow(&here, 1, 1).await[0].0, 2);
    }
}
