//! What is counted of checkouts, for metrics.

use std::time::Duration;

use kit::{
    Reason,
    telemetry::metrics::{CALLS, Counter, Seconds},
};

use super::Settled;
use crate::{
    domain::{State, Step},
    error::Error,
};

static CHECKOUTS: Counter =
    Counter::new("feira.checkouts", "{checkout}", "Checkouts by what came of them, and for what reason");
static DURATION: Seconds = Seconds::new(
    "feira.checkout.duration",
    "How long checkouts took from their first step until they were settled, by what came of them",
    CALLS,
);
static COMPENSATIONS: Counter = Counter::new(
    "feira.compensations",
    "{try}",
    "Tries to give stock or money of ended orders back, by what it is and what came of it",
);

/// Reasons of failed payments that are told apart; others are the provider's own.
const FAILURES: [&str; 3] = ["DECLINED", "INSUFFICIENT_FUNDS", "ACTION_EXPIRED"];
/// Why checkouts are refused, as far as it is told apart.
const REFUSALS: [&str; 4] = [
    Reason::OutOfStock.as_str(),
    Reason::PriceChanged.as_str(),
    Reason::ArticleInactive.as_str(),
    Reason::LimitExceeded.as_str(),
];

/// Begins what is known beforehand at 0: an increase is seen from the first on.
pub fn begin() {
    CHECKOUTS.begin(&[&[("outcome", "paid"), ("reason", "")], &[("outcome", "interrupted"), ("reason", "")]]);
    for reason in FAILURES {
        CHECKOUTS.add(0, &[("outcome", "declined"), ("reason", reason)]);
    }
    for reason in REFUSALS {
        CHECKOUTS.add(0, &[("outcome", "refused"), ("reason", reason)]);
    }
    for kind in ["stock", "money"] {
        for outcome in ["done", "failed", "later"] {
            COMPENSATIONS.add(0, &[("kind", kind), ("outcome", outcome)]);
        }
    }
}

/// A checkout is settled, or left to the sweeper.
pub(super) fn ended(settled: &Result<Settled, Error>, took: Duration) {
    let (outcome, reason) = match settled {
        Ok(Settled::Order(view)) => {
            let order = &view.order;
            match (order.state, order.step) {
                (State::Paid, _) => ("paid", ""),
                (State::AwaitingPayment, Step::Idle) if order.payment_failure.is_empty() => ("waiting", ""),
                (State::AwaitingPayment, Step::Idle) => {
                    ("declined", known(&FAILURES, &order.payment_failure))
                }
                (State::Expired, _) => ("expired", ""),
                _ => ("ended", ""),
            }
        }
        Ok(Settled::Refused(fault)) => ("refused", known(&REFUSALS, fault.reason_name())),
        Err(_) => ("interrupted", ""),
    };
    CHECKOUTS.add(1, &[("outcome", outcome), ("reason", reason)]);
    DURATION.record(took, &[("outcome", outcome)]);
}

/// A checkout was refused before it was begun.
pub fn refused(reason: &'static str) {
    CHECKOUTS.add(1, &[("outcome", "refused"), ("reason", known(&REFUSALS, reason))]);
}

/// A try to give something back came to an end.
pub(super) fn compensated(kind: &'static str, outcome: &'static str) {
    COMPENSATIONS.add(1, &[("kind", kind), ("outcome", outcome)]);
}

fn known(words: &[&'static str], word: &str) -> &'static str {
    words.iter().find(|known| **known == word).copied().unwrap_or("_OTHER")
}
