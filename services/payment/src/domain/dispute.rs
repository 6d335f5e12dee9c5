//! Disputes: what events report of one, in any order, and who has its money.

use std::collections::HashSet;

use kit::Money;
use sea_orm::{DeriveActiveEnum, EnumIter};

/// The state of a dispute. The numbers are the contract's and the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum DisputeState {
    Open = 1,
    Won = 2,
    Lost = 3,
}

/// Which way a dispute's money went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    Withdrawn,
    Reinstated,
}

/// What is known of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisputeRecord {
    pub state: DisputeState,
    pub was_withdrawn: bool,
    pub was_reinstated: bool,
}

impl DisputeRecord {
    /// What is known after an event. An end stays one, whatever comes late.
    pub fn after(mut self, state: DisputeState, moved: Option<Moved>) -> Self {
        if self.state == DisputeState::Open {
            self.state = state;
        }
        match moved {
            Some(Moved::Withdrawn) => self.was_withdrawn = true,
            Some(Moved::Reinstated) => self.was_reinstated = true,
            None => {}
        }
        self
    }

    /// Whether the bank has the money now. The end of a dispute decides for good, whether or not its movements were
    /// reported.
    pub fn is_withdrawn(self) -> bool {
        match self.state {
            DisputeState::Open => self.was_withdrawn && !self.was_reinstated,
            DisputeState::Won => false,
            DisputeState::Lost => true,
        }
    }
}

/// What the provider took for a dispute by one of its own bookings; what it gave back of that, where it is negative.
/// Its currency is that of the shop's account there, whatever the payment's is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fee {
    /// The provider's id of the booking, which never changes: a fee counts once by it.
    pub reference: String,
    pub amount: Money,
}

/// Which of the fees that an event shows are to be booked: those that move money and are not booked yet. Every event
/// of a dispute shows the bookings that there were when it was made, so the order of delivery does not matter.
pub fn unbooked(shown: Vec<Fee>, booked: &HashSet<String>) -> Vec<Fee> {
    let mut seen = booked.clone();
    shown.into_iter().filter(|fee| fee.amount.minor != 0 && seen.insert(fee.reference.clone())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The events of one dispute, in any order and any number of times, end where they end in order.
        #[test]
        fn the_order_of_delivery_does_not_matter(
            won: bool,
            order in Just(vec![0usize, 1, 2, 3, 0, 1, 2, 3]).prop_shuffle(),
        ) {
            use DisputeState::{Lost, Open, Won};
            let nothing = DisputeRecord { state: Open, was_withdrawn: false, was_reinstated: false };
            let end = if won { Won } else { Lost };
            let back = won.then_some(Moved::Reinstated);
            let events = [(Open, None), (Open, Some(Moved::Withdrawn)), (end, None), (end, back)];
            let known = order.into_iter().fold(nothing, |known, which| {
                let (state, moved) = events[which];
                known.after(state, moved)
            });
            prop_assert_eq!((known.state, known.is_withdrawn()), (end, !won));
        }

        /// Each event shows some of a dispute's bookings, in any order and any number of times. In the end each
        /// booking that costs something counts once.
        #[test]
        fn each_fee_is_booked_once_in_whatever_order_events_come(
            amounts in prop::collection::vec(-3_000i64..3_000, 1..5),
            mut events in prop::collection::vec(prop::collection::vec(0usize..5, 0..6), 0..8),
        ) {
            events.push((0..amounts.len()).collect());
            let fee = |place: usize| Fee {
                reference: format!("txn_{place}"),
                amount: Money::new(amounts[place], ["USD", "EUR"][place % 2].parse().unwrap()),
            };
            let mut booked = HashSet::new();
            let mut ledger = Vec::new();
            for event in events {
                let shown = event.into_iter().filter(|place| *place < amounts.len()).map(fee).collect();
                for fee in unbooked(shown, &booked) {
                    prop_assert!(booked.insert(fee.reference.clone()));
                    ledger.push(fee);
                }
            }
            ledger.sort_by(|one, other| one.reference.cmp(&other.reference));
            let all: Vec<Fee> = (0..amounts.len()).map(fee).filter(|fee| fee.amount.minor != 0).collect();
            prop_assert_eq!(ledger, all);
        }
    }
}
