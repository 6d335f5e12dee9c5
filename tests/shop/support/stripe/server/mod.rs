//! The simulated Stripe itself: an account, what is done to it, and its HTTP.

mod account;
mod dispute;
mod page;
mod refund;
mod serve;
mod session;

use aws_lc_rs::hmac;

pub use self::{account::Account, dispute::Booking, serve::serve};

pub const SECRET_KEY: &str = "sk_test_hunter22";
pub const WEBHOOK_SECRET: &str = "whsec_hunter22";

/// What is asked of Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Create,
    /// A Checkout Session.
    Open,
    /// Ends one.
    Expire,
    Capture,
    Cancel,
    Refund,
    Retrieve,
    Search,
    /// Its own record of events.
    Events,
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

/// Stripe's signature of an event: `t=…,v1=…`.
pub fn signature(secret: &str, time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex::encode(tag))
}

/// Now, in seconds.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
