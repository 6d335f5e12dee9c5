//! What objects and errors mean.

use serde_json::{Value, json};

use super::*;

fn snapshot(intent: Value) -> Option<ChargeSnapshot> {
    serde_json::from_value::<Intent>(intent).unwrap().snapshot()
}

fn status_of(status: &str) -> Option<ChargeStatus> {
    snapshot(json!({"id": "pi_1", "status": status})).map(|snapshot| snapshot.status)
}

#[test]
fn every_status_of_a_payment_intent_means_something() {
    assert_eq!(status_of("requires_capture"), Some(ChargeStatus::Authorized));
    assert_eq!(status_of("succeeded"), Some(ChargeStatus::Captured));
    assert_eq!(status_of("canceled"), Some(ChargeStatus::Voided));
    assert_eq!(status_of("processing"), Some(ChargeStatus::Processing));
    assert_eq!(status_of("requires_confirmation"), Some(ChargeStatus::Processing));
    assert_eq!(status_of("requires_action"), Some(ChargeStatus::Waiting { action: String::new() }));
    let declined = Some(ChargeStatus::Declined { reason: String::new() });
    assert_eq!(status_of("requires_payment_method"), declined);
    assert_eq!(status_of("something_new"), None);
}

#[test]
fn the_figure_of_what_is_held_or_taken_is_read() {
    let amount = |status: &str, currency: &str| {
        let intent = json!({"id": "pi_1", "status": status, "currency": currency, "amount": 1000,
            "amount_capturable": 600, "amount_received": 100});
        snapshot(intent).map(|snapshot| snapshot.amount)
    };
    let money = |minor, currency: &str| Some(Some(Money::new(minor, currency.parse().unwrap())));
    assert_eq!(amount("requires_capture", "eur"), money(600, "EUR"));
    assert_eq!(amount("succeeded", "usd"), money(100, "USD"));
    assert_eq!(amount("succeeded", "isk"), money(1, "ISK"));
    assert_eq!(amount("canceled", "eur"), Some(None));
    assert_eq!(amount("succeeded", "not money"), None);
}

#[test]
fn a_booking_says_what_stripe_took_for_it_in_the_accounts_currency() {
    let fee = |booking: Value| {
        let mut whole = json!({"id": "txn_1", "object": "balance_transaction", "currency": "usd", "exchange_rate": 1.2,
            "fee_details": [{"amount": 1500, "currency": "usd", "type": "stripe_fee"}], "type": "adjustment"});
        whole.as_object_mut().unwrap().extend(booking.as_object().unwrap().clone());
        serde_json::from_value::<BalanceTransaction>(whole).unwrap().fee().map(|fee| fee.amount.to_string())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(fee(json!({"amount": -1200, "fee": 1500, "net": -2700})), some("15.00 USD"));
    assert_eq!(fee(json!({"amount": 1200, "fee": -1500, "net": 2700})), some("-15.00 USD"));
    assert_eq!(fee(json!({"amount": -1200, "net": -2700})), some("15.00 USD"));
    assert_eq!(fee(json!({"amount": -1200, "fee": 0, "net": -1200})), some("0.00 USD"));
    assert_eq!(fee(json!({"fee": 500, "currency": "jpy"})), some("500 JPY"));
    for nonsense in [
        json!({"amount": -1200}),
        json!({"fee": 1, "currency": "no money"}),
        json!({"fee": i64::MIN}),
        json!({"amount": i64::MAX, "net": -1}),
        json!({"fee": 1, "id": "txn/1"}),
    ] {
        assert_eq!(fee(nonsense.clone()), None, "{nonsense}");
    }
}

#[test]
fn a_customer_who_must_act_is_led_on() {
    let url = "https://hooks.stripe.com/3d_secure/1";
    let action =
        |url: &str| json!({"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": "x"}});
    let intent = |action: Value| json!({"id": "pi_1", "status": "requires_action", "next_action": action});
    let waiting = |action: &str| Some(ChargeStatus::Waiting { action: action.to_owned() });
    assert_eq!(snapshot(intent(action(url))).map(|snapshot| snapshot.status), waiting(url));
    let sdk = json!({"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "x"}});
    assert_eq!(snapshot(intent(sdk)).map(|snapshot| snapshot.status), waiting(""));
    let long = format!("https://{}", "x".repeat(2000));
    assert_eq!(snapshot(intent(action(&long))).map(|snapshot| snapshot.status), waiting(""));
}

#[test]
fn a_session_says_how_the_charge_stands_until_its_payment_intent_does() {
    let snapshot = |status: &str| {
        let session = json!({"id": "cs_1", "status": status, "url": "https://checkout.stripe.com/1",
            "payment_intent": {"id": "pi_1", "status": "requires_payment_method"}});
        serde_json::from_value::<Session>(session).unwrap().snapshot().map(|snapshot| snapshot.status)
    };
    let waits = ChargeStatus::Waiting { action: "https://checkout.stripe.com/1".to_owned() };
    assert_eq!(snapshot("open"), Some(waits), "another card may pay there");
    assert_eq!(snapshot("expired"), Some(ChargeStatus::Declined { reason: EXPIRED.to_owned() }));
    assert_eq!(snapshot("complete"), None);
    assert_eq!(snapshot("something_new"), None);
}

#[test]
fn reasons_are_those_of_the_contract_and_else_stripes() {
    let reason = |code: Option<&str>, decline_code: Option<&str>| {
        let (code, decline_code) = (code.map(str::to_owned), decline_code.map(str::to_owned));
        ApiError { code, decline_code, ..ApiError::default() }.reason()
    };
    assert_eq!(reason(Some("card_declined"), Some("insufficient_funds")), "INSUFFICIENT_FUNDS");
    assert_eq!(reason(Some("card_declined"), Some("generic_decline")), "DECLINED");
    assert_eq!(reason(Some("card_declined"), Some("stolen_card")), "DECLINED");
    assert_eq!(reason(Some("card_declined"), None), "DECLINED");
    assert_eq!(reason(Some("expired_card"), None), "EXPIRED_CARD");
    assert_eq!(reason(Some("amount_too_small"), None), "AMOUNT_TOO_SMALL");
    assert_eq!(reason(None, None), "DECLINED");
    assert_eq!(reason(Some("a/../b é"), None), "A____B__");
    assert_eq!(reason(Some(&"x".repeat(100)), None).len(), 64);
}

#[test]
fn an_id_that_could_leave_its_place_in_a_path_is_none() {
    for bad in ["", "../x", "pi_1/capture", "pi 1", "pi_1?x", &"p".repeat(129)] {
        assert_eq!(snapshot(json!({"id": bad, "status": "succeeded"})), None, "{bad}");
    }
}
