//! Webhooks of payment providers: signed by a test that knows the secret, as the provider does.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::hmac;
use axum::{Router, extract::State, http::HeaderMap, routing::post};
use contracts::{
    google::api::HttpBody,
    order::OrderState,
    payment::{GetPaymentRequest, Payment, PaymentState, ReceiveProviderEventRequest},
};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Client, Code, Outcome, Refused, Reply, Setup, Shopper, eur, until};

on_both_edges!(
    a_signed_webhook_pays_an_order,
    webhooks_count_once_and_never_lead_back,
    forged_and_stale_webhooks_change_nothing,
);

tests!(
    a_webhook_too_large_is_refused_at_once,
    the_secret_of_webhooks_is_the_meshs_own_where_none_is_given,
    what_the_simulated_provider_tells_counts_before_it_is_asked,
);

const SECRET: &str = "what both sides of a webhook know";

/// Delivers an event.
async fn hand_in(client: &Client, provider: &str, signature: &str, body: &str) -> Outcome<()> {
    let data = body.as_bytes().to_vec();
    let event = HttpBody { content_type: "application/json".into(), data, ..Default::default() };
    let request = ReceiveProviderEventRequest { provider: provider.into(), event: Some(event) };
    client.with("x-simulated-signature", signature).receive_provider_event(request).await
}

/// A signature of so many seconds ago.
fn sign(secret: &str, ago: i64, body: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let (time, key) = (now - ago, hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
    let mac = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex::encode(mac))
}

fn event(id: &str, payment: &Payment, status: &str) -> String {
    let charge = json!({ "reference": payment.provider_reference, "id": payment.id, "status": status });
    json!({ "id": id, "type": format!("charge.{status}"), "charge": charge }).to_string()
}

/// A payment that waits for its customer, of a new order; the order's id too.
async fn waiting(staff: &Shopper, ada: &Shopper) -> (String, Payment) {
    let article = staff.stocked(eur(500), 10).await;
    let order = ada.order(&article.id, 1, "sim_action").await.unwrap();
    (order.id.clone(), ada.payments(&order.id).await.remove(0))
}

async fn see(client: &Client, id: &str) -> Payment {
    client.get_payment(GetPaymentRequest { id: id.into() }).await.unwrap().body
}

/// Covers: payment.webhooks.
async fn a_signed_webhook_pays_an_order(setup: Setup) {
    let mesh = setup.env("FEIRA_SIMULATOR_WEBHOOK_SECRET", SECRET).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (order, payment) = waiting(&staff, &ada).await;
    let body = event("evt_1", &payment, "captured");
    let answer = hand_in(&mesh.client(), "simulated", &sign(SECRET, 0, &body), &body).await.unwrap();
    assert!(answer.http.is_none_or(|status| status == 204));
    assert_eq!(see(&ada, &payment.id).await.state(), PaymentState::Captured);
    ada.until(&order, OrderState::Paid).await;
}

/// Covers: payment.webhooks.
async fn webhooks_count_once_and_never_lead_back(setup: Setup) {
    let mesh = setup.env("FEIRA_SIMULATOR_WEBHOOK_SECRET", SECRET).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (order, payment) = waiting(&staff, &ada).await;
    let nobody = mesh.client();
    for (id, status) in [
        ("evt_3", "captured"),
        ("evt_1", "waiting"),
        ("evt_2", "authorized"),
        ("evt_3", "captured"),
        ("evt_4", "voided"),
        ("evt_1", "waiting"),
    ] {
        let body = event(id, &payment, status);
        hand_in(&nobody, "simulated", &sign(SECRET, 0, &body), &body).await.unwrap();
        assert_eq!(see(&ada, &payment.id).await.state(), PaymentState::Captured, "{id} {status}");
    }
    ada.until(&order, OrderState::Paid).await;
    assert_eq!(see(&ada, &payment.id).await.captured, Some(eur(500)));
}

/// Covers: payment.webhooks.
async fn forged_and_stale_webhooks_change_nothing(setup: Setup) {
    let mesh = setup.env("FEIRA_SIMULATOR_WEBHOOK_SECRET", SECRET).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (order, payment) = waiting(&staff, &ada).await;
    let nobody = mesh.client();
    let body = event("evt_1", &payment, "captured");
    let good = sign(SECRET, 0, &body);
    let refused = async |provider: &str, signature: &str, body: &str, code, reason: &str| {
        hand_in(&nobody, provider, signature, body).await.refused(code, reason)
    };
    for signature in [
        "",
        "nonsense",
        &sign("another secret", 0, &body),
        &sign(SECRET, 400, &body),
        &sign(SECRET, -400, &body),
    ] {
        refused("simulated", signature, &body, Code::Unauthenticated, "UNAUTHENTICATED").await;
    }
    let altered = body.replace("captured", "declined");
    refused("simulated", &good, &altered, Code::Unauthenticated, "UNAUTHENTICATED").await;
    refused("unheard-of", &good, &body, Code::NotFound, "NOT_FOUND").await;
    for provider in ["Simulated", "../admin", &"x".repeat(33)] {
        let outcome = hand_in(&nobody, provider, &good, &body).await;
        let refusal = outcome.unwrap_err();
        assert!(matches!(refusal.code, Code::InvalidArgument | Code::NotFound), "{refusal:?}");
    }
    for nonsense in ["", "{}", "{", "\u{feff}{}", "null"] {
        let signature = sign(SECRET, 0, nonsense);
        let refusal = refused("simulated", &signature, nonsense, Code::InvalidArgument, "VALIDATION").await;
        assert_eq!(refusal.fields, ["event"], "{nonsense:?}");
    }
    let mut unknown = payment.clone();
    unknown.id = "pay_01h455vb4pex5vsknk084sn02q".into();
    let body = event("evt_2", &unknown, "captured");
    refused("simulated", &sign(SECRET, 0, &body), &body, Code::NotFound, "NOT_FOUND").await;
    assert_eq!(see(&ada, &payment.id).await, payment);
    assert_eq!(ada.see(&order).await.state(), OrderState::AwaitingPayment);
}

/// Covers: payment.webhooks.
async fn a_webhook_too_large_is_refused_at_once(setup: Setup) {
    let mesh = setup.env("FEIRA_SIMULATOR_WEBHOOK_SECRET", SECRET).start().await;
    let http = mesh.http();
    let path = "/v1/payments/providers/simulated/events";
    for (megabytes, status) in [(2, 400), (10, 413)] {
        let body = " ".repeat(megabytes << 20);
        let request = http
            .request(Method::POST, path)
            .header("x-simulated-signature", sign(SECRET, 0, &body))
            .header("content-type", "application/json")
            .body(body);
        let start = Instant::now();
        match Reply::try_read(request).await {
            Ok(reply) => {
                let json: &Value = reply.expect(status);
                assert!(json["error"]["message"].is_string(), "{json}");
            }
            // Told before all of it was sent.
            Err(error) => assert_eq!(status, 413, "{error}"),
        }
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

/// Covers: payment.webhooks.
async fn the_secret_of_webhooks_is_the_meshs_own_where_none_is_given(setup: Setup) {
    let mesh = setup.start().await;
    let body = json!({ "id": "evt_1" }).to_string();
    for guess in ["", "simulated webhooks", "secret"] {
        let refusal = hand_in(&mesh.client(), "simulated", &sign(guess, 0, &body), &body).await;
        refusal.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    }
}

/// Where the simulated provider sends its webhooks: whatever comes is kept.
#[derive(Debug, Clone, Default)]
struct Inbox(Arc<Mutex<Vec<(String, String)>>>);

impl Inbox {
    async fn open(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(keep)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    /// Hands on what has come of this type, once so many have; the newest first.
    async fn hand_on(&self, client: &Client, kind: &str, count: usize) {
        let found = until(&format!("{count} webhooks {kind}"), || async {
            let all = self.0.lock().unwrap().clone();
            let found: Vec<_> = all.into_iter().filter(|(_, body)| body.contains(kind)).collect();
            (found.len() >= count).then_some(found)
        })
        .await;
        for (signature, body) in found.iter().rev() {
            hand_in(client, "simulated", signature, body).await.unwrap();
        }
    }
}

async fn keep(State(inbox): State<Inbox>, headers: HeaderMap, body: String) {
    let signature = headers["x-simulated-signature"].to_str().unwrap().to_owned();
    inbox.0.lock().unwrap().push((signature, body));
}

/// Covers: payment.webhooks, payment.simulated.
async fn what_the_simulated_provider_tells_counts_before_it_is_asked(setup: Setup) {
    let inbox = Inbox::default();
    let mesh = setup
        .env("FEIRA_SIMULATOR_WEBHOOK_URL", &inbox.open().await)
        .env("FEIRA_PROVIDER_POLL_INTERVAL", "25s")
        .start()
        .await;
    let (staff, ada, nobody) = (mesh.admin().await, mesh.shopper().await, mesh.client());
    let article = staff.stocked(eur(500), 10).await;
    let waiting = ada.order(&article.id, 1, "sim_action").await.unwrap();
    let (simulator, _) = waiting.payment_action_url.split_once("/actions/").unwrap();
    let faults = json!({ "capture": { "lose_answer": 1 }, "webhook": { "duplicate": 1 } });
    let http = mesh.http();
    http.send(Method::PUT, &format!("{simulator}/faults"), Some(faults)).await.expect(200);
    let start = Instant::now();
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    let id = order.payment_id.clone();
    ada.until_payment(&id, PaymentState::Unknown).await;
    inbox.hand_on(&nobody, "charge.captured", 2).await;
    ada.until_payment(&id, PaymentState::Captured).await;
    ada.until(&order.id, OrderState::Paid).await;
    assert!(start.elapsed() < Duration::from_secs(20), "not found out by asking");
    // What was overtaken comes after it.
    http.post(&waiting.payment_action_url, json!({"outcome": "approve"})).await.expect(200);
    inbox.hand_on(&nobody, "charge.captured", 3).await;
    ada.until(&waiting.id, OrderState::Paid).await;
    inbox.hand_on(&nobody, "charge.waiting", 1).await;
    assert_eq!(see(&ada, &waiting.payment_id).await.state(), PaymentState::Captured);
    let payment = see(&ada, &id).await;
    assert_eq!((payment.state(), payment.captured), (PaymentState::Captured, Some(eur(500))));
    let wrong = json!({ "capture": { "explode": 1 } });
    http.send(Method::PUT, &format!("{simulator}/faults"), Some(wrong)).await.expect(400);
}
