//! What followers are told of payments and refunds.

use contracts::payment::{PaymentChanged, PaymentState, RefundChanged, RefundState};
use kit::outbox::event;
use prost::{Message, Name};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;

use super::support::*;

/// What was told of a payment: of itself, as the state before and the state after, and of its refunds.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Payment(PaymentState, PaymentState),
    Refund(RefundState),
}

async fn told(shop: &Shop, id: &str) -> Vec<Told> {
    let events = event::Entity::find().order_by_asc(event::Column::Id).all(shop.db.read()).await.unwrap();
    let of_it = events.into_iter().filter(|event| event.aggregate_id == id);
    let read = |event: event::Model| {
        let data = event.data.as_slice();
        if event.kind == RefundChanged::full_name() {
            let changed = RefundChanged::decode(data).unwrap();
            assert!(changed.refund_id.starts_with("ref_") && changed.payment_id == id);
            return Told::Refund(changed.state());
        }
        assert_eq!(event.kind, PaymentChanged::full_name());
        let changed = PaymentChanged::decode(data).unwrap();
        Told::Payment(changed.previous_state(), changed.payment.unwrap().state())
    };
    of_it.map(read).collect()
}

#[tokio::test]
async fn each_state_of_a_payment_is_told_with_the_one_before_it() {
    use PaymentState::*;
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    shop.capture(&payment.id).await.unwrap();
    let steps = [(Unspecified, Processing), (Processing, Authorized), (Authorized, Captured)];
    assert_eq!(told(&shop, &payment.id).await, steps.map(|(before, after)| Told::Payment(before, after)));
    let declined = shop.create(new("sim_decline")).await.unwrap();
    let last = told(&shop, &declined.id).await.pop();
    assert_eq!(last, Some(Told::Payment(Processing, Declined)));
}

#[tokio::test]
async fn each_state_of_a_refund_is_told() {
    use PaymentState::{Captured, PartiallyRefunded, Refunded};
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    let since = told(&shop, &payment.id).await.len();
    shop.refund(&payment.id, Some(300)).await.unwrap();
    shop.faults(json!({ "refund": { "refuse": 1 } })).await;
    let refused = shop.refund(&payment.id, Some(100)).await.unwrap();
    assert_eq!(refused.state(), RefundState::Failed);
    shop.refund(&payment.id, None).await.unwrap();
    shop.refund(&payment.id, None).await.unwrap_err();
    let expected = [
        Told::Payment(Captured, Captured),
        Told::Refund(RefundState::Pending),
        Told::Payment(Captured, PartiallyRefunded),
        Told::Refund(RefundState::Succeeded),
        Told::Payment(PartiallyRefunded, PartiallyRefunded),
        Told::Refund(RefundState::Pending),
        Told::Payment(PartiallyRefunded, PartiallyRefunded),
        Told::Refund(RefundState::Failed),
        Told::Payment(PartiallyRefunded, PartiallyRefunded),
        Told::Refund(RefundState::Pending),
        Told::Payment(PartiallyRefunded, Refunded),
        Told::Refund(RefundState::Succeeded),
    ];
    assert_eq!(told(&shop, &payment.id).await[since..], expected);
}
