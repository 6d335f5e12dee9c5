//! API keys: how many, for how long, and which of a key's secrets counts.

use std::time::Duration;

use kit::Time;

/// How many keys a user has, expired ones included until they are forgotten.
pub const MOST: u64 = 50;
/// How often the use of a key is written down.
pub const NOTE_AGAIN: Duration = Duration::from_secs(60);
/// For how long an old secret lives on at most.
pub const LONGEST_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long an expired key is kept, for people to look at.
pub const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);

/// The times of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub expire: Option<Time>,
    /// Of the secret before.
    pub old_expire: Option<Time>,
}

/// Which secret was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Newest,
    Old,
}

impl Times {
    /// When a secret ceases to count, if ever; an error where it did.
    pub fn until(self, which: Which, now: Time) -> Result<Option<Time>, Over> {
        let end = match (which, self.expire, self.old_expire) {
            (Which::Newest, expire, _) => expire,
            (Which::Old, Some(expire), Some(old)) => Some(expire.min(old)),
            (Which::Old, None, Some(old)) => Some(old),
            (Which::Old, _, None) => return Err(Over),
        };
        match end {
            Some(end) if end <= now => Err(Over),
            end => Ok(end),
        }
    }
}

/// It counts no more.
#[derive(Debug, PartialEq, Eq)]
pub struct Over;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_when_it_expires_and_its_old_secret_when_that_does() {
        let (now, soon, late) = (Time(10), Time(20), Time(30));
        let times = |expire, old_expire| Times { expire, old_expire };
        assert_eq!(times(None, None).until(Which::Newest, now), Ok(None));
        assert_eq!(times(None, None).until(Which::Old, now), Err(Over));
        assert_eq!(times(Some(late), Some(soon)).until(Which::Newest, now), Ok(Some(late)));
        assert_eq!(times(Some(late), Some(soon)).until(Which::Old, now), Ok(Some(soon)));
        assert_eq!(times(Some(soon), Some(late)).until(Which::Old, now), Ok(Some(soon)));
        assert_eq!(times(None, Some(soon)).until(Which::Old, soon), Err(Over));
        assert_eq!(times(Some(soon), None).until(Which::Newest, soon), Err(Over));
    }
}
