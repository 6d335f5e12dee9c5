//! How many wrong passwords are too many.
//!
//! Only failures count, each against an account with a source, and more generously against the source and the account
//! alone ([`SignInLimits`]). A window begins with the first failure and ends by itself, whatever comes in between. While a
//! count is full even the right password is refused: otherwise guessing would go on.

use std::time::Duration;

use kit::Time;

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit {
    /// As callers are told who have reached it.
    pub name: &'static str,
    /// Failures within a window; 0 is without limit.
    pub attempts: u32,
    pub window: Duration,
}

/// What is allowed of signing in.
#[derive(Debug, Clone, Copy)]
pub struct SignInLimits {
    /// Of one account from one source.
    pub account_and_source: Limit,
    /// From one source, over all accounts.
    pub source: Limit,
    /// Of one account, over all sources that it is not known at.
    pub account: Limit,
}

/// How long a limit that is reached still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    pub left: Duration,
    pub limit: Limit,
}

/// A login's failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// When the first of them was.
    pub start: Time,
    pub count: i32,
}

impl Limit {
    /// How much longer a login is throttled, if it is.
    pub fn wait(&self, failures: Option<Failures>, now: Time) -> Option<Wait> {
        let failures = failures.filter(|failures| now < failures.start + self.window)?;
        let spent = self.attempts > 0 && i64::from(failures.count) >= i64::from(self.attempts);
        spent.then(|| Wait { left: (failures.start + self.window).since(now), limit: *self })
    }

    /// The failures after another one.
    pub fn count(&self, failures: Option<Failures>, now: Time) -> Failures {
        match failures.filter(|failures| now < failures.start + self.window) {
            Some(Failures { start, count }) => Failures { start, count: count.saturating_add(1) },
            None => Failures { start: now, count: 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Limit = Limit { name: "sign-in", attempts: 3, window: Duration::from_secs(60) };

    fn at(seconds: i64) -> Time {
        Time(seconds * 1_000_000)
    }

    #[test]
    fn the_limit_holds_until_the_window_ends() {
        let mut failures = None;
        for second in 0..3 {
            assert_eq!(LIMIT.wait(failures, at(second)), None);
            failures = Some(LIMIT.count(failures, at(second)));
        }
        assert_eq!(LIMIT.wait(failures, at(10)), Some(Wait { left: Duration::from_secs(50), limit: LIMIT }));
        assert_eq!(LIMIT.wait(failures, at(60)), None);
        assert_eq!(LIMIT.count(failures, at(60)), Failures { start: at(60), count: 1 });
    }

    #[test]
    fn no_limit_never_throttles() {
        let limit = Limit { attempts: 0, ..LIMIT };
        assert_eq!(limit.wait(Some(Failures { start: at(0), count: i32::MAX }), at(0)), None);
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_a_window_and_no_window_has_more_tries(gaps in proptest::collection::vec(0i64..40, 1..60)) {
            let (mut now, mut failures, mut tries) = (0, None, Vec::new());
            for gap in gaps {
                now += gap;
                match LIMIT.wait(failures, at(now)) {
                    Some(wait) => prop_assert!(wait.left <= LIMIT.window),
                    None => {
                        let counted = LIMIT.count(failures, at(now));
                        tries.push(counted.start);
                        failures = Some(counted);
                    }
                }
            }
            for start in &tries {
                prop_assert!(tries.iter().filter(|other| *other == start).count() <= 3);
            }
        }
    }
}
