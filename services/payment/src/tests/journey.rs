//! What goes well, and what is refused.

use std::time::Duration;

use contracts::payment::{
    CheckPaymentMethodRequest, CreatePaymentRequest, PaymentChanged, PaymentState,
    payment_service_server::PaymentService,
};
use kit::{Exit, SecretSource, call::Arrival, outbox::event};
use prost::Message;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;
use tonic::Code;

use super::support::*;

#[tokio::test]
async fn a_payment_is_authorised_then_captured_and_every_step_is_on_record() {
    let shop = Shop::open().await;
    let created = shop.create(new("")).await.unwrap();
    assert_eq!(created.state(), PaymentState::Authorized);
    assert_eq!((created.authorized.clone(), created.captured.clone()), (Some(eur(1299)), Some(eur(0))));
    assert!(created.provider_reference.starts_with("sim_"));
    let captured = shop.capture(&created.id).await.unwrap();
    assert_eq!(captured.state(), PaymentState::Captured);
    assert_eq!((captured.captured.clone(), captured.fee.clone()), (Some(eur(1299)), Some(eur(99))));
    assert_eq!(shop.capture(&created.id).await.unwrap(), captured);
    assert_eq!(shop.history(&created.id).await, ["PENDING", "PROCESSING", "AUTHORIZED", "CAPTURED"]);
    assert_eq!(shop.ledger(&created.id).await, 1299);
    let events = event::Entity::find().order_by_asc(event::Column::Id).all(shop.db.read()).await.unwrap();
    let states: Vec<PaymentState> = events
        .iter()
        .map(|event| PaymentChanged::decode(event.data.as_slice()).unwrap().payment.unwrap().state())
        .collect();
    use PaymentState::*;
    assert_eq!(states, [Processing, Authorized, Captured]);
}

#[tokio::test]
async fn a_payment_may_be_captured_by_the_call_that_authorises_it() {
    let shop = Shop::open().await;
    let at_once = |method: &str| CreatePaymentRequest { capture: true, ..new(method) };
    let captured = shop.create(at_once("")).await.unwrap();
    assert_eq!((captured.state(), captured.captured.clone()), (PaymentState::Captured, Some(eur(1299))));
    assert_eq!(shop.history(&captured.id).await, ["PENDING", "PROCESSING", "CAPTURED"]);
    assert_eq!(shop.ledger(&captured.id).await, 1299);
    assert_eq!(shop.capture(&captured.id).await.unwrap(), captured);
    // What waits for its customer is captured as soon as the customer has paid.
    let waiting = shop.create(at_once("sim_action")).await.unwrap();
    assert_eq!(waiting.state(), PaymentState::Processing);
    assert_eq!(shop.act(&waiting.action_url, "approve").await, 200);
    shop.becomes(&waiting.id, PaymentState::Captured).await;
    assert_eq!(shop.ledger(&waiting.id).await, 1299);
    let declined = shop.create(at_once("sim_decline")).await.unwrap();
    assert_eq!((declined.state(), shop.ledger(&declined.id).await), (PaymentState::Declined, 0));
}

#[tokio::test]
async fn a_caller_who_leaves_at_once_leaves_a_payment_that_is_made() {
    let shop = Shop::open().await;
    let new = CreatePaymentRequest { capture: true, ..new("") };
    let created = shop.create(new.clone());
    assert!(tokio::time::timeout(Duration::ZERO, created).await.is_err());
    let begun = tokio::time::Instant::now();
    while shop.count().await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shop.becomes(&new.id, PaymentState::Captured).await;
    assert!(begun.elapsed() < pace().lease, "nobody had to take it over");
    assert_eq!(shop.row(&new.id).await.version, 2);
}

#[tokio::test]
async fn a_capture_at_once_whose_answer_is_lost_is_found_and_booked_once() {
    let shop = Shop::open().await;
    for fault in [json!({ "fail_after": 1 }), json!({ "lose_answer": 1 }), json!({ "fail_before": 1 })] {
        shop.faults(json!({ "capture": fault })).await;
        let payment = shop.create(CreatePaymentRequest { capture: true, ..new("") }).await.unwrap();
        let payment = shop.becomes(&payment.id, PaymentState::Captured).await;
        assert_eq!(shop.ledger(&payment.id).await, 1299, "{fault}");
        assert_eq!(shop.charge(&payment.id).await["captured_minor"], 1299, "{fault}");
    }
}

#[tokio::test]
async fn a_declined_payment_says_why_and_voiding_it_changes_nothing() {
    let shop = Shop::open().await;
    for (method, reason) in [("sim_decline", "DECLINED"), ("sim_insufficient", "INSUFFICIENT_FUNDS")] {
        let declined = shop.create(new(method)).await.unwrap();
        assert_eq!((declined.state(), declined.failure_reason.as_str()), (PaymentState::Declined, reason));
        assert_eq!(shop.void(&declined.id, "ACTION_EXPIRED").await.unwrap(), declined);
        assert_eq!(fault(&shop.capture(&declined.id).await.unwrap_err()).reason.as_str(), "ILLEGAL_STATE");
    }
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused_before_anything_is_recorded() {
    let shop = Shop::open().await;
    let mut unknown_type = new("");
    unknown_type.payment_type = 9;
    let mut negative = new("");
    negative.amount = Some(eur(-1));
    let mut expensive = new("");
    expensive.fee = Some(eur(1300));
    let mut precise = new("");
    precise.amount.as_mut().unwrap().nanos = 1;
    for (request, field) in [
        (unknown_type, "payment_type"),
        (new("paypal"), "payment_method"),
        (negative, "amount"),
        (expensive, "fee"),
        (precise, "amount.nanos"),
    ] {
        let refused = fault(&shop.create(request).await.unwrap_err());
        assert_eq!((refused.code, refused.fields[0].0.as_str()), (Code::InvalidArgument, field));
    }
    let mut mixed = new("");
    mixed.fee.as_mut().unwrap().currency_code = "USD".to_owned();
    assert_eq!(fault(&shop.create(mixed).await.unwrap_err()).reason.as_str(), "CURRENCY_MISMATCH");
    assert_eq!(shop.count().await, 0);
}

#[tokio::test]
async fn a_way_of_paying_can_be_checked_beforehand() {
    let shop = Shop::open().await;
    let check = async |payment_type, payment_method: &str| {
        let message = CheckPaymentMethodRequest { payment_type, payment_method: payment_method.to_owned() };
        let checked = shop.payments.check_payment_method(request(&mesh(), message)).await;
        checked.map(|_| ()).map_err(|status| fault(&status).fields[0].0.clone())
    };
    assert_eq!(check(1, "").await, Ok(()));
    assert_eq!(check(2, "sim_slow").await, Ok(()));
    assert_eq!(check(9, "").await, Err("payment_type".to_owned()));
    assert_eq!(check(1, "paypal").await, Err("payment_method".to_owned()));
}

#[tokio::test]
async fn the_same_id_again_is_the_same_payment_and_another_payment_is_refused() {
    let shop = Shop::open().await;
    let request = new("");
    let first = shop.create(request.clone()).await.unwrap();
    assert_eq!(shop.create(request.clone()).await.unwrap(), first);
    let mut other = request;
    other.amount = Some(eur(1300));
    let refused = fault(&shop.create(other).await.unwrap_err());
    assert_eq!((refused.code, refused.value("field")), (Code::AlreadyExists, Some("id")));
}

#[tokio::test]
async fn a_slow_provider_is_not_waited_for_and_its_answer_counts_in_the_end() {
    let shop = Shop::open().await;
    let mut request = request(&mesh(), new("sim_slow"));
    let arrival = request.extensions_mut().get_mut::<Arrival>().unwrap();
    arrival.deadline = Some(tokio::time::Instant::now() + Duration::from_millis(500));
    let payment = shop.payments.create_payment(request).await.unwrap().into_inner();
    assert_eq!(payment.state(), PaymentState::Processing);
    shop.becomes(&payment.id, PaymentState::Authorized).await;
}

#[tokio::test]
async fn a_customer_approves_or_declines_where_the_action_url_leads_her() {
    let shop = Shop::open().await;
    for (outcome, other, state) in
        [("approve", "decline", PaymentState::Authorized), ("decline", "approve", PaymentState::Declined)]
    {
        let waiting = shop.create(new("sim_action")).await.unwrap();
        assert_eq!(waiting.state(), PaymentState::Processing);
        assert!(
            waiting.action_url.starts_with(&format!("{}/actions/", shop.provider)),
            "{}",
            waiting.action_url
        );
        assert_eq!(
            fault(&shop.capture(&waiting.id).await.unwrap_err()).value("state"),
            Some("PAYMENT_STATE_PROCESSING")
        );
        assert_eq!(shop.act(&waiting.action_url, "maybe").await, 400);
        assert_eq!(shop.act(&waiting.action_url, outcome).await, 200);
        assert_eq!(shop.act(&waiting.action_url, outcome).await, 200);
        assert_eq!(shop.act(&waiting.action_url, other).await, 409);
        assert_eq!(shop.becomes(&waiting.id, state).await.action_url, "");
        let page = reqwest::get(&waiting.action_url).await.unwrap().text().await.unwrap();
        assert!(page.contains("12.99 EUR") && page.contains("</html>"));
    }
    assert_eq!(shop.act(&format!("{}/actions/none", shop.provider), "approve").await, 404);
}

#[tokio::test]
async fn a_voided_payment_refuses_a_late_action_and_a_late_acknowledgement() {
    let shop = Shop::open().await;
    let waiting = shop.create(new("sim_action")).await.unwrap();
    let voided = shop.void(&waiting.id, "ACTION_EXPIRED").await.unwrap();
    assert_eq!((voided.state(), voided.failure_reason.as_str()), (PaymentState::Voided, "ACTION_EXPIRED"));
    assert_eq!(shop.act(&waiting.action_url, "approve").await, 409);
    assert_eq!(fault(&shop.acknowledge(&waiting.id).await.unwrap_err()).reason.as_str(), "ILLEGAL_STATE");
    assert_eq!(shop.void(&waiting.id, "").await.unwrap(), voided);
}

#[tokio::test]
async fn voiding_lets_the_money_go_and_capturing_it_then_is_illegal() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    let voided = shop.void(&payment.id, "").await.unwrap();
    assert_eq!((voided.state(), voided.voided), (PaymentState::Voided, Some(eur(1299))));
    assert_eq!(shop.charge(&payment.id).await["status"], "voided");
    let refused = fault(&shop.capture(&payment.id).await.unwrap_err());
    assert_eq!(
        (refused.code, refused.value("state")),
        (Code::FailedPrecondition, Some("PAYMENT_STATE_VOIDED"))
    );
    let captured = shop.captured().await;
    let refused = fault(&shop.void(&captured.id, "").await.unwrap_err());
    assert_eq!(refused.value("state"), Some("PAYMENT_STATE_CAPTURED"));
}

#[tokio::test]
async fn an_acknowledged_payment_is_captured_once() {
    let shop = Shop::open().await;
    let waiting = shop.create(new("sim_action")).await.unwrap();
    let paid = shop.acknowledge(&waiting.id).await.unwrap();
    assert_eq!((paid.state(), paid.captured.clone()), (PaymentState::Captured, Some(eur(1299))));
    assert_eq!(shop.acknowledge(&waiting.id).await.unwrap(), paid);
    assert_eq!(shop.ledger(&waiting.id).await, 1299);
    let authorized = shop.create(new("")).await.unwrap();
    assert_eq!(fault(&shop.acknowledge(&authorized.id).await.unwrap_err()).reason.as_str(), "ILLEGAL_STATE");
}

#[tokio::test]
async fn nothing_to_pay_is_paid_all_the_same() {
    let shop = Shop::open().await;
    let mut free = new("");
    (free.amount, free.fee) = (Some(eur(0)), None);
    let payment = shop.create(free).await.unwrap();
    assert_eq!(payment.state(), PaymentState::Authorized);
    assert_eq!(shop.capture(&payment.id).await.unwrap().state(), PaymentState::Captured);
    assert_eq!(fault(&shop.refund(&payment.id, None).await.unwrap_err()).reason.as_str(), "ILLEGAL_STATE");
}

#[tokio::test]
async fn a_configuration_that_cannot_work_stops_the_start() {
    let shop = Shop::open().await;
    let build = async |options: crate::Options, types: &str| {
        let types = types.parse().unwrap();
        let checked = crate::check(&options, &types);
        let (db, tasks) = (shop.db.clone(), shop.tasks.clone());
        let built = match crate::Ports::open(&options).await {
            Ok(ports) => {
                let reach = crate::Reach { ports, ..crate::Reach::default() };
                crate::build(&options, pace(), db, tasks, types, WEBHOOK_SECRET, reach).map(|_| ())
            }
            // What is not free is no matter of configuration.
            Err(taken) => return taken.exit(),
        };
        let exit = built.unwrap_err().exit();
        assert_eq!(checked.unwrap_err().exit(), exit, "it is found before anything is made");
        exit
    };
    assert_eq!(build(options(), "1=stripe").await, Exit::Settings);
    for url in ["provider:8080", "", "http://", "ftp://x"] {
        let wrong = crate::Options { simulator_url: Some(url.to_owned()), ..options() };
        assert_eq!(build(wrong, "1=simulated").await, Exit::Settings, "{url}");
    }
    let nowhere = std::path::PathBuf::from("/nowhere/secret");
    for secret in [SecretSource::text("".parse().unwrap()), SecretSource::file(nowhere)] {
        let forgeable = crate::Options { simulator_webhook_secret: secret, ..options() };
        assert_eq!(build(forgeable, "1=simulated").await, Exit::Settings);
    }
    let taken = shop.provider.trim_start_matches("http://").parse().unwrap();
    assert_eq!(
        build(crate::Options { simulator_listen: taken, ..options() }, "1=simulated").await,
        Exit::Listen
    );
}
