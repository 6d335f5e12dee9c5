//! Webhooks: late, twice, out of order, forged.

use std::time::Duration;

use contracts::payment::{PaymentState, RefundState};
use serde_json::{Value, json};
use tonic::Code;

use super::support::*;
use crate::provider::signature;

/// An event about a charge as it is at the provider, but for its status.
fn event(id: &str, charge: &Value, status: &str) -> Value {
    let mut charge = charge.clone();
    charge["status"] = json!(status);
    if status == "captured" {
        charge["captured_minor"] = charge["amount_minor"].clone();
    }
    json!({ "id": id, "type": format!("charge.{status}"), "charge": charge })
}

/// What is known of a payment when an answer of an operation was lost and the provider cannot be asked.
async fn lost(shop: &Shop, operation: &str) -> contracts::payment::Payment {
    let payment = match operation {
        "authorize" => None,
        _ => Some(shop.create(new("")).await.unwrap()),
    };
    shop.faults(json!({ operation: { "lose_answer": 1 }, "ask": { "fail_before": 1_000 } })).await;
    let payment = match payment {
        None => shop.create(new("")).await.unwrap(),
        Some(payment) => shop.capture(&payment.id).await.unwrap(),
    };
    assert_eq!(payment.state(), PaymentState::Unknown);
    payment
}

#[tokio::test]
async fn a_webhook_resolves_what_asking_cannot() {
    let shop = Shop::open().await;
    let payment = lost(&shop, "capture").await;
    let charge = json!({ "reference": payment.provider_reference, "id": payment.id });
    shop.deliver(&event("evt_1", &charge, "captured")).await.unwrap();
    assert_eq!(shop.get(&payment.id).await.state(), PaymentState::Captured);
    assert_eq!(shop.ledger(&payment.id).await, 1299);
}

#[tokio::test]
async fn an_event_counts_once_however_often_it_is_delivered() {
    let shop = Shop::open().await;
    let waiting = shop.create(new("sim_action")).await.unwrap();
    let charge = shop.charge(&waiting.id).await;
    for _ in 0..3 {
        shop.deliver(&event("evt_1", &charge, "captured")).await.unwrap();
    }
    assert_eq!(shop.history(&waiting.id).await, ["PENDING", "PROCESSING", "CAPTURED"]);
    assert_eq!(shop.ledger(&waiting.id).await, 1299);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_event_delivered_by_many_at_once_counts_once() {
    let shop = std::sync::Arc::new(Shop::open().await);
    let waiting = shop.create(new("sim_action")).await.unwrap();
    let captured = event("evt_1", &shop.charge(&waiting.id).await, "captured");
    let deliveries = (0..20).map(|_| {
        let (shop, captured) = (shop.clone(), captured.clone());
        tokio::spawn(async move { shop.deliver(&captured).await })
    });
    for delivered in futures::future::join_all(deliveries).await {
        delivered.unwrap().unwrap();
    }
    assert_eq!(shop.history(&waiting.id).await, ["PENDING", "PROCESSING", "CAPTURED"]);
    assert_eq!(shop.ledger(&waiting.id).await, 1299);
}

#[tokio::test]
async fn late_events_never_take_a_payment_back() {
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    let charge = shop.charge(&payment.id).await;
    for (number, status) in
        ["waiting", "processing", "authorized", "declined", "voided", "captured"].iter().enumerate()
    {
        shop.deliver(&event(&format!("evt_{number}"), &charge, status)).await.unwrap();
    }
    assert_eq!(shop.get(&payment.id).await, payment);
    assert_eq!(shop.ledger(&payment.id).await, 1299);
}

#[tokio::test]
async fn a_late_authorisation_does_not_hide_that_a_capture_is_unknown() {
    let shop = Shop::open().await;
    let payment = lost(&shop, "capture").await;
    let charge = json!({ "reference": payment.provider_reference, "id": payment.id });
    shop.deliver(&event("evt_1", &charge, "authorized")).await.unwrap();
    assert_eq!(shop.get(&payment.id).await.state(), PaymentState::Unknown);
    shop.faults(json!({})).await;
    shop.becomes(&payment.id, PaymentState::Captured).await;
}

#[tokio::test]
async fn forged_stale_and_unreadable_events_change_nothing() {
    let shop = Shop::open().await;
    let waiting = shop.create(new("sim_action")).await.unwrap();
    let body = event("evt_1", &shop.charge(&waiting.id).await, "captured").to_string();
    let (body, now) = (body.as_bytes(), shop.db.clock().now());
    let key = signature::key(&WEBHOOK_SECRET);
    let good = signature::sign(&key, now, body);
    let forged = signature::sign(&signature::key(b"guessed"), now, body);
    let stale = signature::sign(&key, now - Duration::from_secs(301), body);
    let early = signature::sign(&key, now + Duration::from_secs(301), body);
    for signed in [None, Some(""), Some("t=1,v1=00"), Some(&*forged), Some(&*stale), Some(&*early)] {
        let refused = fault(&shop.receive("simulated", signed, body).await.unwrap_err());
        assert_eq!((refused.code, refused.reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    }
    let other = shop.receive("simulated", Some(&good), b"{}").await.unwrap_err();
    assert_eq!(other.code(), Code::Unauthenticated);
    for name in ["none", "stripe-of-another"] {
        let refused = shop.receive(name, Some(&good), body).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    for nonsense in [
        "", "{}", "[]", "\u{feff}{}", r#"{"id":"evt_1","charge":{"reference":"x","status":"captured"}"#,
        &json!({ "id": "", "charge": { "reference": "x", "id": waiting.id, "status": "captured" } }).to_string(),
        &json!({ "id": "e".repeat(151), "charge": { "reference": "x", "id": waiting.id, "status": "captured" } })
            .to_string(),
        &json!({ "id": "evt_1", "charge": { "reference": "x", "id": waiting.id, "status": "happy" } }).to_string(),
        &"[".repeat(100_000),
        &" ".repeat((1 << 20) + 1),
    ] {
        let signed = signature::sign(&key, now, nonsense.as_bytes());
        let refused = fault(&shop.receive("simulated", Some(&signed), nonsense.as_bytes()).await.unwrap_err());
        assert_eq!((refused.code, refused.fields[0].0.as_str()), (Code::InvalidArgument, "event"));
    }
    assert_eq!(shop.get(&waiting.id).await, waiting);
}

#[tokio::test]
async fn an_event_of_an_unknown_payment_may_be_delivered_again() {
    let shop = Shop::open().await;
    let id = kit::id::PaymentId(sea_orm::prelude::Uuid::now_v7()).to_string();
    let unknown = event("evt_1", &json!({ "reference": "sim_1", "id": id }), "captured");
    for _ in 0..2 {
        assert_eq!(shop.deliver(&unknown).await.unwrap_err().code(), Code::NotFound);
    }
    let foreign = event("evt_2", &json!({ "reference": "sim_1", "id": "another shop's" }), "captured");
    shop.deliver(&foreign).await.unwrap();
}

#[tokio::test]
async fn a_webhook_ends_a_refund_and_answers_its_key() {
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    let charge = shop.charge(&payment.id).await;
    shop.faults(json!({ "refund": { "fail_before": 1_000 } })).await;
    let refund = async |minor| shop.refund(&payment.id, Some(minor)).await.unwrap();
    let (first, second) = (refund(300).await, refund(400).await);
    let refund_event = |id: &str, key: &str, status: &str| {
        let refund = json!({ "key": key, "status": status, "reason": "account_closed" });
        json!({ "id": id, "type": format!("refund.{status}"), "charge": charge, "refund": refund })
    };
    for _ in 0..2 {
        shop.deliver(&refund_event("evt_1", &first.id, "succeeded")).await.unwrap();
        shop.deliver(&refund_event("evt_2", &second.id, "failed")).await.unwrap();
    }
    // A provider that contradicts itself changes nothing: what failed stays failed.
    shop.deliver(&refund_event("evt_3", &second.id, "succeeded")).await.unwrap();
    let after = shop.get(&payment.id).await;
    assert_eq!((after.state(), after.refunded), (PaymentState::PartiallyRefunded, Some(eur(300))));
    let list =
        contracts::payment::ListRefundsRequest { payment_id: payment.id.clone(), ..Default::default() };
    use contracts::payment::payment_service_server::PaymentService as _;
    let listed = shop.payments.list_refunds(request(&staff(), list)).await.unwrap().into_inner().refunds;
    let states: Vec<_> = listed.iter().map(contracts::payment::Refund::state).collect();
    assert_eq!(states, [RefundState::Succeeded, RefundState::Failed]);
    assert_eq!(shop.row(&payment.id).await.refund_pending_minor, 0);
    assert_eq!(shop.ledger(&payment.id).await, 999);
}

#[tokio::test]
async fn a_refund_that_fails_after_it_succeeded_takes_its_money_back() {
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    let charge = shop.charge(&payment.id).await;
    let (first, second) =
        (shop.refund(&payment.id, Some(300)).await.unwrap(), shop.refund(&payment.id, None).await.unwrap());
    assert_eq!(shop.get(&payment.id).await.state(), PaymentState::Refunded);
    let refund_event = |id: &str, key: &str, status: &str| {
        let refund = json!({ "key": key, "status": status, "reason": "account_closed" });
        json!({ "id": id, "type": format!("refund.{status}"), "charge": charge, "refund": refund })
    };
    for id in ["evt_1", "evt_1", "evt_2"] {
        shop.deliver(&refund_event(id, &first.id, "failed")).await.unwrap();
        let after = shop.get(&payment.id).await;
        assert_eq!((after.state(), after.refunded), (PaymentState::PartiallyRefunded, Some(eur(999))));
        assert_eq!(shop.ledger(&payment.id).await, 300);
    }
    // A late event about its success is redundant.
    shop.deliver(&refund_event("evt_3", &first.id, "succeeded")).await.unwrap();
    shop.deliver(&refund_event("evt_4", &second.id, "failed")).await.unwrap();
    let after = shop.get(&payment.id).await;
    assert_eq!((after.state(), after.refunded), (PaymentState::Captured, Some(eur(0))));
    assert_eq!(shop.ledger(&payment.id).await, 1299);
    let list =
        contracts::payment::ListRefundsRequest { payment_id: payment.id.clone(), ..Default::default() };
    use contracts::payment::payment_service_server::PaymentService as _;
    let listed = shop.payments.list_refunds(request(&staff(), list)).await.unwrap().into_inner().refunds;
    assert!(listed.iter().all(|refund| refund.state() == RefundState::Failed), "{listed:?}");
    assert_eq!(
        shop.history(&payment.id).await[3..],
        ["CAPTURED", "PARTIALLY_REFUNDED", "REFUNDED", "PARTIALLY_REFUNDED", "CAPTURED"]
    );
}

#[tokio::test]
async fn an_event_about_another_charge_is_not_applied_to_ours() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    assert_eq!(payment.state(), PaymentState::Authorized);
    let other = json!({ "reference": "sim_another", "id": payment.id });
    shop.deliver(&event("evt_1", &other, "captured")).await.unwrap();
    assert_eq!(shop.get(&payment.id).await, payment);
    assert_eq!(shop.ledger(&payment.id).await, 0);
}
