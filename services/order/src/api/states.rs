//! States and kinds as the contracts name them.

use contracts::{order as wire, payment};

use crate::domain::{AdjustmentKind, PaymentState, State};

/// An order's state by its name in the contract.
pub fn name(state: State) -> &'static str {
    wire::OrderState::from(state).as_str_name()
}

/// A payment's state by its name in the contract.
pub fn payment_name(state: PaymentState) -> &'static str {
    payment::PaymentState::from(state).as_str_name()
}

/// The states that a filter asks for.
pub fn read(states: impl Iterator<Item = wire::OrderState>) -> Vec<State> {
    states.filter_map(|state| State::try_from(state).ok()).collect()
}

impl From<State> for wire::OrderState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::CheckingOut => Self::CheckingOut,
            State::AwaitingPayment => Self::AwaitingPayment,
            State::Paid => Self::Paid,
            State::Shipped => Self::Shipped,
            State::Delivered => Self::Delivered,
            State::Cancelled => Self::Cancelled,
            State::Expired => Self::Expired,
        }
    }
}

impl TryFrom<wire::OrderState> for State {
    type Error = ();

    fn try_from(state: wire::OrderState) -> Result<Self, ()> {
        use wire::OrderState as Wire;
        Ok(match state {
            Wire::Unspecified => return Err(()),
            Wire::Open => Self::Open,
            Wire::CheckingOut => Self::CheckingOut,
            Wire::AwaitingPayment => Self::AwaitingPayment,
            Wire::Paid => Self::Paid,
            Wire::Shipped => Self::Shipped,
            Wire::Delivered => Self::Delivered,
            Wire::Cancelled => Self::Cancelled,
            Wire::Expired => Self::Expired,
        })
    }
}

impl From<AdjustmentKind> for wire::AdjustmentType {
    fn from(kind: AdjustmentKind) -> Self {
        match kind {
            AdjustmentKind::Shipping => Self::Shipping,
            AdjustmentKind::Fee => Self::Fee,
            AdjustmentKind::Discount => Self::Discount,
        }
    }
}

impl TryFrom<wire::AdjustmentType> for AdjustmentKind {
    type Error = ();

    fn try_from(kind: wire::AdjustmentType) -> Result<Self, ()> {
        use wire::AdjustmentType as Wire;
        Ok(match kind {
            Wire::Unspecified => return Err(()),
            Wire::Shipping => Self::Shipping,
            Wire::Fee => Self::Fee,
            Wire::Discount => Self::Discount,
        })
    }
}

impl From<PaymentState> for payment::PaymentState {
    fn from(state: PaymentState) -> Self {
        match state {
            PaymentState::Unrecognized => Self::Unspecified,
            PaymentState::Pending => Self::Pending,
            PaymentState::Processing => Self::Processing,
            PaymentState::Authorized => Self::Authorized,
            PaymentState::Captured => Self::Captured,
            PaymentState::PartiallyRefunded => Self::PartiallyRefunded,
            PaymentState::Refunded => Self::Refunded,
            PaymentState::Declined => Self::Declined,
            PaymentState::Voided => Self::Voided,
            PaymentState::Unknown => Self::Unknown,
        }
    }
}

impl From<payment::PaymentState> for PaymentState {
    fn from(state: payment::PaymentState) -> Self {
        use payment::PaymentState as Wire;
        match state {
            Wire::Unspecified => Self::Unrecognized,
            Wire::Pending => Self::Pending,
            Wire::Processing => Self::Processing,
            Wire::Authorized => Self::Authorized,
            Wire::Captured => Self::Captured,
            Wire::PartiallyRefunded => Self::PartiallyRefunded,
            Wire::Refunded => Self::Refunded,
            Wire::Declined => Self::Declined,
            Wire::Voided => Self::Voided,
            Wire::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveEnum, Iterable};

    use super::*;

    #[test]
    fn stored_numbers_and_words_are_those_of_the_contracts() {
        for state in State::iter() {
            let there = wire::OrderState::from(state);
            assert_eq!((i32::from(state.to_value()), State::try_from(there)), (there as i32, Ok(state)));
        }
        for kind in AdjustmentKind::iter() {
            let there = wire::AdjustmentType::from(kind);
            assert_eq!(
                (i32::from(kind.to_value()), AdjustmentKind::try_from(there)),
                (there as i32, Ok(kind))
            );
        }
        assert!(AdjustmentKind::try_from(wire::AdjustmentType::Unspecified).is_err());
        for state in PaymentState::iter() {
            let there = payment::PaymentState::from(state);
            assert_eq!((i32::from(state.to_value()), PaymentState::from(there)), (there as i32, state));
            assert_eq!(payment_name(state), format!("PAYMENT_STATE_{}", state.word()));
        }
    }
}
