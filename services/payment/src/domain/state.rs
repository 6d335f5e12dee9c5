//! The transition table of payments.

use contracts::payment as wire;
use sea_orm::{DeriveActiveEnum, EnumIter, prelude::StringLen};

/// What follows from an event. What is not in the table is illegal.
pub fn next(state: State, event: Event) -> Result<State, Illegal> {
    use State::*;
    match (state, event) {
        (Pending, Event::Began) => Ok(Processing),
        (Processing | Unknown, Event::Waits) => Ok(Processing),
        (Processing | Authorized | Unknown, Event::Authorized) => Ok(Authorized),
        // What was given up or declined is taken all the same, should the provider do so: then it is given back.
        (Processing | Authorized | Unknown | Declined | Voided, Event::Captured) => Ok(Captured),
        (Processing | Unknown, Event::Declined) => Ok(Declined),
        (Pending | Processing | Authorized | Unknown, Event::Voided) => Ok(Voided),
        (Processing | Authorized | Unknown, Event::Lost) => Ok(Unknown),
        (Captured | PartiallyRefunded, Event::RefundedInPart) => Ok(PartiallyRefunded),
        (Captured | PartiallyRefunded, Event::RefundedWhole) => Ok(Refunded),
        (PartiallyRefunded | Refunded, Event::CameBackInPart) => Ok(PartiallyRefunded),
        (PartiallyRefunded | Refunded, Event::CameBackWhole) => Ok(Captured),
        (state, event) => Err(Illegal { state, event }),
    }
}

/// Where a payment stands; see the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))")]
pub enum State {
    #[sea_orm(string_value = "PENDING")]
    Pending,
    #[sea_orm(string_value = "PROCESSING")]
    Processing,
    #[sea_orm(string_value = "AUTHORIZED")]
    Authorized,
    #[sea_orm(string_value = "CAPTURED")]
    Captured,
    #[sea_orm(string_value = "PARTIALLY_REFUNDED")]
    PartiallyRefunded,
    #[sea_orm(string_value = "REFUNDED")]
    Refunded,
    #[sea_orm(string_value = "DECLINED")]
    Declined,
    #[sea_orm(string_value = "VOIDED")]
    Voided,
    #[sea_orm(string_value = "UNKNOWN")]
    Unknown,
}

/// What can happen to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter)]
pub enum Event {
    /// Its provider is about to be called.
    Began,
    /// The provider waits, for the customer or for an acknowledgement, or is still at work.
    Waits,
    Authorized,
    Captured,
    Declined,
    Voided,
    /// An answer was lost.
    Lost,
    RefundedInPart,
    RefundedWhole,
    /// A refund failed after it had succeeded, another one stands.
    CameBackInPart,
    /// The same, and none stands.
    CameBackWhole,
}

/// An event that a state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payment in state {state:?} takes no {event:?}")]
pub struct Illegal {
    pub state: State,
    pub event: Event,
}

/// What a provider is asked to do with a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))")]
pub enum Operation {
    #[sea_orm(string_value = "AUTHORIZE")]
    Authorize,
    #[sea_orm(string_value = "CAPTURE")]
    Capture,
    #[sea_orm(string_value = "VOID")]
    Void,
    #[sea_orm(string_value = "ACKNOWLEDGE")]
    Acknowledge,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))")]
pub enum RefundState {
    #[sea_orm(string_value = "PENDING")]
    Pending,
    #[sea_orm(string_value = "SUCCEEDED")]
    Succeeded,
    #[sea_orm(string_value = "FAILED")]
    Failed,
}

impl State {
    /// The states that the contract calls pending: money may still move by itself.
    pub const OPEN: [State; 4] = [State::Pending, State::Processing, State::Authorized, State::Unknown];

    /// Whether the money is or was the shop's.
    pub fn is_captured(self) -> bool {
        matches!(self, State::Captured | State::PartiallyRefunded | State::Refunded)
    }

    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        wire::PaymentState::from(self).as_str_name()
    }

    /// The state that the contract's enum means.
    pub fn of(state: wire::PaymentState) -> Option<State> {
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

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    /// A row per state, in the order of [`Event`]; `-` is illegal.
    const TABLE: [(State, [&str; 11]); 9] = {
        use State::*;
        [
            (Pending, ["PROCESSING", "-", "-", "-", "-", "VOIDED", "-", "-", "-", "-", "-"]),
            (
                Processing,
                [
                    "-",
                    "PROCESSING",
                    "AUTHORIZED",
                    "CAPTURED",
                    "DECLINED",
                    "VOIDED",
                    "UNKNOWN",
                    "-",
                    "-",
                    "-",
                    "-",
                ],
            ),
            (Authorized, ["-", "-", "AUTHORIZED", "CAPTURED", "-", "VOIDED", "UNKNOWN", "-", "-", "-", "-"]),
            (Captured, ["-", "-", "-", "-", "-", "-", "-", "PARTIALLY_REFUNDED", "REFUNDED", "-", "-"]),
            (
                PartiallyRefunded,
                [
                    "-",
                    "-",
                    "-",
                    "-",
                    "-",
                    "-",
                    "-",
                    "PARTIALLY_REFUNDED",
                    "REFUNDED",
                    "PARTIALLY_REFUNDED",
                    "CAPTURED",
                ],
            ),
            (Refunded, ["-", "-", "-", "-", "-", "-", "-", "-", "-", "PARTIALLY_REFUNDED", "CAPTURED"]),
            (Declined, ["-", "-", "-", "CAPTURED", "-", "-", "-", "-", "-", "-", "-"]),
            (Voided, ["-", "-", "-", "CAPTURED", "-", "-", "-", "-", "-", "-", "-"]),
            (
                Unknown,
                [
                    "-",
                    "PROCESSING",
                    "AUTHORIZED",
                    "CAPTURED",
                    "DECLINED",
                    "VOIDED",
                    "UNKNOWN",
                    "-",
                    "-",
                    "-",
                    "-",
                ],
            ),
        ]
    };

    #[test]
    fn every_state_takes_the_events_of_the_table_and_no_others() {
        assert!(State::iter().eq(TABLE.iter().map(|row| row.0)));
        for (state, row) in TABLE {
            for (event, expected) in Event::iter().zip(row) {
                let expected = State::iter()
                    .find(|to| to.name().strip_prefix("PAYMENT_STATE_") == Some(expected))
                    .ok_or(Illegal { state, event });
                assert_eq!(next(state, event), expected, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn states_survive_the_way_through_the_contract() {
        for state in State::iter() {
            assert_eq!(State::of(state.into()), Some(state));
        }
    }
}
