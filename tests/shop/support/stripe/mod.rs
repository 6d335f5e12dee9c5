//! A simulator of Stripe as far as the program uses it: it remembers, honours idempotency keys, declines,
//! asks for action, and fails in every way that Stripe could. It runs in the test's own process.

mod account;
mod serve;
mod shop;

use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::hmac;
use serde_json::Value;
use tokio::net::TcpListener;

pub use shop::{ACTION, Shop, VISA};

use self::account::Account;
use super::{Reply, Setup, rest::Rest};

pub const SECRET_KEY: &str = "sk_test_hunter22";
pub const WEBHOOK_SECRET: &str = "whsec_hunter22";
const RETURN_URL: &str = "https://shop.example/paid";

/// What is asked of Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Create,
    Capture,
    Cancel,
    Refund,
    Retrieve,
    Search,
}

/// How it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 500, kept for the key, without any effect.
    FailsBefore,
    /// 500, kept for the key, though it took effect.
    FailsAfter,
    /// It takes effect, and the connection breaks before the answer is whole.
    LosesAnswer,
    /// It takes effect, and no answer comes.
    Hangs,
    /// It takes effect, and the answer is no JSON.
    Garbage,
    /// 429, unread.
    RateLimited,
    /// 409: another request under this key is under way.
    InUse,
    /// 401: the key was withdrawn.
    Unauthorized,
}

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
        tokio::spawn(serve::serve(listener, account.clone()));
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

/// Stripe's signature of an event: `t=…,v1=…`.
pub fn signature(secret: &str, time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

/// Now, in seconds.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
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
