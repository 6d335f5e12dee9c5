//! The tables, and the queries over them.

pub mod audit;
pub mod disputes;
pub mod entities;
pub mod journal;
pub mod lists;
pub mod payments;
pub mod provider_events;
pub mod refunds;

use kit::{Currency, Fault, Money};

pub use disputes::{Dispute, DisputeFee};
pub use payments::Payment;
pub use refunds::Refund;

/// An amount of a row. `what` names the row in the error, which only a currency that is none can cause.
pub fn money(what: &dyn std::fmt::Display, minor: i64, currency: &str) -> Result<Money, Fault> {
    let currency: Currency =
        currency.parse().map_err(|()| Fault::internal(format!("{what} has the currency {currency:?}")))?;
    Ok(Money::new(minor, currency))
}
