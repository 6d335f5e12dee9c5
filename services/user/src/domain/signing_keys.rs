//! Signing keys over time: published, then signing, then only verifying, then gone.
//!
//! | from | a key |
//! |---|---|
//! | it is made | is published, so that everybody who verifies has learnt it when it signs |
//! | `sign_time` | signs, unless a newer one does |
//! | the next one's `sign_time` | verifies, until no token counts any more that it has signed |
//! | `retire_time` | is gone |

use std::time::Duration;

use kit::{Time, identity::ACCESS_TOKEN_SECONDS};

/// The most keys that are published at a time.
pub const MOST: usize = 8;
/// How long a key verifies after another one has begun to sign: as long as a token lives, however far clocks may be apart
/// (`--clock-leeway`), and a while in which a process may not know the new one.
pub const OVERLAP: Duration = Duration::from_secs(ACCESS_TOKEN_SECONDS.unsigned_abs() + 600 + 120);

/// What is known of a key's times.
pub trait Times {
    fn sign_time(&self) -> Time;
    fn retire_time(&self) -> Option<Time>;
    /// Whether it can sign here.
    fn can_sign(&self) -> bool;

    /// Whether it counts no more.
    fn is_retired(&self, now: Time) -> bool {
        self.retire_time().is_some_and(|end| end <= now)
    }
}

/// How keys follow each other.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// How long one signs; zero is until somebody makes another.
    pub rotation: Duration,
    /// How long it is published before.
    pub lead: Duration,
}

impl Schedule {
    /// Whether another key is to be made, the newest of which begins to sign at this time.
    pub fn is_due(&self, newest: Time, now: Time) -> bool {
        !self.rotation.is_zero() && now >= newest + self.rotation - self.lead.min(self.rotation)
    }
}

/// Which of some keys, the newest first, signs now. Before the oldest one's time, because clocks differ, that one.
pub fn signing<K: Times>(keys: &[K], now: Time) -> Option<&K> {
    let able = || keys.iter().filter(|key| key.can_sign() && !key.is_retired(now));
    able().find(|key| key.sign_time() <= now).or_else(|| able().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Key(i64, Option<i64>, bool);

    impl Times for Key {
        fn sign_time(&self) -> Time {
            Time(self.0)
        }
        fn retire_time(&self) -> Option<Time> {
            self.1.map(Time)
        }
        fn can_sign(&self) -> bool {
            self.2
        }
    }

    #[test]
    fn the_newest_signs_whose_time_has_come() {
        let keys = [Key(30, None, true), Key(20, Some(100), true), Key(10, Some(90), true)];
        let at = |now| signing(&keys, Time(now)).map(|key| key.0);
        assert_eq!([at(5), at(10), at(19), at(20), at(30), at(1000)], [10, 10, 10, 20, 30, 30].map(Some));
        // One that this process cannot unwrap is published all the same, and another signs.
        let keys = [Key(20, None, false), Key(10, Some(90), true)];
        assert_eq!(signing(&keys, Time(50)).map(|key| key.0), Some(10));
        assert!(signing(&keys, Time(90)).is_none());
        assert!(signing::<Key>(&[], Time(0)).is_none());
    }

    #[test]
    fn another_one_is_made_so_early_that_it_signs_in_time() {
        let schedule = Schedule { rotation: Duration::from_secs(90), lead: Duration::from_secs(10) };
        let second = |seconds| Time(seconds * 1_000_000);
        assert!(!schedule.is_due(second(0), second(79)));
        assert!(schedule.is_due(second(0), second(80)));
        let never = Schedule { rotation: Duration::ZERO, ..schedule };
        assert!(!never.is_due(second(0), second(i64::from(u32::MAX))));
        // What is to be published for longer than it signs is made at once, and no sooner.
        let hasty = Schedule { rotation: Duration::from_secs(5), ..schedule };
        assert!(!hasty.is_due(second(10), second(9)) && hasty.is_due(second(10), second(10)));
    }
}
