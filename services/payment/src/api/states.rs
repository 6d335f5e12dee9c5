//! States as the contract names them.

use contracts::payment as wire;

use crate::domain::{DisputeState, RefundState, State};

/// A payment's state by its name in the contract.
pub fn name(state: State) -> &'static str {
    wire::PaymentState::from(state).as_str_name()
}

/// The state that the contract's enum means.
pub fn read(state: wire::PaymentState) -> Option<State> {
    use wire::PaymentState as Wire;
    match state {
        Wire::Unspecified => None,
        Wire::Pending => Some(State::Pending),
        Wire::Processing => Some(State::Processing),
        Wire::Authorized => Some(State::Authorized),
        Wire::Captured => Some(State::Captured),
        Wire::PartiallyRefunded => Some(State::PartiallyRefunded),
        Wire::Refunded => Some(State::Refunded),
        Wire::Declined => Some(State::Declined),
        Wire::Voided => Some(State::Voided),
        Wire::Unknown => Some(State::Unknown),
    }
}

impl From<State> for wire::PaymentState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Processing => Self::Processing,
            State::Authorized => Self::Authorized,
            State::Captured => Self::Captured,
            State::PartiallyRefunded => Self::PartiallyRefunded,
            State::Refunded => Self::Refunded,
            State::Declined => Self::Declined,
            State::Voided => Self::Voided,
            State::Unknown => Self::Unknown,
        }
    }
}

impl From<RefundState> for wire::RefundState {
    fn from(state: RefundState) -> Self {
        match state {
            RefundState::Pending => Self::Pending,
            RefundState::Succeeded => Self::Succeeded,
            RefundState::Failed => Self::Failed,
        }
    }
}

impl From<DisputeState> for wire::DisputeState {
    fn from(state: DisputeState) -> Self {
        match state {
            DisputeState::Open => Self::Open,
            DisputeState::Won => Self::Won,
            DisputeState::Lost => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveEnum, Iterable};

    use super::*;

    #[test]
    fn stored_numbers_are_those_of_the_contract() {
        for state in State::iter() {
            assert_eq!(i32::from(state.to_value()), wire::PaymentState::from(state) as i32);
        }
        for state in RefundState::iter() {
            assert_eq!(i32::from(state.to_value()), wire::RefundState::from(state) as i32);
        }
        for state in DisputeState::iter() {
            assert_eq!(i32::from(state.to_value()), wire::DisputeState::from(state) as i32);
        }
    }

    #[test]
    fn states_survive_the_way_through_the_contract() {
        for state in State::iter() {
            assert_eq!(read(state.into()), Some(state));
        }
    }
}
