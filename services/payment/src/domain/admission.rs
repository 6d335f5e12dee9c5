//! Whether an operation may begin.

use super::{Capabilities, Operation, State};

/// What to do with a caller who asks for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It happened before: the payment as it is now is the answer.
    Already,
    /// It happens in our books alone, without the provider.
    Directly,
    /// The provider is called.
    Call,
    /// Another operation is under way, and its end decides.
    Wait,
    /// The state forbids it.
    Illegal,
    /// The provider cannot do it.
    Unsupported,
}

/// Decides on an operation. `under_way`: another one is.
pub fn admit(operation: Operation, state: State, under_way: bool, provider: Capabilities) -> Admission {
    match (operation, state) {
        (Operation::Authorize, State::Pending) => Admission::Call,
        (Operation::Authorize, _) => Admission::Illegal,
        (Operation::Void, State::Voided | State::Declined) => Admission::Already,
        // Its provider was never called.
        (Operation::Void, State::Pending) => Admission::Directly,
        (Operation::Void, State::Processing | State::Authorized) => match () {
            () if under_way => Admission::Wait,
            () if provider.can_void => Admission::Call,
            () => Admission::Directly,
        },
        (Operation::Capture | Operation::Acknowledge, state) if state.is_captured() => Admission::Already,
        (Operation::Capture, State::Authorized) | (Operation::Acknowledge, State::Processing)
            if under_way =>
        {
            Admission::Wait
        }
        (Operation::Capture, State::Authorized) => Admission::Call,
        (Operation::Acknowledge, State::Processing) if provider.can_acknowledge => Admission::Call,
        (Operation::Acknowledge, State::Processing) => Admission::Unsupported,
        (Operation::Capture | Operation::Acknowledge | Operation::Void, _) => Admission::Illegal,
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    const ALL: Capabilities = Capabilities {
        idempotent: true,
        can_query: true,
        can_void: true,
        can_refund: true,
        partial_refund: true,
        can_acknowledge: true,
    };

    #[test]
    fn nothing_is_begun_while_an_outcome_is_unknown() {
        for operation in Operation::iter() {
            assert_eq!(admit(operation, State::Unknown, false, ALL), Admission::Illegal);
        }
    }

    #[test]
    fn one_operation_is_under_way_at_a_time() {
        for operation in Operation::iter() {
            for state in [State::Processing, State::Authorized] {
                assert_ne!(admit(operation, state, true, ALL), Admission::Call, "{operation:?} {state:?}");
            }
        }
    }

    #[test]
    fn a_payment_is_voided_only_before_it_is_captured() {
        for state in State::iter() {
            let expected = match state {
                State::Pending => Admission::Directly,
                State::Processing | State::Authorized => Admission::Call,
                State::Declined | State::Voided => Admission::Already,
                _ => Admission::Illegal,
            };
            assert_eq!(admit(Operation::Void, state, false, ALL), expected, "{state:?}");
        }
        let by_hand = Capabilities { can_void: false, ..ALL };
        assert_eq!(admit(Operation::Void, State::Authorized, false, by_hand), Admission::Directly);
    }

    #[test]
    fn repeating_a_capture_or_an_acknowledgement_answers_the_same() {
        for state in [State::Captured, State::PartiallyRefunded, State::Refunded] {
            assert_eq!(admit(Operation::Capture, state, false, ALL), Admission::Already);
            assert_eq!(admit(Operation::Acknowledge, state, false, ALL), Admission::Already);
        }
    }

    #[test]
    fn a_provider_that_cannot_acknowledge_is_not_called_for_it() {
        let cannot = Capabilities { can_acknowledge: false, ..ALL };
        assert_eq!(admit(Operation::Acknowledge, State::Processing, false, cannot), Admission::Unsupported);
    }
}
