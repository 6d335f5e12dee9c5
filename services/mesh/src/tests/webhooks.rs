//! Webhooks: who sends, what becomes of deliveries.

use std::time::Duration;

use kit::{
    Call, Clock, Role, Time, Writer,
    id::{EventId, Id as _, WebhookId},
    testing::Database,
};

use crate::{
    Migrator,
    domain::DeliveryState,
    error::Error,
    store::{
        deliveries,
        entities::{delivery, webhook},
        event,
        webhooks::{self, NewWebhook},
    },
};

const START: Time = Time(1_700_000_000_000_000);
const LEASE: Duration = Duration::from_secs(45);

struct Hooks {
    db: Writer<Error>,
    clock: Clock,
    call: Call,
    _database: Database,
}

impl Hooks {
    async fn open() -> Self {
        let (database, clock) = (Database::new(Role::Mesh).await, Clock::manual(START));
        let db = database.migrated::<Migrator>(clock.clone()).await.into();
        Self { db, clock, call: Call::of_service(Role::Mesh, "test"), _database: database }
    }

    async fn webhook(&self) -> webhook::Model {
        let new = NewWebhook {
            id: WebhookId::new(),
            url: "https://example.com/".into(),
            types: String::new(),
            description: String::new(),
            disabled: false,
            wrapped_secret: "x".into(),
        };
        let made =
            self.db.transact(&self.call, new, |tx, new| async move { webhooks::insert(&tx, &new).await });
        made.await.unwrap()
    }

    async fn hold(&self, id: WebhookId, owner: &'static str) -> bool {
        let held = self.db.transact(&self.call, (), move |tx, _| async move {
            webhooks::hold(&tx, id, owner, LEASE).await
        });
        held.await.unwrap().is_some()
    }

    /// Deliveries of events about one thing.
    async fn deliver(&self, id: WebhookId, positions: std::ops::RangeInclusive<i64>) -> Vec<delivery::Model> {
        let until = *positions.end();
        let event = |position| event::Model {
            position,
            id: EventId::new(),
            kind: "order.paid".into(),
            subject: "ord_1".into(),
            parent: None,
            source: "order".into(),
            source_position: position,
            create_time: START,
        };
        let events: Vec<_> = positions.map(event).collect();
        let made = self.db.transact(&self.call, events, move |tx, events| async move {
            let webhook = webhooks::lock(&tx, id).await?;
            Ok(deliveries::insert(&tx, &webhook, &events, until).await?)
        });
        made.await.unwrap()
    }

    async fn settle(&self, mut delivery: delivery::Model, state: DeliveryState) {
        delivery.state = state;
        let done = self.db.transact(&self.call, delivery, |tx, delivery| async move {
            let newest = webhooks::lock(&tx, delivery.webhook_id).await?.sequences;
            Ok(deliveries::record(&tx, &delivery, newest).await?)
        });
        done.await.unwrap();
    }

    async fn forget(&self, id: WebhookId, before: Option<Time>) -> bool {
        let done = self.db.transact(&self.call, (), move |tx, _| async move {
            Ok(deliveries::forget(&tx, id, before).await?)
        });
        done.await.unwrap()
    }

    async fn sequences(&self, id: WebhookId) -> Vec<i64> {
        let rows = deliveries::list(&self.db, id, None, 100).await.unwrap();
        rows.into_iter().map(|row| row.sequence).collect()
    }
}

#[tokio::test]
async fn a_webhook_has_one_sender_at_a_time() {
    let hooks = Hooks::open().await;
    let id = hooks.webhook().await.id;
    let free = async |owner| webhooks::without_owner(&hooks.db, owner, hooks.clock.now()).await.unwrap();
    assert_eq!(free("a").await, [id]);
    assert!(hooks.hold(id, "a").await && !hooks.hold(id, "b").await);
    assert!(free("b").await.is_empty());
    hooks.clock.advance(LEASE / 2);
    assert!(hooks.hold(id, "a").await, "it is renewed");
    hooks.clock.advance(LEASE / 2 + Duration::from_secs(1));
    assert!(!hooks.hold(id, "b").await);
    hooks.clock.advance(LEASE);
    assert!(hooks.hold(id, "b").await && !hooks.hold(id, "a").await, "it has run out");
    let released = hooks.db.transact(&hooks.call, (), move |tx, _| async move {
        webhooks::release(&tx, id, "a").await?;
        Ok(webhooks::release(&tx, id, "b").await?)
    });
    released.await.unwrap();
    assert!(hooks.hold(id, "a").await);
}

#[tokio::test]
async fn what_waits_is_not_forgotten_and_what_is_over_is() {
    let hooks = Hooks::open().await;
    let (id, other) = (hooks.webhook().await.id, hooks.webhook().await.id);
    hooks.deliver(other, 1..=1).await;
    let made = hooks.deliver(id, 1..=6).await;
    for delivery in made[..3].iter().chain(&made[4..]) {
        hooks.settle(delivery.clone(), DeliveryState::Succeeded).await;
    }
    assert!(!hooks.forget(id, Some(START)).await);
    assert_eq!(hooks.sequences(id).await, [6, 5, 4, 3, 2, 1], "it is too young");
    hooks.clock.advance(Duration::from_secs(60));
    assert!(!hooks.forget(id, Some(hooks.clock.now())).await);
    assert_eq!(hooks.sequences(id).await, [6, 5, 4], "the fourth waits, and those behind it stay");
    let waiting = deliveries::waiting(&hooks.db, id).await.unwrap();
    assert_eq!(waiting.iter().map(|one| one.position).collect::<Vec<_>>(), [4]);

    // What was over is begun anew behind all others; what waits keeps its place.
    let again = |delivery: kit::id::DeliveryId| {
        hooks.db.transact(&hooks.call, (), move |tx, _| async move {
            let webhook = webhooks::lock(&tx, id).await?;
            deliveries::begin_anew(&tx, webhook, delivery).await
        })
    };
    assert_eq!(again(made[3].id).await.unwrap().sequence, 4);
    let begun = again(made[4].id).await.unwrap();
    assert_eq!((begun.sequence, begun.state), (7, DeliveryState::Pending));
    let next = hooks.deliver(id, 9..=9).await;
    assert_eq!(next[0].sequence, 8);

    // Of one that is deleted all goes, whatever waits.
    while hooks.forget(id, None).await {}
    assert!(hooks.sequences(id).await.is_empty());
    assert_eq!(hooks.sequences(other).await, [1]);
}

#[tokio::test]
async fn answers_are_kept_of_the_newest_and_of_what_waits() {
    let hooks = Hooks::open().await;
    let id = hooks.webhook().await.id;
    let mut made = hooks.deliver(id, 1..=3).await;
    made.iter_mut().for_each(|delivery| delivery.response = "x".repeat(4_096));
    hooks.settle(made[0].clone(), DeliveryState::Succeeded).await;
    hooks.settle(made[1].clone(), DeliveryState::Pending).await;
    let ids: Vec<_> = made.iter().map(|delivery| delivery.id).collect();
    let answer =
        async |place: usize| deliveries::find(hooks.db.read(), id, ids[place]).await.unwrap().response.len();
    hooks.deliver(id, 4..=1_000).await;
    assert_eq!((answer(0).await, answer(1).await), (4_096, 4_096));
    hooks.deliver(id, 1_001..=1_004).await;
    assert_eq!((answer(0).await, answer(1).await), (0, 4_096), "one is over, the other waits");
    // What ends late, and what is begun anew.
    hooks.settle(made[2].clone(), DeliveryState::Failed).await;
    hooks.settle(made[1].clone(), DeliveryState::Failed).await;
    assert_eq!((answer(1).await, answer(2).await), (0, 0));
    let again = hooks.db.transact(&hooks.call, ids[0], move |tx, delivery| async move {
        let webhook = webhooks::lock(&tx, id).await?;
        deliveries::begin_anew(&tx, webhook, *delivery).await
    });
    made[0].sequence = again.await.unwrap().sequence;
    hooks.settle(made[0].clone(), DeliveryState::Succeeded).await;
    assert_eq!(answer(0).await, 4_096, "it is the newest");
}

#[tokio::test]
async fn what_was_ended_meanwhile_stays_ended() {
    let hooks = Hooks::open().await;
    let id = hooks.webhook().await.id;
    let made = hooks.deliver(id, 1..=2).await;
    let disabled = hooks.db.transact(&hooks.call, (), move |tx, _| async move {
        let mut webhook = webhooks::lock(&tx, id).await?;
        webhooks::disable(&tx, &mut webhook, "gone").await?;
        webhooks::save(&tx, webhook).await
    });
    let disabled = disabled.await.unwrap();
    assert!(disabled.disabled && disabled.version == 2 && disabled.revision == 2);
    // An answer that comes after it changes nothing, and nobody sends any more.
    hooks.settle(made[0].clone(), DeliveryState::Succeeded).await;
    let rows = deliveries::list(&hooks.db, id, None, 10).await.unwrap();
    assert!(rows.iter().all(|row| row.state == DeliveryState::Failed));
    assert!(!hooks.hold(id, "a").await);
}
