//! Intervals, leases and pauses.

use std::time::Duration;

use kit::Time;

/// The longest pause between two queries.
const SLOWEST: Duration = Duration::from_secs(30);
/// The longest pause between two queries of a waiting payment: its customer looks at the screen.
const SLOWEST_WAITING: Duration = Duration::from_secs(5);

/// The times that the engine keeps.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How soon a provider is queried after an answer was lost; then less and less often.
    pub interval: Duration,
    /// How long the owner of an operation may go without renewing its lease before another takes it over.
    pub lease: Duration,
    /// How long creating a payment waits for its provider.
    pub answer_within: Duration,
    /// How long an operation waits for another one to end.
    pub busy: Duration,
}

impl Pace {
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            lease: Duration::from_secs(5),
            answer_within: Duration::from_secs(3),
            busy: Duration::from_secs(2),
        }
    }

    /// How often the poller looks for what is due.
    pub fn tick(&self) -> Duration {
        (self.interval * 3 / 10).clamp(Duration::from_millis(20), Duration::from_secs(1))
    }

    /// The pause before the next try, after so many that failed: twice as long each time.
    pub fn backoff(&self, attempts: i32) -> Duration {
        let doublings = u32::try_from(attempts).unwrap_or(0).min(16);
        self.interval.saturating_mul(1 << doublings).min(SLOWEST)
    }

    /// The pause before a payment that has waited since then is queried again.
    pub fn waiting(&self, since: Time, now: Time) -> Duration {
        (now.since(since) / 20).min(SLOWEST_WAITING).max(self.tick())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute() {
        let pace = Pace::new(Duration::from_secs(1));
        let pauses: Vec<u64> = (0..8).map(|attempts| pace.backoff(attempts).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(pace.backoff(i32::MAX), SLOWEST);
    }

    #[test]
    fn a_waiting_payment_is_queried_often_at_first() {
        let pace = Pace::new(Duration::from_secs(1));
        let after = |seconds: i64| pace.waiting(Time(0), Time(seconds * 1_000_000));
        assert_eq!(after(1), Duration::from_millis(300));
        assert_eq!(after(20), Duration::from_secs(1));
        assert_eq!(after(10_000), SLOWEST_WAITING);
    }
}
