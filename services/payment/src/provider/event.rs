//! Events: what a provider reports by itself, by webhook or in its record of events.

use axum::http::HeaderMap;
use kit::{
    Money,
    id::{PaymentId, RefundId},
};

use crate::domain::{ChargeSnapshot, DisputeState, Fee, Moved};

/// An event of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderEvent {
    /// The provider's id of it, the same however often it is delivered; at most [`LONGEST_ID`] characters.
    pub id: String,
    pub subject: Subject,
    pub content: Content,
}

/// How far a provider's record of events was read: its id of the last event read, for each part of the record that is
/// read by itself. `None`, where none was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor(pub Vec<Option<String>>);

/// A part of a provider's record of events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventPage {
    /// What is understood of them, the oldest first.
    pub events: Vec<ProviderEvent>,
    /// How far it is read by now, whether or not what was read is understood.
    pub cursor: Cursor,
    /// There are more after that.
    pub more: bool,
}

/// The payment that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Payment(PaymentId),
    /// The one that has this reference; where none has, it is about nothing of ours.
    Reference(String),
}

/// The longest id of an event, in characters.
pub const LONGEST_ID: usize = 150;

/// What an event says. None of it need be the newest: events are late, repeated and out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The charge when the event was made.
    Charge(ChargeSnapshot),
    /// What became of a refund: how much was refunded, where the provider says so; refused for good, with the
    /// provider's reason, where it is an error.
    Refund {
        id: RefundId,
        outcome: Result<Option<Money>, String>,
    },
    /// So much of the charge is refunded by now in all, by refunds that were made at the provider, too.
    RefundedTotal(Money),
    /// A refund that was made at the provider failed after it had succeeded.
    RefundReturned(Money),
    Dispute(DisputeSnapshot),
    /// Something happened to the charge; a query tells what.
    Reconcile,
}

/// A dispute when an event was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeSnapshot {
    /// The provider's id of it.
    pub reference: String,
    pub amount: Money,
    pub state: DisputeState,
    pub reason: String,
    pub moved: Option<Moved>,
    /// All that there were.
    pub fees: Vec<Fee>,
}

/// Why a webhook is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("this provider sends no events")]
    NoEvents,
    /// Not signed by the provider.
    #[error("the event's signature is missing or wrong")]
    Forged,
    /// Signed, but not now: a replay, or a clock that is wrong.
    #[error("the event's signature is too old, or from the future")]
    Stale,
    /// Signed, but not what we understand.
    #[error("the event cannot be read: {0}")]
    Unreadable(String),
}

/// The only value of a header.
pub fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Rejection> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Rejection::Forged),
        _ => Err(Rejection::Forged),
    }
}
