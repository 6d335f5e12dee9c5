//! Sessions and their refresh tokens.
//!
//! | session | token not used yet | token used before |
//! |---|---|---|
//! | live | rotate | end the session: somebody has a copy |
//! | expired | refuse | refuse |
//! | ended | refuse | refuse |

use std::time::Duration;

use kit::Time;

/// A session that is not refreshed for this long expires.
pub const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);
/// So does one as old as this, however often it is refreshed.
pub const OLDEST: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a session is at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Live,
    Expired,
    Ended,
}

/// What becomes of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Rotate,
    End,
    Refuse,
}

impl State {
    /// What a session is now.
    pub fn of(expire_time: Time, ended_time: Option<Time>, now: Time) -> Self {
        match ended_time {
            Some(_) => State::Ended,
            None if now >= expire_time => State::Expired,
            None => State::Live,
        }
    }

    /// The transition table of a refresh.
    pub fn refresh(self, used_before: bool) -> Verdict {
        match (self, used_before) {
            (State::Live, false) => Verdict::Rotate,
            (State::Live, true) => Verdict::End,
            (State::Expired | State::Ended, _) => Verdict::Refuse,
        }
    }
}

/// When a session expires that began at `create_time` and was used now.
pub fn expiry(create_time: Time, now: Time) -> Time {
    (now + IDLE).min(create_time + OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refresh_has_its_verdict() {
        for (state, used_before, verdict) in [
            (State::Live, false, Verdict::Rotate),
            (State::Live, true, Verdict::End),
            (State::Expired, false, Verdict::Refuse),
            (State::Expired, true, Verdict::Refuse),
            (State::Ended, false, Verdict::Refuse),
            (State::Ended, true, Verdict::Refuse),
        ] {
            assert_eq!(state.refresh(used_before), verdict, "{state:?} {used_before}");
        }
    }

    #[test]
    fn a_session_slides_30_days_and_ends_after_90() {
        let (start, day) = (Time(0), Duration::from_secs(24 * 3600));
        assert_eq!(expiry(start, start), start + 30 * day);
        assert_eq!(expiry(start, start + 59 * day), start + 89 * day);
        assert_eq!(expiry(start, start + 80 * day), start + 90 * day);
        assert_eq!(State::of(start + day, None, start), State::Live);
        assert_eq!(State::of(start + day, None, start + day), State::Expired);
        assert_eq!(State::of(start + day, Some(start), start), State::Ended);
    }
}
