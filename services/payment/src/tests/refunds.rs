//! Refunds.

use contracts::payment::{
    ListRefundsRequest, PaymentState, RefundPaymentRequest, RefundState,
    payment_service_server::PaymentService,
};
use serde_json::json;
use tonic::Code;

use super::support::*;

#[tokio::test]
async fn money_is_given_back_in_parts_until_nothing_is_left() {
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    let first = shop.refund(&payment.id, Some(300)).await.unwrap();
    assert_eq!((first.state(), first.amount.clone()), (RefundState::Succeeded, Some(eur(300))));
    assert_eq!(shop.get(&payment.id).await.state(), PaymentState::PartiallyRefunded);
    let refused = fault(&shop.refund(&payment.id, Some(1000)).await.unwrap_err());
    assert_eq!(refused.value("state"), Some("PAYMENT_STATE_PARTIALLY_REFUNDED"));
    assert_eq!(refused.value("refundable"), Some("9.99 EUR"));
    assert_eq!(shop.refund(&payment.id, None).await.unwrap().amount, Some(eur(999)));
    let refunded = shop.get(&payment.id).await;
    assert_eq!((refunded.state(), refunded.refunded), (PaymentState::Refunded, Some(eur(1299))));
    let refused = fault(&shop.refund(&payment.id, None).await.unwrap_err());
    assert_eq!(
        (refused.reason.as_str(), refused.value("state")),
        ("ILLEGAL_STATE", Some("PAYMENT_STATE_REFUNDED"))
    );
    assert_eq!(shop.ledger(&payment.id).await, 0);
    assert_eq!(shop.charge(&payment.id).await["refunded_minor"], 1299);
    let list = ListRefundsRequest { payment_id: payment.id, ..Default::default() };
    let listed = shop.payments.list_refunds(request(&staff(), list)).await.unwrap().into_inner();
    assert_eq!(listed.refunds[0], first);
    assert_eq!(listed.refunds.len(), 2);
}

#[tokio::test]
async fn only_captured_money_of_the_same_currency_is_given_back() {
    let shop = Shop::open().await;
    let authorized = shop.create(new("")).await.unwrap();
    let refused = fault(&shop.refund(&authorized.id, None).await.unwrap_err());
    assert_eq!(refused.value("state"), Some("PAYMENT_STATE_AUTHORIZED"));
    let payment = shop.captured().await;
    let mut dollars =
        RefundPaymentRequest { id: payment.id.clone(), amount: Some(eur(1)), reason: String::new() };
    dollars.amount.as_mut().unwrap().currency_code = "USD".to_owned();
    let refused = shop.payments.refund_payment(request(&staff(), dollars)).await.unwrap_err();
    assert_eq!(fault(&refused).reason.as_str(), "CURRENCY_MISMATCH");
    let refused = fault(&shop.refund(&payment.id, Some(0)).await.unwrap_err());
    assert_eq!((refused.code, refused.fields[0].0.as_str()), (Code::InvalidArgument, "amount"));
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_done_once() {
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    shop.faults(json!({ "refund": { "lose_answer": 2 } })).await;
    let pending = shop.refund(&payment.id, Some(300)).await.unwrap();
    assert_eq!(pending.state(), RefundState::Pending);
    assert_eq!(shop.get(&payment.id).await.refund_pending, Some(eur(300)));
    let refunded = shop.becomes(&payment.id, PaymentState::PartiallyRefunded).await;
    assert_eq!((refunded.refunded, refunded.refund_pending), (Some(eur(300)), Some(eur(0))));
    assert_eq!(shop.charge(&payment.id).await["refunded_minor"], 300);
}

#[tokio::test]
async fn a_refund_that_the_provider_refuses_frees_its_balance() {
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    shop.faults(json!({ "refund": { "refuse": 1 } })).await;
    assert_eq!(shop.refund(&payment.id, None).await.unwrap().state(), RefundState::Failed);
    let after = shop.get(&payment.id).await;
    assert_ne!(after.update_time, payment.update_time, "followers know that it is under way");
    assert_eq!(contracts::payment::Payment { update_time: payment.update_time, ..after }, payment);
    assert_eq!(shop.refund(&payment.id, None).await.unwrap().state(), RefundState::Succeeded);
}

#[tokio::test]
async fn one_idempotency_key_gives_money_back_once() {
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    let refund = |minor| {
        let message =
            RefundPaymentRequest { id: payment.id.clone(), amount: Some(eur(minor)), reason: String::new() };
        shop.payments.refund_payment(keyed(&mesh(), "refund:1", message))
    };
    let first = refund(300).await.unwrap();
    let again = refund(300).await.unwrap();
    assert_eq!(again.get_ref(), first.get_ref());
    assert_eq!(again.metadata().get("idempotency-replayed").unwrap(), "true");
    assert_eq!(fault(&refund(301).await.unwrap_err()).reason.as_str(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(shop.get(&payment.id).await.refunded, Some(eur(300)));
}
