//! Figures that several crates count: limits, background tasks, mails.

use std::time::Duration;

use super::{Counter, Gauge, LONG, Seconds};

static LIMITED: Counter = Counter::new(
    "feira.calls.limited",
    "{call}",
    "Calls refused by a limit on their rate, or as too many were under way, by limit",
);
static TASKS: Seconds = Seconds::new(
    "feira.task.duration",
    "How long runs of background tasks took, by task and whether they failed",
    LONG,
);
static MAILS: Counter =
    Counter::new("feira.mails", "{mail}", "What became of tries to send a mail, by service");
static WAITING: Gauge = Gauge::new("feira.mails.waiting", "{mail}", "Mails that wait to be sent, by service");

/// Limits that there are, so that each has a series from the start.
const LIMITS: [&str; 10] =
    ["address", "sign-in", "reads", "writes", "orders", "streams", "api-key", "load", "answers", "checkouts"];
/// What a try to send a mail comes to.
const ENDS: [&str; 4] = ["sent", "dropped", "postponed", "given_up"];

/// Begins the series of limits at 0.
pub fn begin() {
    LIMITS.iter().for_each(|limit| LIMITED.add(0, &[("limit", limit)]));
}

/// A call was refused by this limit.
pub fn limited(limit: &'static str) {
    LIMITED.add(1, &[("limit", limit)]);
}

/// Begins the series of a service's mails at 0.
pub fn begin_mails(service: &'static str) {
    ENDS.iter().for_each(|end| MAILS.add(0, &[("service", service), ("outcome", end)]));
}

/// A try to send a mail of this service came to `sent`, `dropped`, `postponed` or `given_up`.
pub fn mail(service: &'static str, outcome: &'static str) {
    MAILS.add(1, &[("service", service), ("outcome", outcome)]);
}

/// So many mails of this service wait.
pub fn mails_waiting(service: &'static str, mails: u64) {
    WAITING.set(mails as f64, &[("service", service)]);
}

/// A background task ran.
pub fn task(name: &str, well: bool, took: Duration) {
    TASKS.record(took, &[("task", name), ("failed", if well { "false" } else { "true" })]);
}
