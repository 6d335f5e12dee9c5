//! Token buckets by whose they are, as many as there is memory for.

use std::{
    convert::Infallible,
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use governor::{
    RateLimiter,
    clock::{Clock, MonotonicClock},
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use quick_cache::sync::Cache;

use super::Quota;

/// A bucket for each key.
pub struct Buckets<K: Hash + Eq + Clone> {
    pub quota: Quota,
    limiter: RateLimiter<K, Store<K>, MonotonicClock>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// As many buckets as `most`. Those not used for longest are given up for new ones; whoever floods keeps theirs, as
    /// it is used. `None` for a quota that no bucket can keep.
    pub fn new(quota: Quota, most: usize) -> Option<Self> {
        Self::kept_in(quota, Store(Arc::new(Cache::new(most))))
    }

    fn kept_in(quota: Quota, store: Store<K>) -> Option<Self> {
        Some(Self { quota, limiter: RateLimiter::new(quota.bucket()?, store, MonotonicClock) })
    }

    /// Takes one call out of a bucket, or says after how long there is one.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        self.limiter.check_key(key).map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }
}

struct Store<K>(Arc<Cache<K, Arc<InMemoryState>>>);

impl<K: Hash + Eq + Clone> StateStore for Store<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // Two that miss it at once get the same one.
        let made = || self.0.get_or_insert_with(key, || Ok::<_, Infallible>(Arc::default()));
        let bucket = self.0.get(key).unwrap_or_else(|| match made() {
            Ok(bucket) => bucket,
            Err(never) => match never {},
        });
        bucket.measure_and_replace(&NotKeyed::NonKey, measure)
    }
}

/// The least time between two of something, such as log lines.
#[derive(Debug, Default)]
pub struct Seldom(std::sync::Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it is time again.
    pub fn now(&self, least: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= least);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(quota: &str, most: usize) -> (Buckets<u64>, Arc<Cache<u64, Arc<InMemoryState>>>) {
        let kept = Arc::new(Cache::new(most));
        let quota = quota.parse::<super::super::Rate>().unwrap().0.unwrap();
        (Buckets::kept_in(quota, Store(kept.clone())).unwrap(), kept)
    }

    #[test]
    fn each_has_a_bucket_of_its_own() {
        let (buckets, _) = buckets("3/1h", 100);
        for key in [1, 2] {
            let taken = (0..4).map(|_| buckets.take(&key).is_ok()).collect::<Vec<_>>();
            assert_eq!(taken, [true, true, true, false]);
        }
        let wait = buckets.take(&1).unwrap_err();
        assert!((Duration::from_secs(1_100)..=Duration::from_secs(1_200)).contains(&wait), "{wait:?}");
    }

    #[test]
    fn strangers_by_the_million_take_no_more_memory_than_there_is() {
        let (buckets, kept) = buckets("3/1h", 1_000);
        let flooder = u64::MAX;
        let mut let_in = 0;
        for stranger in 0..200_000 {
            buckets.take(&stranger).unwrap();
            let_in += u32::from(buckets.take(&flooder).is_ok());
        }
        assert!(kept.len() <= 1_000, "{}", kept.len());
        assert!(let_in <= 3, "a flood pushed a full bucket out: {let_in}");
    }
}
