//! A limit on how often something is done from one source: so many a second, with some to spare.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::throttle::{Limit, Wait};

/// How many seconds' worth may come at once.
const BURST: f64 = 5.0;
/// Sources that are told apart; the others share a bucket.
const SOURCES: usize = 10_000;

/// A token bucket for each source.
#[derive(Debug)]
pub struct Buckets {
    /// A second; 0 is without limit.
    rate: u32,
    /// What each has left, and when that was.
    sources: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Buckets {
    /// Full ones.
    pub fn new(rate: u32) -> Self {
        Self { rate, sources: Mutex::default() }
    }

    /// Takes one of a source's, or says how long to wait for it.
    pub fn take(&self, source: &str, now: Instant) -> Result<(), Wait> {
        if self.rate == 0 {
            return Ok(());
        }
        let (rate, full) = (f64::from(self.rate), f64::from(self.rate) * BURST);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |(left, since): (f64, Instant)| {
            (left + now.saturating_duration_since(since).as_secs_f64() * rate).min(full)
        };
        if sources.len() >= SOURCES && !sources.contains_key(source) {
            // Those that are full again are as good as new ones.
            sources.retain(|_, bucket| held(*bucket) < full);
        }
        let apart = sources.len() < SOURCES || sources.contains_key(source);
        let bucket = sources.entry(if apart { source } else { "" }.to_owned()).or_insert((full, now));
        let left = held(*bucket);
        if left < 1.0 {
            *bucket = (left, now);
            let limit =
                Limit { name: "username-checks", attempts: self.rate, window: Duration::from_secs(1) };
            return Err(Wait { left: Duration::from_secs_f64((1.0 - left) / rate), limit });
        }
        *bucket = (left - 1.0, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again_and_others_are_not_touched() {
        let (buckets, now) = (Buckets::new(2), Instant::now());
        for _ in 0..10 {
            buckets.take("a", now).unwrap();
        }
        assert!(buckets.take("a", now).unwrap_err().left <= Duration::from_millis(500));
        assert_eq!(buckets.take("b", now), Ok(()));
        let later = now + Duration::from_millis(500);
        assert_eq!(buckets.take("a", later), Ok(()));
        assert!(buckets.take("a", later).is_err());
    }

    #[test]
    fn no_limit_is_none_and_memory_is_bounded() {
        let (none, some) = (Buckets::new(0), Buckets::new(1));
        let now = Instant::now();
        for number in 0..2 * SOURCES {
            none.take("a", now).unwrap();
            let _ = some.take(&number.to_string(), now);
        }
        assert!(some.sources.lock().unwrap().len() <= SOURCES + 1);
    }
}
