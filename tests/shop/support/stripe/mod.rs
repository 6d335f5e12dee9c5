//! A simulator of Stripe as far as the program uses it: it remembers, honours idempotency keys, declines,
//! asks for action, has a page of its own to pay on, and fails in every way that Stripe could. It runs in the test's
//! own process, and for the browser as a program (tests/browser/stripe_simulator.rs).

pub mod server;
mod shop;

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::net::TcpListener;

pub use shop::{ACTION, Shop, VISA};

use self::server::{Account, serve};
pub use self::server::{Booking, Fault, Operation, SECRET_KEY, WEBHOOK_SECRET, now, signature};
use super::{Reply, Setup, rest::Rest};

const RETURN_URL: &str = "https://shop.example/paid";

/// The server.
#[derive(Clone)]
pub struct Stripe {
    pub url: String,
    account: Arc<Mutex<Account>>,
}

impl Stripe {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let account = Arc::new(Mutex::new(Account::default()));
        tokio::spawn(serve(listener, account.clone()));
        Self { url, account }
    }

    /// A setup whose payment type 1 is paid by this server.
    pub fn setup(&self, setup: Setup) -> Setup {
        setup
            .env("FEIRA_PAYMENT_TYPES", "1=stripe")
            .env("FEIRA_STRIPE_URL", &self.url)
            .env("FEIRA_STRIPE_SECRET_KEY", SECRET_KEY)
            .env("FEIRA_STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("FEIRA_STRIPE_RETURN_URL", RETURN_URL)
            .env("FEIRA_PROVIDER_TIMEOUT", "1s")
            .env("FEIRA_PROVIDER_POLL_INTERVAL", "100ms")
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }

    /// The next such request goes wrong; each call adds one.
    pub fn fault(&self, operation: Operation, fault: Fault) {
        self.account().faults.push((operation, fault));
    }

    /// How many faults have yet to come about.
    pub fn faults(&self) -> usize {
        self.account().faults.len()
    }

    /// From now on nothing goes wrong.
    pub fn behave(&self) {
        self.account().faults.clear();
    }

    /// Whether the search finds anything.
    pub fn search_lags(&self, lags: bool) {
        self.account().search_lags = lags;
    }

    /// The PaymentIntents of a payment.
    pub fn intents(&self, payment_id: &str) -> Vec<Value> {
        let account = self.account();
        let ours = account.intents.iter().filter(|intent| intent["metadata"]["payment_id"] == payment_id);
        ours.cloned().collect()
    }

    /// All there are.
    pub fn all_intents(&self) -> Vec<Value> {
        self.account().intents.clone()
    }

    /// The refunds of a payment.
    pub fn refunds(&self, payment_id: &str) -> Vec<Value> {
        let account = self.account();
        let ours = account.refunds.iter().filter(|refund| refund["metadata"]["payment_id"] == payment_id);
        ours.cloned().collect()
    }

    /// How many requests of a kind came, those that went wrong included.
    pub fn requests(&self, operation: Operation) -> usize {
        self.account().requests.iter().filter(|seen| **seen == operation).count()
    }

    /// What the customer does on her bank's page; the page's address is the payment's action URL.
    pub fn act(&self, action_url: &str, approve: bool) {
        self.account().act(action_url, approve);
    }

    /// The page of a Checkout Session, which is the payment's action URL: a card of Stripe's test cards pays there, or
    /// is declined.
    pub fn pay_on_page(&self, action_url: &str, card: &str) {
        self.account().pay(page_of(action_url), card);
    }

    /// Nobody pays on the page within its time.
    pub fn expire_page(&self, action_url: &str) {
        self.account().expire_session(page_of(action_url));
    }

    /// Where a page's session stands.
    pub fn page(&self, action_url: &str) -> Value {
        let id = page_of(action_url);
        self.account().sessions.iter().find(|session| session["id"] == id).cloned().unwrap()
    }

    /// All sessions there are.
    pub fn sessions(&self) -> Vec<Value> {
        self.account().sessions.clone()
    }

    /// The next capture takes this instead of what is held.
    pub fn takes(&self, amount: i64, currency: &str) {
        self.account().takes = Some((amount, currency.to_owned()));
    }

    /// The next refund gives this back instead of what it is asked for.
    pub fn gives(&self, amount: i64) {
        self.account().gives = Some(amount);
    }

    /// Somebody takes the money of a charge that was cancelled; the event that tells of it.
    pub fn capture_in_dashboard(&self, payment_id: &str) -> Value {
        let mut account = self.account();
        let of = |intent: &Value| intent["metadata"]["payment_id"] == payment_id;
        let place = account.intents.iter().position(of).expect("the payment has a PaymentIntent");
        account.move_to(place, "succeeded");
        account.events.last().cloned().unwrap()
    }

    /// Somebody gives money back in the dashboard; the event that tells of it.
    pub fn refund_in_dashboard(&self, payment_id: &str, amount: i64) -> Value {
        self.account().refund_in_dashboard(payment_id, amount);
        self.events_of(payment_id, "charge.refunded").pop().unwrap()
    }

    /// Something happens to the dispute of a payment; the event that tells of it.
    pub fn dispute(&self, payment_id: &str, what: &str, status: &str, booking: Option<Booking>) -> Value {
        let mut account = self.account();
        account.dispute(payment_id, what, status, booking);
        account.events.last().cloned().unwrap()
    }

    /// Events are kept for a month.
    pub fn forget_events(&self) {
        self.account().events.clear();
    }

    /// Something happens there of which no webhook tells.
    pub fn happens(&self, event: &Value) {
        let mut event = event.clone();
        event["created"] = now().into();
        self.account().events.push(event);
    }

    /// The hold on the money expires, as it does after a week.
    pub fn expire(&self, payment_id: &str) {
        self.account().expire(payment_id);
    }

    /// A refund that is under way comes to its end.
    pub fn settle_refund(&self, payment_id: &str, status: &str) {
        self.account().settle_refund(payment_id, "pending", status);
    }

    /// A bank refuses what was under way to it; Stripe had called it given back.
    pub fn return_refund(&self, payment_id: &str) {
        self.account().settle_refund(payment_id, "succeeded", "failed");
    }

    /// From now on refunds take their time.
    pub fn refunds_are_pending(&self, pending: bool) {
        self.account().refunds_pend = pending;
    }

    /// The events that Stripe would have sent by now, the oldest first.
    pub fn events(&self) -> Vec<Value> {
        self.account().events.clone()
    }

    /// The events of a payment and a type.
    pub fn events_of(&self, payment_id: &str, kind: &str) -> Vec<Value> {
        let of = |event: &Value| {
            event["type"] == kind && event["data"]["object"]["metadata"]["payment_id"] == payment_id
        };
        self.events().into_iter().filter(of).collect()
    }
}

/// Sends an event as Stripe does, signed just now.
pub async fn deliver(edge: &Rest, event: &Value) -> Reply {
    let body = event.to_string();
    deliver_signed(edge, &body, &signature(WEBHOOK_SECRET, now(), &body)).await
}

/// Sends an event with any signature.
pub async fn deliver_signed(edge: &Rest, body: &str, signature: &str) -> Reply {
    edge.with("stripe-signature", signature)
        .post_text("/v1/payments/providers/stripe/events", body.to_owned())
        .await
}

/// The session whose page this is.
fn page_of(action_url: &str) -> &str {
    action_url.rsplit('/').next().unwrap()
}
