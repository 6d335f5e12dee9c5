//! What an answer of a receiver means, and when an event is sent again.

use std::time::Duration;

use kit::Time;

/// How long an event is sent again and again, and how long a webhook may take nothing.
pub const GIVE_UP: Duration = Duration::from_secs(3 * 24 * 3600);
/// The first and the longest pause.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// How much longer each pause is than the one before.
const GROWTH: u32 = 3;

/// What came of sending an event once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Taken,
    /// Not now; the receiver may have said when.
    Refused(Option<Duration>),
    /// Never again.
    Gone,
}

impl Verdict {
    /// What a status means.
    pub fn of(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Taken,
            410 => Self::Gone,
            _ => Self::Refused(retry_after),
        }
    }
}

/// What `Retry-After` says: seconds, or a date.
pub fn retry_after(header: &str, now: Time) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(header.trim()).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Duration::from_secs(since.as_secs().saturating_sub(u64::try_from(now.seconds()).unwrap_or(0))))
}

/// The pause after so many attempts that failed; `spread` is from 0 to 1, at random, so that what failed together does not
/// come back together.
pub fn pause(attempts: u32, asked: Option<Duration>, spread: f64) -> Duration {
    let times = GROWTH.saturating_pow(attempts.saturating_sub(1));
    let grown = FIRST.saturating_mul(times).min(LONGEST);
    let spread = grown.mul_f64(0.8 + 0.4 * spread.clamp(0.0, 1.0));
    // Whoever asks for more gets it, but nobody keeps an event for ever.
    spread.max(asked.unwrap_or_default().min(4 * LONGEST))
}

/// When an event is sent again that was first sent then; none where it is given up.
pub fn again(first: Time, now: Time, pause: Duration) -> Option<Time> {
    let last = first + GIVE_UP;
    // Once more at the very end, rather than not at all.
    (now < last).then(|| (now + pause).min(last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_grow_until_three_days_are_over() {
        let start = Time(1_700_000_000_000_000);
        let (mut now, mut attempts) = (start, 1);
        while let Some(next) = again(start, now, pause(attempts, None, 0.5)) {
            assert!(next > now);
            (now, attempts) = (next, attempts + 1);
        }
        assert_eq!(now, start + GIVE_UP);
        assert!((15..30).contains(&attempts), "{attempts} attempts");
        assert_eq!(pause(1, None, 0.5), Duration::from_secs(5));
        assert_eq!(pause(2, None, 0.5), Duration::from_secs(15));
    }

    #[test]
    fn who_says_when_is_asked_then() {
        let now = Time(784_111_777_000_000 - 60_000_000);
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(pause(1, Some(Duration::from_secs(120)), 0.0), Duration::from_secs(120));
        assert!(pause(1, Some(Duration::MAX), 0.0) <= 4 * LONGEST);
        assert_eq!(Verdict::of(429, None), Verdict::Refused(None));
        assert_eq!([Verdict::of(204, None), Verdict::of(410, None)], [Verdict::Taken, Verdict::Gone]);
        assert_eq!(Verdict::of(302, None), Verdict::Refused(None), "redirects are not followed");
    }

    proptest! {
        #[test]
        fn whatever_happens_there_is_a_pause_and_an_end(attempts: u32, asked: u64, spread in -1.0f64..2.0) {
            let asked = Some(Duration::from_secs(asked));
            let pause = pause(attempts, asked, spread);
            prop_assert!(pause >= Duration::from_secs(4) && pause <= 4 * LONGEST);
        }
    }
}
