//! What an event of a provider means, which may be late, repeated or out of order.

use super::{Event, Operation, State, next, outcome::event_of};
use crate::provider::Standing;

/// What to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// It is certain, whenever it was said.
    Believe,
    /// It may have been overtaken: ask how the charge stands now.
    Ask,
    /// It says nothing new, or what is under way will say it.
    Old,
}

/// Decides on what an event says of a charge. `operation` is the one under way; while the state is UNKNOWN,
/// the one whose answer was lost.
///
/// That a charge is captured, declined or voided stays true for ever. That it was authorised or waited may
/// be of long ago: it counts only where nothing later can have been asked for.
pub fn hear(state: State, operation: Option<Operation>, standing: &Standing) -> Hearing {
    let event = event_of(standing);
    if next(state, event).is_err() {
        return Hearing::Old;
    }
    match (state, operation) {
        (State::Unknown, _) if is_final(event) => Hearing::Believe,
        (State::Unknown, Some(Operation::Authorize)) => Hearing::Believe,
        (State::Unknown, _) => Hearing::Ask,
        // Its own answer decides, or its being lost.
        (_, Some(_)) => Hearing::Old,
        (_, None) if is_final(event) => Hearing::Believe,
        (State::Processing, None) if event == Event::Authorized => Hearing::Believe,
        (_, None) => Hearing::Old,
    }
}

fn is_final(event: Event) -> bool {
    matches!(event, Event::Captured | Event::Declined | Event::Voided)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sea_orm::Iterable;

    use super::*;

    fn standings() -> [Standing; 6] {
        [
            Standing::Working,
            Standing::Waiting { action: String::new() },
            Standing::Authorized,
            Standing::Captured,
            Standing::Declined { reason: String::new() },
            Standing::Voided,
        ]
    }

    fn operations() -> Vec<Option<Operation>> {
        std::iter::once(None).chain(Operation::iter().map(Some)).collect()
    }

    #[test]
    fn what_is_believed_is_legal_and_never_leads_back() {
        for state in State::iter() {
            for operation in operations() {
                for standing in standings() {
                    if hear(state, operation, &standing) != Hearing::Believe {
                        continue;
                    }
                    let after = next(state, event_of(&standing)).unwrap();
                    assert!(rank(after) >= rank(state), "{state:?} {operation:?} {standing:?}");
                }
            }
        }
    }

    /// How far a payment is. UNKNOWN is nowhere: whatever is certain is more.
    fn rank(state: State) -> u8 {
        match state {
            State::Pending | State::Unknown => 0,
            State::Processing => 1,
            State::Authorized => 2,
            _ => 3,
        }
    }

    #[test]
    fn nothing_is_believed_while_an_operation_is_under_way() {
        for state in State::iter().filter(|state| *state != State::Unknown) {
            for operation in Operation::iter() {
                for standing in standings() {
                    assert_eq!(hear(state, Some(operation), &standing), Hearing::Old);
                }
            }
        }
    }

    #[test]
    fn a_late_word_of_the_authorisation_does_not_undo_a_capture_whose_answer_was_lost() {
        for operation in [Operation::Capture, Operation::Void] {
            assert_eq!(hear(State::Unknown, Some(operation), &Standing::Authorized), Hearing::Ask);
        }
        let waiting = Standing::Waiting { action: String::new() };
        assert_eq!(hear(State::Unknown, Some(Operation::Acknowledge), &waiting), Hearing::Ask);
        assert_eq!(hear(State::Unknown, Some(Operation::Capture), &Standing::Captured), Hearing::Believe);
    }

    proptest! {
        /// The events of one charge, delivered in any order and any number of times, end where the last one
        /// ends.
        #[test]
        fn the_order_of_delivery_does_not_matter(
            end in prop::sample::select(vec![Standing::Captured, Standing::Voided]),
            order in prop::collection::vec(0usize..3, 0..12),
        ) {
            let told = [Standing::Waiting { action: String::new() }, Standing::Authorized, end.clone()];
            let mut state = State::Processing;
            for which in order.into_iter().chain([2]) {
                if hear(state, None, &told[which]) == Hearing::Believe {
                    state = next(state, event_of(&told[which])).unwrap();
                }
            }
            prop_assert_eq!(Ok(state), next(State::Processing, event_of(&end)));
        }
    }
}
