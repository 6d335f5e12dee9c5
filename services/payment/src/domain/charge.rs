//! A charge: what a payment is at its provider.

use kit::{
    Money, Time,
    id::{OrderId, PaymentId, UserId},
};

/// What a provider can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The same key again is the same operation: what was lost may be sent again.
    pub idempotent: bool,
    /// It can be asked for the status of a charge.
    pub can_query: bool,
    pub can_void: bool,
    pub can_refund: bool,
    /// Refunds of less than all.
    pub partial_refund: bool,
    /// Waiting charges can be acknowledged.
    pub can_acknowledge: bool,
}

/// A charge as we know it.
#[derive(Debug, Clone)]
pub struct Charge {
    pub payment_id: PaymentId,
    pub order_id: OrderId,
    /// Who pays.
    pub user_id: UserId,
    pub payment_type: i32,
    /// The provider's own id; empty until it is known.
    pub reference: String,
    /// With the fee in it.
    pub amount: Money,
    pub fee: Money,
    /// One that the provider accepts.
    pub method: String,
    /// Whether the money is taken in the call that authorises it, where the provider can.
    pub capture: bool,
    /// When the payment was made.
    pub create_time: Time,
}

/// The status of a charge at its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeStatus {
    /// The provider is still at work.
    Processing,
    /// It waits: for an action of the customer, whose URL the provider's client makes from `action`, or for an
    /// acknowledgement.
    Waiting {
        action: String,
    },
    Authorized,
    Captured,
    Declined {
        reason: String,
    },
    Voided,
}

/// A charge as its provider reported it at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeSnapshot {
    pub reference: String,
    pub status: ChargeStatus,
    /// How much is authorised, captured, or refunded by the refund that was answered, where the provider says so.
    pub amount: Option<Money>,
}

impl ChargeSnapshot {
    /// Without an amount.
    pub fn new(reference: impl Into<String>, status: ChargeStatus) -> Self {
        Self { reference: reference.into(), status, amount: None }
    }
}

/// Why an operation was not answered with a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Refused for good, with the provider's reason; the charge as it is, where the provider says so.
    Refused { reason: String, snapshot: Option<ChargeSnapshot> },
    /// It cannot have reached the provider, or was turned away unread: nothing happened.
    NotSent { problem: String },
    /// It may have happened: the answer was lost, late or unreadable.
    Unknown { problem: String },
}

/// What an operation came to.
pub type Outcome = Result<ChargeSnapshot, Failure>;
