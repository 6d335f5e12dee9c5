//! The transition table of payments.

use sea_orm::{DeriveActiveEnum, EnumIter};

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

/// The state of a payment; see the contract, whose numbers are the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum State {
    Pending = 1,
    Processing = 2,
    Authorized = 3,
    Captured = 4,
    PartiallyRefunded = 5,
    Refunded = 6,
    Declined = 7,
    Voided = 8,
    Unknown = 9,
}

impl State {
    /// Its name, as the contract has it but for the prefix.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Processing => "PROCESSING",
            Self::Authorized => "AUTHORIZED",
            Self::Captured => "CAPTURED",
            Self::PartiallyRefunded => "PARTIALLY_REFUNDED",
            Self::Refunded => "REFUNDED",
            Self::Declined => "DECLINED",
            Self::Voided => "VOIDED",
            Self::Unknown => "UNKNOWN",
        }
    }
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

/// What a provider is asked to do with a payment; stored as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Operation {
    Authorize = 1,
    Capture = 2,
    Void = 3,
    Acknowledge = 4,
}

/// The state of a refund. The numbers are the contract's and the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum RefundState {
    Pending = 1,
    Succeeded = 2,
    Failed = 3,
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
    use sea_orm::Iterable;

    use super::*;

    /// What each state takes and what it becomes; what is not here is illegal.
    const TABLE: [(State, &[(Event, State)]); 9] = {
        use State::*;
        [
            (Pending, &[(Event::Begun, Processing), (Event::Voided, Voided)]),
            (Processing, UNDER_WAY),
            (
                Authorized,
                &[
                    (Event::Authorized, Authorized),
                    (Event::Captured, Captured),
                    (Event::Voided, Voided),
                    (Event::AnswerLost, Unknown),
                ],
            ),
            (Captured, &[(Event::RefundedInPart, PartiallyRefunded), (Event::RefundedInFull, Refunded)]),
            (
                PartiallyRefunded,
                &[
                    (Event::RefundedInPart, PartiallyRefunded),
                    (Event::RefundedInFull, Refunded),
                    (Event::RefundReturnedInPart, PartiallyRefunded),
                    (Event::RefundReturnedInFull, Captured),
                ],
            ),
            (
                Refunded,
                &[(Event::RefundReturnedInPart, PartiallyRefunded), (Event::RefundReturnedInFull, Captured)],
            ),
            (Declined, &[(Event::Captured, Captured)]),
            (Voided, &[(Event::Captured, Captured)]),
            (Unknown, UNDER_WAY),
        ]
    };
    /// Of a payment whose provider is at work, or whose answer was lost: anything may come of it.
    const UNDER_WAY: &[(Event, State)] = &[
        (Event::Waiting, State::Processing),
        (Event::Authorized, State::Authorized),
        (Event::Captured, State::Captured),
        (Event::Declined, State::Declined),
        (Event::Voided, State::Voided),
        (Event::AnswerLost, State::Unknown),
    ];

    #[test]
    fn every_state_takes_the_events_of_the_table_and_no_others() {
        assert!(State::iter().eq(TABLE.iter().map(|row| row.0)));
        for (state, row) in TABLE {
            for event in Event::iter() {
                let becomes = row.iter().find(|(taken, _)| *taken == event).map(|(_, becomes)| *becomes);
                assert_eq!(state.next(event), becomes.ok_or(Illegal { state, event }), "{state:?} {event:?}");
            }
        }
    }
}
