//! What staff may decide about a payment whose provider cannot be queried.

use super::{Event, State};

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

/// The event that a settlement is. None, where staff has nothing to decide: the outcome is known, or the provider can be
/// queried for it (`can_query`).
pub fn settle(state: State, can_query: bool, settlement: Settlement) -> Option<Event> {
    if state != State::Unknown || can_query {
        return None;
    }
    let event = match settlement {
        Settlement::Captured => Event::Captured,
        Settlement::Failed => Event::Declined,
    };
    state.next(event).is_ok().then_some(event)
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn only_what_nobody_else_can_know_is_settled_by_staff() {
        for state in State::iter() {
            for can_query in [false, true] {
                let open = state == State::Unknown && !can_query;
                let expected = |event| open.then_some(event);
                assert_eq!(settle(state, can_query, Settlement::Captured), expected(Event::Captured));
                assert_eq!(settle(state, can_query, Settlement::Failed), expected(Event::Declined));
            }
        }
    }
}
