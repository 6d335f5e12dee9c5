//! The write path on a real SQLite file.

use contracts::user::{GetUserRequest, User, UserErased};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use tonic::Code;

use super::*;
use crate::{
    Caller, Reason, Role,
    id::{Id, UserId},
    idempotency::record,
    outbox::event,
    testing::{self, Database},
};

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(crate::migration::Base)]
    }
}

async fn fresh() -> (Writer<Fault>, Database) {
    let database = Database::sqlite(Role::User);
    (database.migrated::<Migrator>(crate::Clock::system()).await.into(), database)
}

fn caller() -> Caller {
    testing::customer(UserId::new())
}

fn call(caller: &Caller, key: Option<&str>, body: &str) -> Call {
    let message = GetUserRequest { id: body.to_owned() };
    Call::of(&match key {
        Some(key) => testing::keyed(caller, key, message),
        None => testing::request(caller, message),
    })
    .unwrap()
}

async fn publish(db: &Writer<Fault>, call: &Call) -> Result<Written<User>, Fault> {
    db.write(call, (), |tx, _| async move {
        let id = UserId::new();
        tx.publish(id, &UserErased { user_id: id.to_string() });
        Ok(User { id: id.to_string(), ..Default::default() })
    })
    .await
}

#[tokio::test]
async fn a_repeat_gets_the_stored_answer_and_does_nothing() {
    let (db, _database) = fresh().await;
    let caller = caller();
    let first = publish(&db, &call(&caller, Some("k"), "x")).await.unwrap();
    let again = publish(&db, &call(&caller, Some("k"), "x")).await.unwrap();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.message, again.message);
    assert_eq!(event::Entity::find().count(db.read()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_caller() {
    let (db, _database) = fresh().await;
    let caller = caller();
    publish(&db, &call(&caller, Some("k"), "x")).await.unwrap();
    let other = publish(&db, &call(&caller, Some("k"), "y")).await.unwrap_err();
    assert_eq!((other.code, other.reason), (Code::InvalidArgument, Reason::IdempotencyKeyReused));
    assert!(!publish(&db, &call(&self::caller(), Some("k"), "y")).await.unwrap().replayed);
    // Keys of anonymous callers are distinguished by their requests.
    assert!(!publish(&db, &call(&Caller::Anonymous, Some("k"), "x")).await.unwrap().replayed);
    assert!(!publish(&db, &call(&Caller::Anonymous, Some("k"), "y")).await.unwrap().replayed);
    assert!(publish(&db, &call(&Caller::Anonymous, Some("k"), "y")).await.unwrap().replayed);
}

#[tokio::test]
async fn a_refusal_is_not_stored_and_changes_nothing() {
    let (db, _database) = fresh().await;
    let call = call(&caller(), Some("k"), "x");
    let refused = db
        .write::<_, User, _, _>(&call, (), |tx, _| async move {
            tx.publish("x", &UserErased::default());
            Err(Fault::not_found("user"))
        })
        .await;
    assert_eq!(refused.unwrap_err().code, Code::NotFound);
    assert_eq!(event::Entity::find().count(db.read()).await.unwrap(), 0);
    assert!(!publish(&db, &call).await.unwrap().replayed);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_calls_at_once_with_one_key_one_does_the_work() {
    let (db, _database) = fresh().await;
    let call = call(&caller(), Some("k"), "x");
    let tries = (0..100).map(|_| {
        let (db, call) = (db.clone(), call.clone());
        tokio::spawn(async move { publish(&db, &call).await })
    });
    for outcome in futures::future::join_all(tries).await {
        match outcome.unwrap() {
            Ok(_) => {}
            Err(fault) => assert_eq!(fault.reason, Reason::IdempotencyInProgress),
        }
    }
    assert_eq!(event::Entity::find().count(db.read()).await.unwrap(), 1);
    assert!(publish(&db, &call).await.unwrap().replayed);
}

#[tokio::test]
async fn a_call_of_several_steps_is_in_progress_until_its_last_transaction() {
    let (db, _database) = fresh().await;
    let call = call(&caller(), Some("k"), "x");
    let opened: Opened<(), User> = db.open(&call, (), |_, _, _| async { Ok(()) }).await.unwrap();
    let Opened::Fresh { claim: Some(claim), guard, .. } = opened else { panic!("not fresh") };
    assert_eq!(publish(&db, &call).await.unwrap_err().reason, Reason::IdempotencyInProgress);
    drop(guard);
    assert_eq!(publish(&db, &call).await.unwrap_err().reason, Reason::IdempotencyInProgress);
    let refusal = Fault::new(Reason::OutOfStock, "short").with("article_id", "art_1");
    let refuse = db.transact(&call, (claim, refusal), |tx, input| async move {
        let (claim, refusal) = &*input;
        Ok(tx.refuse(claim, refusal).await?)
    });
    refuse.await.unwrap();
    let stored = publish(&db, &call).await.unwrap_err();
    assert_eq!((stored.reason, stored.value("article_id")), (Reason::OutOfStock, Some("art_1")));
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_half_change() {
    let (db, _database) = fresh().await;
    let call = call(&caller(), Some("k"), "x");
    let work = db.write(&call, (), |tx, _| async move {
        tx.publish("x", &UserErased::default());
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(User::default())
    });
    assert!(tokio::time::timeout(Duration::from_millis(10), work).await.is_err());
    db.drained().await;
    assert_eq!(event::Entity::find().count(db.read()).await.unwrap(), 1);
    assert_eq!(record::Entity::find().count(db.read()).await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_acknowledged_after_a_full_disk_is_committed() {
    let (db, _database) = fresh().await;
    let call = || call(&caller(), None, "x");
    db.0.writer.execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
    let full = async {
        loop {
            if let Err(fault) = publish(&db, &call()).await {
                return fault;
            }
        }
    };
    assert_eq!(full.await.code, Code::Unavailable);
    db.0.writer.execute_unprepared("PRAGMA max_page_count = 1000000").await.unwrap();
    let count = || async { event::Entity::find().count(db.read()).await.unwrap() };
    let before = count().await;
    let refused =
        db.write::<_, User, _, _>(&call(), (), |_, _| async { Err(Fault::not_found("user")) }).await;
    assert_eq!(refused.unwrap_err().code, Code::NotFound);
    publish(&db, &call()).await.unwrap();
    assert_eq!(count().await, before + 1);
}

#[tokio::test]
async fn a_database_tells_nothing_of_what_was_asked() {
    let (db, _database) = fresh().await;
    publish(&db, &call(&caller(), Some("k"), "a secret")).await.unwrap();
    let row = record::Entity::find().one(db.read()).await.unwrap().unwrap();
    assert!(!row.claim.contains('k') && row.fingerprint.len() == 64);
}

#[tokio::test]
async fn what_is_yielded_beside_the_answer_is_not_there_on_a_repeat() {
    let (db, _database) = fresh().await;
    let call = call(&caller(), Some("k"), "x");
    let twice = || db.write_with(&call, 7, |_, number| async move { Ok((User::default(), *number)) });
    assert_eq!(twice().await.unwrap().1, Some(7));
    let (again, extra) = twice().await.unwrap();
    assert_eq!((again.replayed, extra), (true, None));
}

#[tokio::test]
async fn a_feeds_position_goes_forward_once_for_each_event() {
    let (db, _folder) = fresh().await;
    for (position, expected) in [(5, true), (5, false), (4, false), (6, true)] {
        let own = call(&caller(), None, "a");
        let moved = db.transact(&own, (), move |tx, _| async move {
            Ok(crate::follow::advance(&tx, "article", position).await?)
        });
        assert_eq!(moved.await.unwrap(), expected, "{position}");
    }
    assert_eq!(crate::follow::position(&db, "article").await.unwrap(), 6);
    assert_eq!(crate::follow::position(&db, "user").await.unwrap(), 0);
}
