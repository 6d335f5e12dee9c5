//! The transition table of payments.

use sea_orm::{DeriveActiveEnum, EnumIter, prelude::StringLen};

impl State {
    /// What follows from an event. What is not in the table is illegal.
    pub fn next(self, event: Event) -> Result<State, Illegal> {
        use State::*;
        match (self, event) {
            (Pending, Event::Begun) => Ok(Processing),
            (Processing | Unknown, Event::Waiting) => Ok(Processing),
            (Processing | Authorized | Unknown, Event::Authorized) => Ok(Authorized),
            // A voided or declined payment that the provider captures all the same is CAPTURED: then it is refunded.
            (Processing | Authorized | Unknown | Declined | Voided, Event::Captured) => Ok(Captured),
            (Processing | Unknown, Event::Declined) => Ok(Declined),
            (Pending | Processing | Authorized | Unknown, Event::Voided) => Ok(Voided),
            (Processing | Authorized | Unknown, Event::AnswerLost) => Ok(Unknown),
            (Captured | PartiallyRefunded, Event::RefundedInPart) => Ok(PartiallyRefunded),
            (Captured | PartiallyRefunded, Event::RefundedInFull) => Ok(Refunded),
            (PartiallyRefunded | Refunded, Event::RefundReturnedInPart) => Ok(PartiallyRefunded),
            (PartiallyRefunded | Refunded, Event::RefundReturnedInFull) => Ok(Captured),
            (state, event) => Err(Illegal { state, event }),
        }
    }
}

/// The state of a payment; see the contract.
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
    Begun,
    /// The provider waits, for the customer or for an acknowledgement, or is still at work.
    Waiting,
    Authorized,
    Captured,
    Declined,
    Voided,
    /// An answer was lost.
    AnswerLost,
    RefundedInPart,
    RefundedInFull,
    /// A refund failed after it had succeeded, another one stands.
    RefundReturnedInPart,
    /// The same, and no other one stands.
    RefundReturnedInFull,
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

/// The state of a refund.
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
    /// The states that the contract calls pending: money may still move without a new operation.
    pub const OPEN: [State; 4] = [State::Pending, State::Processing, State::Authorized, State::Unknown];

    /// Whether the money is or was the shop's.
    pub fn is_captured(self) -> bool {
        matches!(self, State::Captured | State::PartiallyRefunded | State::Refunded)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveEnum as _, Iterable};

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
                let expected =
                    State::iter().find(|to| to.to_value() == expected).ok_or(Illegal { state, event });
                assert_eq!(state.next(event), expected, "{state:?} {event:?}");
            }
        }
    }
}
