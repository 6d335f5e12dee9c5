//! What is counted of webhooks, for metrics.

use std::time::Duration;

use kit::telemetry::metrics::{Counter, LONG, Seconds};

use crate::domain::Verdict;

static ATTEMPTS: Counter = Counter::new(
    "feira.webhook.attempts",
    "{attempt}",
    "Events that were sent to webhooks, by what came of it",
);
static DELAY: Seconds = Seconds::new(
    "feira.webhook.delay",
    "How long it took from what happened until a webhook had taken its event",
    LONG,
);
static DISABLED: Counter =
    Counter::new("feira.webhooks.disabled", "{webhook}", "Webhooks that were disabled, and why");

/// Begins what is known beforehand at 0.
pub(super) fn begin() {
    for outcome in ["taken", "refused", "gone", "unreadable"] {
        ATTEMPTS.add(0, &[("outcome", outcome)]);
    }
    for reason in ["failing", "gone"] {
        DISABLED.add(0, &[("reason", reason)]);
    }
}

/// An event was sent, or could not be read; so long after it happened.
pub(super) fn sent(verdict: Option<Verdict>, after: Duration) {
    let outcome = match verdict {
        Some(Verdict::Taken) => "taken",
        Some(Verdict::Refused(_)) => "refused",
        Some(Verdict::Gone) => "gone",
        None => "unreadable",
    };
    ATTEMPTS.add(1, &[("outcome", outcome)]);
    if outcome == "taken" {
        DELAY.record(after, &[]);
    }
}

/// A webhook was disabled.
pub(super) fn disabled(reason: &str) {
    DISABLED.add(1, &[("reason", reason)]);
}
