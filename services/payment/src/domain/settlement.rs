//! What staff may say of a payment whose provider cannot be asked.

use super::{Event, State, next};

/// What became of it, as staff found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The money is the shop's.
    Captured,
    /// It never came.
    Failed,
}

/// The failure reason of a payment that staff settled as failed.
pub const SETTLED_AS_FAILED: &str = "SETTLED_AS_FAILED";

/// The event that a settlement is. None, where nobody need say anything: the outcome is known, or the
/// provider is being asked (`asked`).
pub fn settle(state: State, asked: bool, settlement: Settlement) -> Option<Event> {
    if state != State::Unknown || asked {
        return None;
    }
    let event = match settlement {
        Settlement::Captured => Event::Captured,
        Settlement::Failed => Event::Declined,
    };
    next(state, event).is_ok().then_some(event)
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn only_what_nobody_else_can_know_is_settled_by_staff() {
        for state in State::iter() {
            for asked in [false, true] {
                let open = state == State::Unknown && !asked;
                let expected = |event| open.then_some(event);
                assert_eq!(settle(state, asked, Settlement::Captured), expected(Event::Captured));
                assert_eq!(settle(state, asked, Settlement::Failed), expected(Event::Declined));
            }
        }
    }
}
