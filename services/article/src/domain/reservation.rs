//! The states of a reservation.

use sea_orm::{DeriveActiveEnum, EnumIter};

/// Where a reservation stands. The numbers are the contract's and the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum State {
    /// Nothing was reserved, and nothing says that it must not be. Never stored.
    Unmade = 0,
    /// Stock is set aside.
    Held = 1,
    /// Stock is sold.
    Committed = 2,
    /// Given back, or never to be made.
    Released = 3,
    /// Given back by its time limit.
    Expired = 4,
    /// Sold, then given back.
    Restocked = 5,
}

/// What can happen to a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter)]
pub enum Event {
    Reserve,
    Renew,
    Commit,
    Release,
    Restock,
    /// Its time is over.
    Expire,
}

/// An event that its state forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Illegal(pub State);

impl State {
    /// The transition table.
    ///
    /// A repeat leaves the state as it is. An expired reservation can still be committed, if there is
    /// enough, until it is released: from then on its order has given it up.
    pub fn next(self, event: Event) -> Result<State, Illegal> {
        use {Event::*, State::*};
        match (self, event) {
            (Unmade, Reserve) => Ok(Held),
            (Held | Committed | Expired | Restocked, Reserve) => Ok(self),
            (Released, Reserve) => Err(Illegal(self)),

            (Held, Renew) => Ok(Held),
            (Unmade | Committed | Released | Expired | Restocked, Renew) => Err(Illegal(self)),

            (Held | Expired | Committed, Commit) => Ok(Committed),
            (Unmade | Released | Restocked, Commit) => Err(Illegal(self)),

            (Unmade | Held | Expired | Released, Release) => Ok(Released),
            (Committed | Restocked, Release) => Err(Illegal(self)),

            (Committed | Restocked, Restock) => Ok(Restocked),
            (Unmade | Held | Released | Expired, Restock) => Err(Illegal(self)),

            (Held, Expire) => Ok(Expired),
            (Unmade | Committed | Released | Expired | Restocked, Expire) => Err(Illegal(self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn every_pair_of_state_and_event_has_its_outcome() {
        use {Event::*, State::*};
        // Rows are states, columns events; `None` is illegal.
        let columns = [Reserve, Renew, Commit, Release, Restock, Expire];
        let table = [
            (Unmade, [Some(Held), None, None, Some(Released), None, None]),
            (Held, [Some(Held), Some(Held), Some(Committed), Some(Released), None, Some(Expired)]),
            (Committed, [Some(Committed), None, Some(Committed), None, Some(Restocked), None]),
            (Released, [None, None, None, Some(Released), None, None]),
            (Expired, [Some(Expired), None, Some(Committed), Some(Released), None, None]),
            (Restocked, [Some(Restocked), None, None, None, Some(Restocked), None]),
        ];
        assert_eq!(State::iter().collect::<Vec<_>>(), table.map(|row| row.0));
        assert_eq!(Event::iter().collect::<Vec<_>>(), columns);
        for (state, outcomes) in table {
            for (event, outcome) in columns.into_iter().zip(outcomes) {
                assert_eq!(state.next(event), outcome.ok_or(Illegal(state)), "{state:?} {event:?}");
            }
        }
    }
}
