//! Numbering, reading and forgetting events.

use std::time::Duration;

use kit::{Call, Clock, Role, Time, Writer, db::snapshot::LOG_JUMP, testing::Database};
use sea_orm::{
    EntityTrait as _,
    sea_query::{Expr, ExprTrait as _},
};

use crate::{
    Migrator,
    domain::{self, Fact, Types},
    error::Error,
    store::{
        entities::head,
        event,
        events::{self, Appended, Batch, NewEvent},
        lists,
    },
};

const START: Time = Time(1_700_000_000_000_000);

async fn open(database: &Database) -> Writer<Error> {
    database.migrated::<Migrator>(Clock::manual(START)).await.into()
}

fn call() -> Call {
    Call::of_service(Role::Mesh, "test")
}

/// Events of a feed, from one of its positions to another.
fn batch(source: Role, kind: &'static str, positions: std::ops::RangeInclusive<i64>) -> Batch {
    let end = *positions.end();
    let new = |position| NewEvent {
        source,
        position,
        id: domain::id(source, position, START),
        fact: Fact { kind, subject: format!("{source}_{position}"), parent: None },
        create_time: START + Duration::from_secs(position as u64),
    };
    Batch { events: positions.map(new).collect(), reached: [(source, end)].into() }
}

async fn append(db: &Writer<Error>, batch: Batch) -> Appended {
    let call = call();
    let done = db.transact(&call, batch, |tx, batch| async move { Ok(events::append(&tx, &batch).await?) });
    done.await.unwrap()
}

async fn read(
    db: &Writer<Error>,
    types: &[&str],
    after: i64,
    limit: u64,
) -> (Vec<event::Model>, Option<i64>) {
    let found = lists::after(db, &Types::of(types.iter().copied()), after, limit).await.unwrap();
    (found.events, found.until)
}

fn positions(events: &[event::Model]) -> Vec<i64> {
    events.iter().map(|event| event.position).collect()
}

#[tokio::test]
async fn what_was_told_before_is_not_told_again() {
    let database = Database::new(Role::Mesh).await;
    let db = open(&database).await;
    assert_eq!(append(&db, batch(Role::Order, "order.paid", 1..=3)).await, Appended { head: 3, news: true });
    // Another replica read the same and more; a feed that broke off came again in the same batch.
    let mut again = batch(Role::Order, "order.paid", 2..=5);
    again.events.extend(batch(Role::Order, "order.paid", 4..=6).events);
    again.reached = [(Role::Order, 6), (Role::User, 9)].into();
    assert_eq!(append(&db, again).await, Appended { head: 6, news: true });
    assert!(!append(&db, batch(Role::Order, "order.paid", 1..=6)).await.news);
    assert_eq!(append(&db, batch(Role::User, "user.deleted", 8..=10)).await.head, 7, "8 and 9 told nothing");
    let (all, more) = read(&db, &[], 0, 100).await;
    assert_eq!((positions(&all), more), ((1..=7).collect(), None));
    let sources: Vec<_> = all.iter().map(|event| (event.source.as_str(), event.source_position)).collect();
    assert_eq!(sources[3..], [("order", 4), ("order", 5), ("order", 6), ("user", 10)]);
}

#[tokio::test]
async fn replicas_that_read_the_same_tell_it_once_and_in_order() {
    let database = Database::new(Role::Mesh).await;
    let replicas = [open(&database).await, open(&database).await];
    let work = |db: Writer<Error>| async move {
        for start in (1..200).step_by(7) {
            append(&db, batch(Role::Payment, "payment.captured", start..=start + 6)).await;
        }
    };
    let [one, two] = replicas.clone().map(|db| tokio::spawn(work(db)));
    one.await.unwrap();
    two.await.unwrap();
    let (all, _) = read(&replicas[0], &["payment.*"], 0, 1_000).await;
    assert_eq!(positions(&all), (1..=203).collect::<Vec<_>>());
    assert!(all.iter().all(|event| event.source_position == event.position));
}

#[tokio::test]
async fn some_types_are_found_among_others() {
    let database = Database::new(Role::Mesh).await;
    let db = open(&database).await;
    append(&db, batch(Role::Order, "order.paid", 1..=3)).await;
    append(&db, batch(Role::User, "user.deleted", 1..=2)).await;
    append(&db, batch(Role::Order, "order.shipped", 4..=5)).await;
    assert_eq!(positions(&read(&db, &["order.*"], 0, 100).await.0), [1, 2, 3, 6, 7]);
    assert_eq!(positions(&read(&db, &["order.shipped", "user.*"], 4, 100).await.0), [5, 6, 7]);
    assert_eq!(read(&db, &["orde.*"], 0, 100).await, (vec![], None));
    let (some, more) = read(&db, &["order.*"], 1, 2).await;
    assert_eq!((positions(&some), more), (vec![2, 3], Some(3)));
    assert_eq!(read(&db, &["order.*"], 7, 100).await, (vec![], None));
}

#[tokio::test]
async fn what_is_old_or_too_much_goes_and_numbers_go_on() {
    let database = Database::new(Role::Mesh).await;
    let db = open(&database).await;
    append(&db, batch(Role::Order, "order.paid", 1..=20)).await;
    let call = call();
    let forget = |before: u64, most| {
        let before = START + Duration::from_secs(before);
        db.transact(&call, (), move |tx, _| async move { Ok(events::forget(&tx, before, most).await?) })
    };
    assert!(!forget(6, 1_000).await.unwrap());
    assert_eq!(positions(&read(&db, &[], 0, 2).await.0), [6, 7]);
    assert!(!forget(0, 5).await.unwrap());
    assert_eq!(positions(&read(&db, &["order.*"], 0, 100).await.0), (16..=20).collect::<Vec<_>>());
    assert!(forget(1_000, 5).await.unwrap(), "a whole piece of them went");
    assert!(!forget(1_000, 5).await.unwrap());
    assert_eq!(append(&db, batch(Role::Order, "order.paid", 21..=21)).await.head, 21);
}

#[tokio::test]
async fn positions_that_a_restore_left_out_are_no_events() {
    let database = Database::new(Role::Mesh).await;
    let db = open(&database).await;
    append(&db, batch(Role::Order, "order.paid", 1..=20)).await;
    let call = call();
    let jump = || {
        db.transact(&call, (), |tx, _| async move {
            let further = head::Entity::update_many()
                .col_expr(head::Column::Position, Expr::col(head::Column::Position).add(LOG_JUMP));
            Ok(further.exec(&*tx).await?)
        })
    };
    let forget = |most| {
        db.transact(&call, (), move |tx, _| async move { Ok(events::forget(&tx, START, most).await?) })
    };
    jump().await.unwrap();
    assert!(!forget(20).await.unwrap());
    assert_eq!(positions(&read(&db, &[], 0, 100).await.0), (1..=20).collect::<Vec<_>>(), "none came yet");
    append(&db, batch(Role::Order, "order.paid", 21..=23)).await;
    jump().await.unwrap();
    append(&db, batch(Role::Order, "order.paid", 24..=25)).await;
    assert!(!forget(22).await.unwrap());
    let (first, second) = (20 + LOG_JUMP, 23 + 2 * LOG_JUMP);
    let left: Vec<i64> = (4..=20).chain(first + 1..=first + 3).chain(second + 1..=second + 2).collect();
    assert_eq!(positions(&read(&db, &[], 0, 100).await.0), left);
    assert!(forget(4).await.unwrap(), "there may be more behind a gap");
    assert_eq!(positions(&read(&db, &[], 0, 100).await.0).len(), 5);
    assert!(!forget(4).await.unwrap());
    assert_eq!(positions(&read(&db, &[], 0, 100).await.0).len(), 4);
}
