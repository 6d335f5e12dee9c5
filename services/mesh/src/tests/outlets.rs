//! Whose turn it is to hand events on, and how far they are.

use std::{sync::Arc, time::Duration};

use kit::{Call, Clock, Role, Time, Tx, Writer, testing::Database};

use crate::{
    Migrator,
    error::Error,
    store::outlets::{self, LEASE, Turn},
};

const START: Time = Time(1_700_000_000_000_000);

async fn take(db: &Writer<Error>, owner: &'static str) -> Option<Turn> {
    let work = move |tx: Tx, _: Arc<()>| async move { Ok(outlets::take(&tx, "nats", owner).await?) };
    db.transact(&Call::of_service(Role::Mesh, "test"), (), work).await.unwrap()
}

async fn advance(db: &Writer<Error>, turn: &Turn) -> bool {
    let work = |tx: Tx, turn: Arc<Turn>| async move { Ok(outlets::advance(&tx, "nats", &turn).await?) };
    db.transact(&Call::of_service(Role::Mesh, "test"), turn.clone(), work).await.unwrap()
}

async fn replay(db: &Writer<Error>, after: i64) -> bool {
    let work = move |tx: Tx, _: Arc<()>| async move { Ok(outlets::replay(&tx, "nats", after).await?) };
    db.transact(&Call::of_service(Role::Mesh, "test"), (), work).await.unwrap()
}

#[tokio::test]
async fn one_replica_has_the_outlet_until_its_lease_ends_and_an_old_one_writes_nothing() {
    let (database, clock) = (Database::new(Role::Mesh).await, Clock::manual(START));
    let db: Writer<Error> = database.migrated::<Migrator>(clock.clone()).await.into();
    let mut first = take(&db, "a").await.unwrap();
    assert_eq!((first.position, first.target.as_str()), (0, ""));
    assert_eq!(take(&db, "b").await, None);
    (first.position, first.target) = (7, "FEIRA 1".to_owned());
    assert!(advance(&db, &first).await);
    assert_eq!(take(&db, "a").await, Some(first.clone()), "its own again");
    clock.advance(LEASE + Duration::from_secs(1));
    let second = take(&db, "b").await.unwrap();
    assert_eq!((second.position, second.fence), (7, first.fence + 1));
    first.position = 9;
    assert!(!advance(&db, &first).await, "it was paused for longer than its lease");
    assert_eq!(take(&db, "a").await, None);
}

#[tokio::test]
async fn a_replay_takes_the_outlet_from_whoever_has_it() {
    let database = Database::new(Role::Mesh).await;
    let db: Writer<Error> = database.migrated::<Migrator>(Clock::manual(START)).await.into();
    assert!(!replay(&db, 0).await, "nothing was handed on");
    let mut turn = take(&db, "a").await.unwrap();
    turn.position = 40;
    assert!(advance(&db, &turn).await);
    assert!(!replay(&db, 40).await && replay(&db, 12).await);
    turn.position = 41;
    assert!(!advance(&db, &turn).await);
    let again = take(&db, "a").await.unwrap();
    assert_eq!((again.position, again.replays), (12, true));
}
