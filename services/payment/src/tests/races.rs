//! Many at once.

use std::sync::Arc;

use contracts::payment::{
    PaymentState, RefundPaymentRequest, RefundState, payment_service_server::PaymentService,
};
use futures::future::join_all;

use super::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_payment_created_many_times_at_once_is_charged_once() {
    let shop = Arc::new(Shop::open().await);
    let request = new("");
    let calls = (0..30).map(|_| {
        let (shop, request) = (shop.clone(), request.clone());
        tokio::spawn(async move { shop.create(request).await.unwrap() })
    });
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().state(), PaymentState::Authorized);
    }
    assert_eq!(shop.count().await, 1);
    assert_eq!(shop.history(&request.id).await, ["PENDING", "PROCESSING", "AUTHORIZED"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_refunds_never_give_back_more_than_was_captured() {
    let shop = Arc::new(Shop::open().await);
    let payment = shop.captured().await;
    let calls = (0..12).map(|_| {
        let (shop, id) = (shop.clone(), payment.id.clone());
        tokio::spawn(async move { shop.refund(&id, Some(400)).await })
    });
    let answers = join_all(calls).await;
    let done = answers.into_iter().filter_map(|answer| answer.unwrap().ok()).collect::<Vec<_>>();
    assert!(done.iter().all(|refund| refund.state() == RefundState::Succeeded));
    assert_eq!(done.len(), 3);
    assert_eq!(shop.get(&payment.id).await.refunded, Some(eur(1200)));
    assert_eq!(shop.ledger(&payment.id).await, 99);
    assert_eq!(shop.charge(&payment.id).await["refunded_minor"], 1200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_refund_key_at_once_from_everywhere_is_one_refund() {
    let shop = Arc::new(Shop::open().await);
    let payment = shop.captured().await;
    let calls = (0..30).map(|_| {
        let (shop, id) = (shop.clone(), payment.id.clone());
        tokio::spawn(async move {
            let message = RefundPaymentRequest { id, amount: Some(eur(100)), reason: String::new() };
            shop.payments.refund_payment(keyed(&mesh(), "refund:1", message)).await
        })
    });
    for answer in join_all(calls).await {
        match answer.unwrap() {
            Ok(refund) => assert_eq!(refund.get_ref().amount, Some(eur(100))),
            Err(status) => assert_eq!(fault(&status).reason.as_str(), "IDEMPOTENCY_IN_PROGRESS"),
        }
    }
    assert_eq!(shop.get(&payment.id).await.refunded, Some(eur(100)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_void_against_a_capture_has_one_winner() {
    let shop = Arc::new(Shop::open().await);
    for _ in 0..8 {
        let payment = shop.create(new("")).await.unwrap();
        let voids = tokio::spawn({
            let (shop, id) = (shop.clone(), payment.id.clone());
            async move { shop.void(&id, "").await }
        });
        let captured = shop.capture(&payment.id).await;
        let voided = voids.await.unwrap();
        assert_ne!(captured.is_ok(), voided.is_ok(), "{captured:?} {voided:?}");
        let after = shop.get(&payment.id).await;
        let expected = if captured.is_ok() { ("captured", 1299) } else { ("voided", 0) };
        assert_eq!(shop.charge(&payment.id).await["status"], expected.0);
        assert_eq!(shop.ledger(&payment.id).await, expected.1);
        assert_eq!(after.captured, Some(eur(expected.1)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_replicas_do_what_is_due_once() {
    let shop = Arc::new(Shop::open().await);
    let replica = shop.replica().await;
    let payments = join_all((0..10).map(|_| shop.create(new("sim_action")))).await;
    let payments: Vec<_> = payments.into_iter().map(Result::unwrap).collect();
    for payment in &payments {
        assert_eq!(replica.act(&replica.get(&payment.id).await.action_url, "approve").await, 200);
    }
    for payment in &payments {
        replica.becomes(&payment.id, PaymentState::Authorized).await;
        assert_eq!(shop.history(&payment.id).await, ["PENDING", "PROCESSING", "AUTHORIZED"]);
    }
}
