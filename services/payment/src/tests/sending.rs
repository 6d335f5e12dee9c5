//! The simulated provider's webhooks, from its books to ours.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use contracts::payment::{PaymentState, RefundState};
use serde_json::{Value, json};

use super::support::*;
use crate::{Options, provider::signature, simulator};

/// What receives webhooks: it keeps them, and accepts them as long as it is set to.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    all: Vec<(String, String)>,
    refuse: u32,
}

impl Receiver {
    async fn start(&self) -> String {
        let router = Router::new().route("/events", post(take)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        tokio::spawn(simulator::serve(listener, router, std::future::pending()));
        url
    }

    fn bodies(&self) -> Vec<Value> {
        self.0.lock().unwrap().all.iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until so many have come.
    async fn until(&self, count: usize) -> Vec<String> {
        let wait = async {
            while self.kinds().len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), wait).await.is_ok(), "{:?}", self.kinds());
        self.kinds()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> axum::http::StatusCode {
    let mut received = receiver.0.lock().unwrap();
    if received.refuse > 0 {
        received.refuse -= 1;
        return axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    }
    let signed = headers["x-simulated-signature"].to_str().unwrap().to_owned();
    received.all.push((signed, String::from_utf8(body.to_vec()).unwrap()));
    axum::http::StatusCode::NO_CONTENT
}

async fn open() -> (Shop, Receiver) {
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let options = Options { simulator_webhook_url: Some(url), ..options() };
    (Shop::set(pace(), options).await, receiver)
}

#[tokio::test]
async fn everything_that_happens_to_a_charge_is_reported_and_signed() {
    let (shop, receiver) = open().await;
    let payment = shop.captured().await;
    let refund = shop.refund(&payment.id, Some(300)).await.unwrap();
    let waiting = shop.create(new("sim_action")).await.unwrap();
    assert_eq!(shop.act(&waiting.action_url, "decline").await, 200);
    let mut kinds = receiver.until(5).await;
    kinds.sort();
    assert_eq!(
        kinds,
        ["charge.authorized", "charge.captured", "charge.declined", "charge.waiting", "refund.succeeded"]
    );
    let refunded = receiver.bodies().into_iter().find(|body| body["type"] == "refund.succeeded").unwrap();
    assert_eq!(
        (&refunded["refund"]["key"], &refunded["charge"]["id"]),
        (&json!(refund.id), &json!(payment.id))
    );
    let key = signature::key(&WEBHOOK_SECRET);
    for (signed, body) in &receiver.0.lock().unwrap().all {
        assert_eq!(signature::verify(&key, signed, body.as_bytes(), shop.db.clock().now()), Ok(()));
    }
}

#[tokio::test]
async fn a_webhook_is_sent_until_it_is_taken_also_by_another_process() {
    let (shop, receiver) = open().await;
    receiver.0.lock().unwrap().refuse = 1;
    shop.create(new("sim_decline")).await.unwrap();
    while receiver.0.lock().unwrap().refuse > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The process that wrote it down ends; another one finds it.
    shop.tasks.drain();
    shop.tasks.drained().await;
    assert_eq!(receiver.kinds(), [""; 0]);
    let _other = shop.replica().await;
    assert_eq!(receiver.until(1).await, ["charge.declined"]);
}

#[tokio::test]
async fn webhooks_are_lost_repeated_late_and_out_of_order_on_demand() {
    let (shop, receiver) = open().await;
    shop.faults(json!({ "webhook": { "lose": 1 } })).await;
    let payment = shop.create(new("")).await.unwrap();
    shop.faults(json!({ "webhook": { "duplicate": 1 } })).await;
    shop.capture(&payment.id).await.unwrap();
    assert_eq!(receiver.until(2).await, ["charge.captured", "charge.captured"]);
    assert_eq!(receiver.bodies()[0], receiver.bodies()[1]);
    shop.faults(json!({ "webhook": { "reorder": 1 } })).await;
    let payment = shop.create(new("")).await.unwrap();
    shop.capture(&payment.id).await.unwrap();
    assert_eq!(receiver.until(4).await[2..], ["charge.captured", "charge.authorized"]);
    shop.faults(json!({ "webhook": { "delay_ms": 700 } })).await;
    let start = std::time::Instant::now();
    shop.create(new("")).await.unwrap();
    receiver.until(5).await;
    assert!(start.elapsed() >= Duration::from_millis(700));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_in_any_order_end_where_the_provider_is() {
    let (shop, receiver) = open().await;
    let mut ids = Vec::new();
    for turn in 0..6 {
        // The answers to captures are lost: only webhooks and queries report them.
        let fault = json!({ "duplicate": 2, "reorder": 1 });
        shop.faults(json!({ "capture": { "lose_answer": 1 }, "webhook": fault })).await;
        let payment = shop.create(new(if turn % 2 == 0 { "" } else { "sim_action" })).await.unwrap();
        if turn % 2 == 1 {
            assert_eq!(shop.act(&payment.action_url, "approve").await, 200);
            shop.becomes(&payment.id, PaymentState::Authorized).await;
        }
        shop.capture(&payment.id).await.unwrap();
        shop.refund(&payment.id, Some(100)).await.ok();
        ids.push(payment.id);
    }
    receiver.until(20).await;
    let mut deliveries = receiver.bodies();
    deliveries.reverse();
    for event in deliveries.iter().chain(receiver.bodies().iter()) {
        shop.deliver(event).await.unwrap();
    }
    for id in ids {
        let wait = async {
            while !shop.row(&id).await.state.is_captured() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(
            tokio::time::timeout(Duration::from_secs(10), wait).await.is_ok(),
            "{:?}",
            shop.row(&id).await
        );
        let (row, charge) = (shop.row(&id).await, shop.charge(&id).await);
        assert_eq!(charge["captured_minor"], row.captured_minor);
        assert_eq!(charge["refunded_minor"], row.refunded_minor);
        assert_eq!(shop.ledger(&id).await, row.captured_minor - row.refunded_minor);
    }
}

#[tokio::test]
async fn calls_that_hang_or_fail_after_their_effect_are_found_out() {
    let options = Options { provider_timeout: Duration::from_millis(300), ..options() };
    let shop = Shop::set(pace(), options).await;
    for kind in ["hang", "fail_after"] {
        let payment = shop.create(new("")).await.unwrap();
        shop.faults(json!({ "capture": { kind: 1 }, "ask": { "fail_before": 2 } })).await;
        assert_eq!(shop.capture(&payment.id).await.unwrap().state(), PaymentState::Unknown);
        shop.becomes(&payment.id, PaymentState::Captured).await;
        shop.faults(json!({ "refund": { kind: 1 } })).await;
        assert_eq!(shop.refund(&payment.id, None).await.unwrap().state(), RefundState::Pending);
        shop.becomes(&payment.id, PaymentState::Refunded).await;
        assert_eq!(shop.charge(&payment.id).await["refunded_minor"], 1299);
    }
}

#[tokio::test]
async fn customers_reach_the_actions_and_nothing_else() {
    let options = Options { simulator_actions_listen: Some(([127, 0, 0, 1], 0).into()), ..options() };
    let shop = Shop::set(pace(), options).await;
    let waiting = shop.create(new("sim_action")).await.unwrap();
    let http = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let (base, _) = waiting.action_url.split_once("/actions/").unwrap();
    for path in ["/faults", "/charges", "/charges/1"] {
        assert_eq!(http.get(format!("{base}{path}")).send().await.unwrap().status(), 404, "{path}");
    }
    assert!(http.get(&waiting.action_url).send().await.unwrap().status().is_success());
    assert_eq!(shop.act(&waiting.action_url, "approve").await, 200);
    shop.becomes(&waiting.id, PaymentState::Authorized).await;
}
