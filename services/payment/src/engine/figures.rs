//! What is counted of payments, for metrics. Money is counted in minor units, each currency apart.

use kit::{Money, Tx, telemetry::metrics::Counter};

use crate::{
    domain::{RefundState, State},
    store::Payment,
};

static TRANSITIONS: Counter = Counter::new(
    "feira.payment.transitions",
    "{payment}",
    "Payments that came to a state, by provider and the state",
);
static DECLINES: Counter = Counter::new(
    "feira.payment.declines",
    "{payment}",
    "Payments that were declined, by provider and reason",
);
static REFUNDS: Counter =
    Counter::new("feira.refunds", "{refund}", "Refunds that were over, by provider and what came of them");
static MONEY: Counter = Counter::new(
    "feira.payment.money",
    "{minor_unit}",
    "Money in minor units of its currency, by provider and what became of it",
);

/// Reasons that are told apart; others are the provider's own.
const REASONS: [&str; 2] = ["DECLINED", "INSUFFICIENT_FUNDS"];

/// Begins what matters most of a provider at 0: an increase is seen from the first on.
pub(super) fn begin(provider: &str) {
    for state in [State::Captured, State::Declined, State::Voided, State::Unknown] {
        TRANSITIONS.add(0, &[("provider", provider), ("state", state.word())]);
    }
    for reason in REASONS {
        DECLINES.add(0, &[("provider", provider), ("reason", reason)]);
    }
    for outcome in ["succeeded", "failed"] {
        REFUNDS.add(0, &[("provider", provider), ("outcome", outcome)]);
    }
}

/// A transaction changes a payment.
pub(super) fn changed(tx: &Tx, before: Option<&Payment>, after: &Payment) {
    if before.is_some_and(|before| before.state == after.state) {
        return;
    }
    let (provider, state) = (after.provider.clone(), after.state);
    let reason = REASONS.into_iter().find(|known| *known == after.failure_reason).unwrap_or("_OTHER");
    tx.count(move || {
        TRANSITIONS.add(1, &[("provider", &provider), ("state", state.word())]);
        if state == State::Declined {
            DECLINES.add(1, &[("provider", &provider), ("reason", reason)]);
        }
    });
}

/// A transaction books money that was `captured`, `refunded`, or `returned` by a bank.
pub(super) fn moved(tx: &Tx, payment: &Payment, what: &'static str, money: Money) {
    let provider = payment.provider.clone();
    tx.count(move || {
        let labels = [("provider", &*provider), ("kind", what), ("currency", money.currency.code())];
        MONEY.add(money.minor.unsigned_abs(), &labels);
    });
}

/// A transaction ends a refund.
pub(super) fn refund_over(tx: &Tx, payment: &Payment, state: RefundState) {
    let provider = payment.provider.clone();
    let outcome = if state == RefundState::Succeeded { "succeeded" } else { "failed" };
    tx.count(move || REFUNDS.add(1, &[("provider", &provider), ("outcome", outcome)]));
}
