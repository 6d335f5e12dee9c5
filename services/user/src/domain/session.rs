//! Sessions and their refresh tokens.
//!
//! | session | token not used yet | its answer was lost | token used before |
//! |---|---|---|---|
//! | live | rotate | repeat the answer | end the session: somebody has a copy |
//! | expired | refuse | refuse | refuse |
//! | ended | refuse | refuse | refuse |

use std::time::Duration;

use kit::Time;

/// A session that is not refreshed for this long expires.
pub const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);
/// So does one as old as this, however often it is refreshed.
pub const OLDEST: Duration = Duration::from_secs(90 * 24 * 3600);

/// For how long a refresh can be repeated whose answer was lost.
pub const REPEAT: Duration = Duration::from_secs(10);

/// What a session is at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Live,
    Expired,
    Ended,
}

/// What was done with a refresh token before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    First,
    /// The same client has used it just now, and not what it was to get for it: the answer may not have come.
    Again,
    Reuse,
}

impl Use {
    /// Of a token that was used at `used_time`, by the client that sends it now or by another one; `next_used` says
    /// whether the token that was given for it has been used.
    pub fn of(used_time: Option<Time>, same_client: bool, next_used: bool, now: Time) -> Self {
        match used_time {
            None => Use::First,
            Some(used) if same_client && !next_used && now < used + REPEAT => Use::Again,
            Some(_) => Use::Reuse,
        }
    }
}

/// What becomes of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Rotate,
    /// The same next token again.
    Repeat,
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
    pub fn refresh(self, used: Use) -> Verdict {
        match (self, used) {
            (State::Live, Use::First) => Verdict::Rotate,
            (State::Live, Use::Again) => Verdict::Repeat,
            (State::Live, Use::Reuse) => Verdict::End,
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
        for (used, of_live) in
            [(Use::First, Verdict::Rotate), (Use::Again, Verdict::Repeat), (Use::Reuse, Verdict::End)]
        {
            assert_eq!(State::Live.refresh(used), of_live, "{used:?}");
            for over in [State::Expired, State::Ended] {
                assert_eq!(over.refresh(used), Verdict::Refuse, "{over:?} {used:?}");
            }
        }
    }

    #[test]
    fn only_the_same_client_repeats_a_refresh_and_only_at_once() {
        let (used, second) = (Time(0), Duration::from_secs(1));
        let of = |same, next_used, seconds| Use::of(Some(used), same, next_used, used + seconds * second);
        assert_eq!(Use::of(None, false, false, used), Use::First);
        assert_eq!((of(true, false, 0), of(true, false, 9)), (Use::Again, Use::Again));
        for other in [of(true, false, 10), of(true, true, 1), of(false, false, 1)] {
            assert_eq!(other, Use::Reuse);
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
