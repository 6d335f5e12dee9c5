//! States and reasons as the contract names them.

use contracts::article as wire;
use kit::Fault;

use crate::domain::{reservation::State, stock::Reason};

/// A reservation's state by its name in the contract.
pub fn name(state: State) -> &'static str {
    wire::ReservationState::from(state).as_str_name()
}

/// Why staff change stock.
pub fn reason(reason: wire::StockReason) -> Result<Reason, Fault> {
    match reason {
        wire::StockReason::Received => Ok(Reason::Received),
        wire::StockReason::Returned => Ok(Reason::Returned),
        wire::StockReason::WrittenOff => Ok(Reason::WrittenOff),
        wire::StockReason::Correction => Ok(Reason::Correction),
        _ => Err(Fault::invalid("reason", "must be one of staff's")),
    }
}

impl From<State> for wire::ReservationState {
    fn from(state: State) -> Self {
        match state {
            State::Unmade => Self::Unspecified,
            State::Held => Self::Held,
            State::Committed => Self::Committed,
            State::Released => Self::Released,
            State::Expired => Self::Expired,
            State::Restocked => Self::Restocked,
        }
    }
}

impl From<Reason> for wire::StockReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Received => Self::Received,
            Reason::Returned => Self::Returned,
            Reason::WrittenOff => Self::WrittenOff,
            Reason::Correction => Self::Correction,
            Reason::Reserved => Self::Reserved,
            Reason::Released => Self::Released,
            Reason::Sold => Self::Sold,
            Reason::Restocked => Self::Restocked,
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
            assert_eq!(i32::from(state.to_value()), wire::ReservationState::from(state) as i32);
        }
        for reason in Reason::iter() {
            assert_eq!(i32::from(reason.to_value()), wire::StockReason::from(reason) as i32);
        }
    }
}
