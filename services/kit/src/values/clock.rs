//! Time: microseconds in UTC, read from a clock that tests can set.

use std::{
    ops::{Add, Sub},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prost_types::Timestamp;

/// A moment, in microseconds since 1970 (UTC); a BIGINT in every database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "database", derive(sea_orm::DeriveValueType))]
pub struct Time(pub i64);

impl Time {
    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl From<Time> for Timestamp {
    fn from(time: Time) -> Timestamp {
        Timestamp { seconds: time.seconds(), nanos: (time.0.rem_euclid(1_000_000) * 1_000) as i32 }
    }
}

impl From<Timestamp> for Time {
    /// What is finer than a microsecond is cut off.
    fn from(timestamp: Timestamp) -> Time {
        Time(timestamp.seconds.saturating_mul(1_000_000).saturating_add(i64::from(timestamp.nanos / 1_000)))
    }
}

/// Where the time comes from.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    Machine,
    /// The machine's, and how far another is ahead of it, in microseconds.
    Other(Arc<AtomicI64>),
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::Machine)
    }

    /// A clock that stands still until it is moved.
    pub fn manual(start: Time) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    /// One with an offset from the machine's clock that can be set; one that tests move stays as it is.
    pub(crate) fn adjustable(self) -> Self {
        match self.0 {
            Source::Manual(_) => self,
            Source::Machine | Source::Other(_) => Self(Source::Other(Arc::default())),
        }
    }

    /// Now.
    pub fn now(&self) -> Time {
        match &self.0 {
            Source::Manual(manual) => Time(manual.load(Ordering::SeqCst)),
            Source::Machine => machine(),
            Source::Other(ahead) => Time(machine().0.saturating_add(ahead.load(Ordering::Relaxed))),
        }
    }

    /// Sets the offset, where there is one: it was `then` when the machine's clock said `here`.
    pub(crate) fn adjust(&self, then: Time, here: Time) {
        if let Source::Other(ahead) = &self.0 {
            ahead.store(then.0.saturating_sub(here.0), Ordering::Relaxed);
        }
    }

    /// Moves a manual clock on; the others take no notice.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(manual) = &self.0 {
            manual.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
        }
    }
}

/// What the machine's clock says.
fn machine() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_survives_the_way_to_a_timestamp_and_back(micros in -62_135_596_800_000_000i64..253_402_300_800_000_000) {
            let timestamp = Timestamp::from(Time(micros));
            prop_assert!((0..1_000_000_000).contains(&timestamp.nanos));
            prop_assert_eq!(Time::from(timestamp), Time(micros));
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(Time(5));
        let same = clock.clone();
        assert_eq!(clock.now(), Time(5));
        same.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Time(1_000_005));
    }

    #[test]
    fn one_that_is_adjusted_goes_on_from_there() {
        let (clock, here) = (Clock::system().adjustable(), machine());
        assert!(clock.now().since(here) < Duration::from_secs(5), "as the machine's");
        clock.adjust(here + Duration::from_secs(3_600), here);
        let ahead = clock.now().since(here);
        assert!((3_600..3_605).contains(&ahead.as_secs()), "{ahead:?}");
        let manual = Clock::manual(Time(5)).adjustable();
        manual.adjust(Time(9), Time(1));
        assert_eq!(manual.now(), Time(5));
    }
}
