//! What events mean.

use kit::id::Id;
use serde_json::json;

use super::*;
use crate::provider::ChargeSnapshot;

fn content(kind: &str, object: Value) -> Option<Content> {
    let event = json!({"id": "evt_1", "type": kind, "data": {"object": object}});
    let event = read(event.to_string().as_bytes()).unwrap()?;
    assert_eq!(event.id, "evt_1");
    Some(event.content)
}

fn intent(status: &str) -> Value {
    json!({"id": "pi_1", "status": status, "metadata": {"payment_id": PaymentId::new()}})
}

#[test]
fn what_stays_true_is_applied_and_the_rest_is_reconciled() {
    let snapshot = |status| Some(Content::Charge(ChargeSnapshot::new("pi_1", status)));
    assert_eq!(content("payment_intent.succeeded", intent("succeeded")), snapshot(ChargeStatus::Captured));
    assert_eq!(content("payment_intent.canceled", intent("canceled")), snapshot(ChargeStatus::Voided));
    let authorized = intent("requires_capture");
    assert_eq!(
        content("payment_intent.amount_capturable_updated", authorized),
        snapshot(ChargeStatus::Authorized)
    );
    for (kind, status) in [
        ("payment_intent.payment_failed", "requires_payment_method"),
        ("payment_intent.requires_action", "requires_action"),
        ("payment_intent.processing", "processing"),
        ("payment_intent.succeeded", "something_new"),
        ("checkout.session.completed", "complete"),
        ("checkout.session.async_payment_succeeded", "complete"),
        ("checkout.session.async_payment_failed", "complete"),
        ("checkout.session.expired", "open"),
    ] {
        assert_eq!(content(kind, intent(status)), Some(Content::Reconcile), "{kind}");
    }
}

#[test]
fn a_session_that_ended_stays_ended() {
    let mut session = intent("expired");
    session["id"] = "cs_1".into();
    let status = ChargeStatus::Declined { reason: "ACTION_EXPIRED".to_owned() };
    let snapshot = ChargeSnapshot::new("cs_1", status);
    assert_eq!(content("checkout.session.expired", session), Some(Content::Charge(snapshot)));
}

#[test]
fn a_refund_says_what_became_of_it() {
    let id = RefundId::new();
    let metadata = json!({"payment_id": PaymentId::new(), "refund_id": id});
    let refund = |status: &str| json!({"id": "re_1", "status": status, "failure_reason": "expired_or_canceled_card", "metadata": metadata});
    let ended = |outcome| Some(Content::Refund { id, outcome });
    assert_eq!(content("refund.updated", refund("succeeded")), ended(Ok(None)));
    let failed = "EXPIRED_OR_CANCELED_CARD".to_owned();
    assert_eq!(content("refund.failed", refund("failed")), ended(Err(failed)));
    assert_eq!(content("refund.updated", refund("pending")), None);
}

#[test]
fn what_is_not_ours_is_nothing_to_us() {
    assert_eq!(content("payment_intent.succeeded", json!({"id": "pi_1", "status": "succeeded"})), None);
    let somebody = json!({"id": "pi_1", "status": "succeeded", "metadata": {"payment_id": "42"}});
    assert_eq!(content("payment_intent.succeeded", somebody), None);
    assert_eq!(content("payment_intent.created", intent("requires_confirmation")), None);
    // A refund made in the dashboard counts by what its charge says of all refunds.
    let by_hand = json!({"id": "re_1", "status": "succeeded", "metadata": {"payment_id": PaymentId::new()}});
    assert_eq!(content("refund.created", by_hand), None);
}

#[test]
fn a_dispute_names_its_charge_and_says_where_its_money_is() {
    let dispute = |kind: &str, status: &str| {
        let object = json!({"id": "dp_1", "amount": 1000, "currency": "eur", "status": status,
            "reason": "fraudulent", "payment_intent": "pi_1", "metadata": {}});
        let event = json!({"id": "evt_1", "type": kind, "data": {"object": object}});
        let event = read(event.to_string().as_bytes()).unwrap().unwrap();
        assert_eq!(event.subject, Subject::Reference("pi_1".to_owned()));
        let Content::Dispute(content) = event.content else { panic!("{event:?}") };
        assert_eq!((content.reference.as_str(), content.reason.as_str()), ("dp_1", "FRAUDULENT"));
        assert_eq!(content.amount, "10.00 EUR".parse().unwrap());
        (content.state, content.moved)
    };
    use DisputeState::{Lost, Open, Won};
    assert_eq!(dispute("charge.dispute.created", "needs_response"), (Open, None));
    assert_eq!(dispute("charge.dispute.funds_withdrawn", "under_review"), (Open, Some(Moved::Withdrawn)));
    assert_eq!(dispute("charge.dispute.funds_reinstated", "won"), (Won, Some(Moved::Reinstated)));
    assert_eq!(dispute("charge.dispute.closed", "won"), (Won, None));
    assert_eq!(dispute("charge.dispute.closed", "lost"), (Lost, None));
    assert_eq!(dispute("charge.dispute.closed", "warning_closed"), (Won, None));
}

#[test]
fn a_dispute_says_what_it_has_cost() {
    let fees = |bookings: Value| {
        let object = json!({"id": "dp_1", "amount": 1000, "currency": "eur", "status": "lost",
            "payment_intent": "pi_1", "balance_transactions": bookings});
        let event = json!({"id": "evt_1", "type": "charge.dispute.closed", "data": {"object": object}});
        match read(event.to_string().as_bytes()).unwrap().unwrap().content {
            Content::Dispute(content) => content.fees,
            other => panic!("{other:?}"),
        }
    };
    let booking = |number: usize, fee: i64| {
        json!({"id": format!("txn_{number}"), "amount": -1200,
        "fee": fee, "net": -1200 - fee, "currency": "usd"})
    };
    let fee = |number: usize, amount: &str| Fee {
        reference: format!("txn_{number}"),
        amount: amount.parse().unwrap(),
    };
    assert_eq!(fees(json!([booking(1, 1500), booking(2, -300)])), [fee(1, "15.00 USD"), fee(2, "-3.00 USD")]);
    for none in [Value::Null, json!([]), json!("txn_1")] {
        assert_eq!(fees(none), []);
    }
    // The others, and the dispute itself, are not lost with one that makes no sense.
    assert_eq!(fees(json!(["txn_1", {"id": 7}, null, booking(2, 1)])), [fee(2, "0.01 USD")]);
    let many: Vec<Value> = (0..1_000).map(|number| booking(number, 1)).collect();
    assert_eq!(fees(many.into()).len(), MOST_BOOKINGS);
}

#[test]
fn refunds_are_reported_in_all() {
    let mut charge = intent("succeeded");
    charge["amount_refunded"] = 300.into();
    charge["currency"] = "eur".into();
    let refunded = Content::RefundedTotal("3.00 EUR".parse().unwrap());
    assert_eq!(content("charge.refunded", charge), Some(refunded));
}

#[test]
fn nonsense_is_unreadable() {
    for body in ["", "{}", "[]", "null", r#"{"id":"a/b","type":"x","data":{"object":{}}}"#] {
        assert!(matches!(read(body.as_bytes()), Err(Rejection::Unreadable(_))), "{body}");
    }
}
