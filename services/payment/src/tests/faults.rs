//! What becomes of payments when their provider misbehaves.

use contracts::payment::{AcknowledgePaymentRequest, PaymentState, payment_service_server::PaymentService};
use serde_json::json;
use tonic::Code;

use super::support::*;

#[tokio::test]
async fn a_lost_answer_to_an_authorisation_is_resolved_by_asking() {
    let shop = Shop::open().await;
    shop.faults(json!({ "authorize": { "lose_answer": 1 } })).await;
    let payment = shop.create(new("")).await.unwrap();
    let payment = shop.becomes(&payment.id, PaymentState::Authorized).await;
    assert_eq!(shop.history(&payment.id).await, ["PENDING", "PROCESSING", "UNKNOWN", "AUTHORIZED"]);
    assert_eq!(shop.charge(&payment.id).await["reference"], payment.provider_reference);
}

#[tokio::test]
async fn an_authorisation_that_never_arrived_is_sent_again_under_its_key() {
    let shop = Shop::open().await;
    shop.faults(json!({ "authorize": { "fail_before": 2 } })).await;
    let payment = shop.create(new("sim_decline")).await.unwrap();
    let payment = shop.becomes(&payment.id, PaymentState::Declined).await;
    assert_eq!(payment.failure_reason, "DECLINED");
    assert_eq!(shop.history(&payment.id).await, ["PENDING", "PROCESSING", "UNKNOWN", "DECLINED"]);
}

#[tokio::test]
async fn while_an_outcome_is_unknown_nothing_else_is_begun() {
    let shop = Shop::open().await;
    shop.faults(json!({ "authorize": { "lose_answer": 1 }, "ask": { "fail_before": 1_000 } })).await;
    let payment = shop.create(new("")).await.unwrap();
    assert_eq!(payment.state(), PaymentState::Unknown);
    for refused in [shop.void(&payment.id, "").await, shop.capture(&payment.id).await] {
        let refused = fault(&refused.unwrap_err());
        assert_eq!(
            (refused.code, refused.value("state")),
            (Code::FailedPrecondition, Some("PAYMENT_STATE_UNKNOWN"))
        );
    }
    shop.faults(json!({})).await;
    shop.becomes(&payment.id, PaymentState::Authorized).await;
}

#[tokio::test]
async fn a_lost_answer_to_a_capture_is_captured_once_it_is_known() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    shop.faults(json!({ "capture": { "lose_answer": 1 }, "ask": { "delay_ms": 200 } })).await;
    assert_eq!(shop.capture(&payment.id).await.unwrap().state(), PaymentState::Unknown);
    shop.becomes(&payment.id, PaymentState::Captured).await;
    assert_eq!(shop.ledger(&payment.id).await, 1299);
}

#[tokio::test]
async fn a_capture_that_failed_before_it_took_effect_is_back_at_authorised() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    shop.faults(json!({ "capture": { "fail_before": 1 } })).await;
    assert_eq!(shop.capture(&payment.id).await.unwrap().state(), PaymentState::Unknown);
    shop.becomes(&payment.id, PaymentState::Authorized).await;
    assert_eq!(shop.capture(&payment.id).await.unwrap().state(), PaymentState::Captured);
}

#[tokio::test]
async fn a_lost_answer_to_a_void_is_never_answered_as_voided() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    shop.faults(json!({ "void": { "lose_answer": 1 } })).await;
    let refused = fault(&shop.void(&payment.id, "ACTION_EXPIRED").await.unwrap_err());
    assert_eq!(refused.value("state"), Some("PAYMENT_STATE_UNKNOWN"));
    let voided = shop.becomes(&payment.id, PaymentState::Voided).await;
    assert_eq!((voided.failure_reason.as_str(), voided.voided), ("ACTION_EXPIRED", Some(eur(1299))));
}

#[tokio::test]
async fn a_void_that_comes_too_late_finds_the_money_captured() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    let path = format!("/charges/{}/capture", payment.provider_reference);
    assert_eq!(shop.post(&path, "by-hand", json!({})).await, 200);
    let refused = fault(&shop.void(&payment.id, "").await.unwrap_err());
    assert_eq!(refused.value("state"), Some("PAYMENT_STATE_CAPTURED"));
    assert_eq!(shop.get(&payment.id).await.state(), PaymentState::Captured);
    assert_eq!(shop.ledger(&payment.id).await, 1299);
}

#[tokio::test]
async fn a_refused_acknowledgement_changes_nothing_and_its_key_may_be_tried_again() {
    let shop = Shop::open().await;
    let waiting = shop.create(new("sim_action")).await.unwrap();
    shop.faults(json!({ "acknowledge": { "refuse": 1 } })).await;
    let caller = staff();
    let acknowledge = || async {
        let message = AcknowledgePaymentRequest { id: waiting.id.clone() };
        shop.payments.acknowledge_payment(keyed(&caller, "once", message)).await
    };
    let refused = fault(&acknowledge().await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "PROVIDER_REFUSED"));
    assert_eq!(shop.get(&waiting.id).await, waiting);
    assert_eq!(acknowledge().await.unwrap().get_ref().state(), PaymentState::Captured);
    let replayed = acknowledge().await.unwrap();
    assert_eq!(replayed.metadata().get("idempotency-replayed").unwrap(), "true");
}

#[tokio::test]
async fn a_lost_answer_to_an_acknowledgement_is_unknown_until_asked() {
    let shop = Shop::open().await;
    let waiting = shop.create(new("sim_action")).await.unwrap();
    shop.faults(json!({ "acknowledge": { "lose_answer": 1 }, "ask": { "fail_before": 3 } })).await;
    assert_eq!(shop.acknowledge(&waiting.id).await.unwrap().state(), PaymentState::Unknown);
    shop.becomes(&waiting.id, PaymentState::Captured).await;
    assert_eq!(shop.ledger(&waiting.id).await, 1299);
}

#[tokio::test]
async fn a_provider_out_of_reach_declines_new_payments_and_leaves_old_ones_alone() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = crate::Options { simulator_url: Some(format!("http://{free}")), ..options() };
    let types = "1=simulated".parse().unwrap();
    let (db, tasks) = (shop.db.clone(), shop.tasks.clone());
    let reach = crate::Reach { ports: crate::Ports::open(&away).await.unwrap(), ..crate::Reach::default() };
    let (cut_off, _) = crate::build(&away, pace(), db, tasks, types, WEBHOOK_SECRET, reach).unwrap();
    let declined = cut_off.create_payment(request(&mesh(), new(""))).await.unwrap().into_inner();
    assert_eq!(declined.state(), PaymentState::Declined);
    assert_eq!(declined.failure_reason, "PROVIDER_UNAVAILABLE");
    let capture = contracts::payment::CapturePaymentRequest { id: payment.id.clone() };
    let refused = fault(&cut_off.capture_payment(request(&mesh(), capture)).await.unwrap_err());
    assert_eq!((refused.code, refused.value("service")), (Code::Unavailable, Some("simulated")));
    assert_eq!(shop.get(&payment.id).await, payment);
}
