//! What to do with an event of a provider, which may be late, repeated or out of order.

use super::{ChargeStatus, Event, Operation, State, outcome::event_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is certain, whenever it was sent.
    Apply,
    /// It may be outdated: query the charge.
    Reconcile,
    /// It says nothing new, or the answer of the operation under way will say it.
    Ignore,
}

/// Decides about an event with a charge's status. `operation` is the one under way; while the state is UNKNOWN, the one
/// whose answer was lost.
///
/// That a charge is captured, declined or voided stays true for ever. That it was authorised or waiting may be long
/// ago: it counts only where nothing later can have been asked for.
pub fn decide(state: State, operation: Option<Operation>, status: &ChargeStatus) -> Decision {
    let event = event_of(status);
    if state.next(event).is_err() {
        return Decision::Ignore;
    }
    match (state, operation) {
        (State::Unknown, _) if is_final(event) => Decision::Apply,
        (State::Unknown, Some(Operation::Authorize)) => Decision::Apply,
        // The event may be older than the operation whose answer was lost.
        (State::Unknown, _) => Decision::Reconcile,
        // The operation's own answer decides, or that it is lost. An event about the same operation may come first: were
        // it applied, the answer would find another version of the payment and be thrown away.
        (_, Some(_)) => Decision::Ignore,
        (_, None) if is_final(event) => Decision::Apply,
        (State::Processing, None) if event == Event::Authorized => Decision::Apply,
        (_, None) => Decision::Ignore,
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

    fn statuses() -> [ChargeStatus; 6] {
        [
            ChargeStatus::Processing,
            ChargeStatus::Waiting { action: String::new() },
            ChargeStatus::Authorized,
            ChargeStatus::Captured,
            ChargeStatus::Declined { reason: String::new() },
            ChargeStatus::Voided,
        ]
    }

    fn operations() -> Vec<Option<Operation>> {
        std::iter::once(None).chain(Operation::iter().map(Some)).collect()
    }

    #[test]
    fn what_is_applied_is_legal_and_never_leads_back() {
        for state in State::iter() {
            for operation in operations() {
                for status in statuses() {
                    if decide(state, operation, &status) != Decision::Apply {
                        continue;
                    }
                    let after = state.next(event_of(&status)).unwrap();
                    assert!(rank(after) >= rank(state), "{state:?} {operation:?} {status:?}");
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
    fn nothing_is_applied_while_an_operation_is_under_way() {
        for state in State::iter().filter(|state| *state != State::Unknown) {
            for operation in Operation::iter() {
                for status in statuses() {
                    assert_eq!(decide(state, Some(operation), &status), Decision::Ignore);
                }
            }
        }
    }

    #[test]
    fn a_late_authorisation_does_not_undo_a_capture_whose_answer_was_lost() {
        for operation in [Operation::Capture, Operation::Void] {
            assert_eq!(
                decide(State::Unknown, Some(operation), &ChargeStatus::Authorized),
                Decision::Reconcile
            );
        }
        let waiting = ChargeStatus::Waiting { action: String::new() };
        assert_eq!(decide(State::Unknown, Some(Operation::Acknowledge), &waiting), Decision::Reconcile);
        assert_eq!(
            decide(State::Unknown, Some(Operation::Capture), &ChargeStatus::Captured),
            Decision::Apply
        );
    }

    proptest! {
        /// The events of one charge, delivered in any order and any number of times, end where the last one
        /// ends.
        #[test]
        fn the_order_of_delivery_does_not_matter(
            end in prop::sample::select(vec![ChargeStatus::Captured, ChargeStatus::Voided]),
            order in prop::collection::vec(0usize..3, 0..12),
        ) {
            let events = [ChargeStatus::Waiting { action: String::new() }, ChargeStatus::Authorized, end.clone()];
            let mut state = State::Processing;
            for which in order.into_iter().chain([2]) {
                if decide(state, None, &events[which]) == Decision::Apply {
                    state = state.next(event_of(&events[which])).unwrap();
                }
            }
            prop_assert_eq!(Ok(state), State::Processing.next(event_of(&end)));
        }
    }
}
