//! What is not taken: sent again until it is, in its order, whoever dies meanwhile.

use std::time::Duration;

use contracts::{
    event::{DeliveryState, RedeliverDeliveryRequest},
    order::OrderState,
};

use super::{deliveries, hook, setting};
use crate::support::{
    Setup, at_once, eur,
    receiver::{Receiver, Takes},
    until,
    wait::within,
};

on_every_database!(
    whatever_a_receiver_does_each_event_arrives_under_one_id,
    what_happened_to_one_thing_waits_for_what_happened_before,
);
each!(in_six_processes: Setup::default().split(); a_killed_sender_loses_nothing);

/// Covers: mesh.webhooks.
async fn whatever_a_receiver_does_each_event_arrives_under_one_id(setup: Setup) {
    let mesh = setting(setup).start().await;
    let (staff, shoppers) = (mesh.admin().await, mesh.shoppers(4).await);
    let receiver = Receiver::start().await;
    receiver.next([
        Takes::Says(500, ""),
        Takes::Cuts,
        Takes::Endless,
        Takes::Nonsense,
        Takes::Says(301, "location: /\r\n"),
        Takes::Slow(Duration::from_millis(300)),
        Takes::Says(429, "retry-after: 1\r\n"),
        Takes::Says(503, "retry-after: 6\r\n"),
    ]);
    let made = hook(&staff, &receiver.url, &["order.paid"]).await;
    let article = staff.stocked(eur(100), 1_000).await;
    let orders = at_once(shoppers.len(), |number| {
        let (ada, article) = (shoppers[number].clone().patient(), article.id.clone());
        async move {
            let mut orders = Vec::new();
            for _ in 0..3 {
                let order = ada.order(&article, 1, "sim_approve").await.expect("an order");
                orders.push(ada.until(&order.id, OrderState::Paid).await.id);
            }
            orders
        }
    })
    .await;
    let orders: Vec<String> = orders.into_iter().flatten().collect();
    let all = within(Duration::from_secs(60), "all are taken", || async {
        let all = deliveries(&staff, &made.id).await;
        let over = all.len() == orders.len() && all.iter().all(|one| one.state() == DeliveryState::Succeeded);
        over.then_some(all)
    })
    .await;
    let events = receiver.events();
    for delivery in &all {
        let of: Vec<_> = events.iter().filter(|event| event.id == delivery.event_id).collect();
        assert_eq!(of.len(), usize::try_from(delivery.attempts).unwrap(), "{delivery:?}");
        assert!(
            of.iter().all(|event| event.subject() == delivery.subject && event.is_signed_by(&made.secret))
        );
        assert!(orders.contains(&delivery.subject));
    }
    assert_eq!(events.len(), orders.len() + 7, "seven were not taken at first");
}

/// Covers: mesh.webhooks.
async fn what_happened_to_one_thing_waits_for_what_happened_before(setup: Setup) {
    let mesh = setting(setup).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let receiver = Receiver::start().await;
    receiver.always("order.shipped", Takes::Says(500, ""));
    let made = hook(&staff, &receiver.url, &["order.shipped", "order.delivered"]).await;
    let article = staff.stocked(eur(100), 10).await;
    let mut orders = Vec::new();
    for _ in 0..2 {
        let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
        ada.until(&order.id, OrderState::Paid).await;
        staff.ship(&order.id).await.unwrap();
        staff.deliver(&order.id).await.unwrap();
        orders.push(order.body.id);
    }
    // Both orders are tried beside each other, and none goes on.
    receiver.until("order.shipped", 2).await;
    let tried: Vec<_> = receiver.events().iter().take(2).map(|event| event.subject().to_owned()).collect();
    assert!(orders.iter().all(|id| tried.contains(id)), "{tried:?}");
    receiver.until("order.shipped", 3).await;
    assert!(receiver.events().iter().all(|event| event.kind() == "order.shipped"));
    receiver.always("order.shipped", Takes::Says(200, ""));
    for one in deliveries(&staff, &made.id).await.iter().filter(|one| one.r#type == "order.shipped") {
        // What waits is sent at once, and does not wait behind what waits for it.
        let again = RedeliverDeliveryRequest { webhook_id: made.id.clone(), id: one.id.clone() };
        staff.redeliver_delivery(again).await.unwrap();
    }
    receiver.until("order.delivered", 2).await;
    for id in &orders {
        let events = receiver.events().into_iter().filter(|event| event.subject() == id);
        assert_eq!(
            events.map(|event| event.kind().to_owned()).next_back().as_deref(),
            Some("order.delivered")
        );
    }
    // One that was taken is sent again on demand, as the same event.
    let taken = until("all are taken", || async {
        let all = deliveries(&staff, &made.id).await;
        all.iter().all(|one| one.state() == DeliveryState::Succeeded).then_some(all)
    })
    .await;
    let one = taken.iter().find(|one| one.r#type == "order.delivered").unwrap();
    let again = RedeliverDeliveryRequest { webhook_id: made.id.clone(), id: one.id.clone() };
    assert_eq!(staff.redeliver_delivery(again).await.unwrap().state(), DeliveryState::Pending);
    let delivered = receiver.until("order.delivered", 3).await;
    assert_eq!(delivered[2].id, one.event_id);
}

/// Covers: mesh.webhooks, mesh.crash.
async fn a_killed_sender_loses_nothing(setup: Setup) {
    let mut mesh = setting(setup).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await.patient());
    let receiver = Receiver::start().await;
    let made = hook(&staff, &receiver.url, &["order.paid"]).await;
    let article = staff.stocked(eur(100), 1_000).await;
    let mut orders = Vec::new();
    for round in 0..3 {
        // Some are on their way when it dies: between the event, its delivery, and the answer.
        receiver.next([Takes::Slow(Duration::from_millis(200)), Takes::Hangs]);
        for _ in 0..4 {
            let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
            orders.push(ada.until(&order.id, OrderState::Paid).await.id);
        }
        tokio::time::sleep(Duration::from_millis(100 * round)).await;
        mesh.kill("mesh");
        mesh.restart("mesh");
    }
    let staff = staff.client.clone().patient();
    let all = within(Duration::from_secs(60), "all are taken", || async {
        let all = deliveries(&staff, &made.id).await;
        let over = all.len() == orders.len() && all.iter().all(|one| one.state() == DeliveryState::Succeeded);
        over.then_some(all)
    })
    .await;
    let told: Vec<_> = all.iter().map(|one| one.subject.clone()).collect();
    assert!(orders.iter().all(|id| told.contains(id)), "each order once, none lost");
    let events = receiver.events();
    assert!(all.iter().all(|one| events.iter().any(|event| event.id == one.event_id)));
}
