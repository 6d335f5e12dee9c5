//! A limit on how often this process does something: so many a second, with some to spare.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How many seconds' worth may come at once.
const BURST: f64 = 5.0;

/// A token bucket.
#[derive(Debug)]
pub struct Bucket {
    /// A second; 0 is without limit.
    rate: u32,
    state: Mutex<(f64, Instant)>,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: u32) -> Self {
        Self { rate, state: Mutex::new((f64::from(rate) * BURST, Instant::now())) }
    }

    /// Takes one, or says how long to wait for it.
    pub fn take(&self, now: Instant) -> Result<(), Duration> {
        if self.rate == 0 {
            return Ok(());
        }
        let rate = f64::from(self.rate);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let held = (state.0 + now.duration_since(state.1).as_secs_f64() * rate).min(rate * BURST);
        if held < 1.0 {
            *state = (held, now);
            return Err(Duration::from_secs_f64((1.0 - held) / rate));
        }
        *state = (held - 1.0, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (bucket, now) = (Bucket::new(2), Instant::now());
        for _ in 0..10 {
            bucket.take(now).unwrap();
        }
        assert!(bucket.take(now).unwrap_err() <= Duration::from_millis(500));
        let later = now + Duration::from_millis(500);
        assert_eq!(bucket.take(later), Ok(()));
        assert!(bucket.take(later).is_err());
    }

    #[test]
    fn no_limit_is_none() {
        let bucket = Bucket::new(0);
        assert!((0..1_000).all(|_| bucket.take(Instant::now()).is_ok()));
    }
}
