//! Where an order can go from where it is.

use std::fmt;

/// An order's state; stored as its number in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum State {
    Open = 1,
    CheckingOut = 2,
    AwaitingPayment = 3,
    Paid = 4,
    Shipped = 5,
    Delivered = 6,
    Cancelled = 7,
    Expired = 8,
}

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its customer checks it out.
    CheckOut,
    /// Stock, price or article refused the checkout of a basket.
    Refuse,
    /// The same for an order that was placed in one call.
    Reject,
    /// Its stock is reserved.
    Reserve,
    /// It is paid and its stock is sold.
    Pay,
    Ship,
    Deliver,
    /// Its customer, staff, or the erasure of its customer ends it; or stock that was paid for is gone.
    Cancel,
    /// It was not paid in time.
    Expire,
    /// Its customer takes it back before it is paid.
    Reopen,
}

/// The order is in a state that forbids it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the order is {state}")]
pub struct Illegal {
    pub state: State,
}

impl State {
    /// The transition table.
    pub fn next(self, event: Event) -> Result<State, Illegal> {
        use {Event::*, State::*};
        match (self, event) {
            (Open, CheckOut) => Ok(CheckingOut),
            (CheckingOut, Refuse) => Ok(Open),
            (CheckingOut, Reject) => Ok(Cancelled),
            (CheckingOut, Reserve) => Ok(AwaitingPayment),
            (AwaitingPayment, CheckOut) => Ok(AwaitingPayment),
            (AwaitingPayment, Pay) => Ok(Paid),
            (AwaitingPayment, Expire) => Ok(Expired),
            (AwaitingPayment, Reopen) => Ok(Open),
            (Paid, Ship) => Ok(Shipped),
            (Shipped, Deliver) => Ok(Delivered),
            (Open | CheckingOut | AwaitingPayment | Paid, Cancel) => Ok(Cancelled),
            _ => Err(Illegal { state: self }),
        }
    }

    /// Its name, as the contract has it but for the prefix.
    pub fn word(self) -> &'static str {
        match self {
            State::Open => "OPEN",
            State::CheckingOut => "CHECKING_OUT",
            State::AwaitingPayment => "AWAITING_PAYMENT",
            State::Paid => "PAID",
            State::Shipped => "SHIPPED",
            State::Delivered => "DELIVERED",
            State::Cancelled => "CANCELLED",
            State::Expired => "EXPIRED",
        }
    }

    /// No way leads out of it.
    pub fn is_final(self) -> bool {
        matches!(self, State::Delivered | State::Cancelled | State::Expired)
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            State::Open => "open",
            State::CheckingOut => "being checked out",
            State::AwaitingPayment => "awaiting payment",
            State::Paid => "paid",
            State::Shipped => "shipped",
            State::Delivered => "delivered",
            State::Cancelled => "cancelled",
            State::Expired => "expired",
        })
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    const EVENTS: [Event; 10] = [
        Event::CheckOut,
        Event::Refuse,
        Event::Reject,
        Event::Reserve,
        Event::Pay,
        Event::Ship,
        Event::Deliver,
        Event::Cancel,
        Event::Expire,
        Event::Reopen,
    ];

    #[test]
    fn every_pair_of_state_and_event_goes_where_the_table_says() {
        use State::*;
        // A row a state, a column an event in the order of EVENTS.
        let table: [(State, [Option<State>; 10]); 8] = [
            (Open, [Some(CheckingOut), None, None, None, None, None, None, Some(Cancelled), None, None]),
            (
                CheckingOut,
                [
                    None,
                    Some(Open),
                    Some(Cancelled),
                    Some(AwaitingPayment),
                    None,
                    None,
                    None,
                    Some(Cancelled),
                    None,
                    None,
                ],
            ),
            (
                AwaitingPayment,
                [
                    Some(AwaitingPayment),
                    None,
                    None,
                    None,
                    Some(Paid),
                    None,
                    None,
                    Some(Cancelled),
                    Some(Expired),
                    Some(Open),
                ],
            ),
            (Paid, [None, None, None, None, None, Some(Shipped), None, Some(Cancelled), None, None]),
            (Shipped, [None, None, None, None, None, None, Some(Delivered), None, None, None]),
            (Delivered, [None; 10]),
            (Cancelled, [None; 10]),
            (Expired, [None; 10]),
        ];
        assert_eq!(table.len(), State::iter().count());
        for (state, row) in table {
            for (event, expected) in EVENTS.into_iter().zip(row) {
                assert_eq!(state.next(event).ok(), expected, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn nothing_leads_out_of_a_final_state_and_something_out_of_every_other() {
        for state in State::iter() {
            let leads_out = EVENTS.into_iter().any(|event| state.next(event).is_ok());
            assert_eq!(leads_out, !state.is_final(), "{state:?}");
        }
    }
}
