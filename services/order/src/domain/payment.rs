//! What an order knows of a payment.

use kit::{
    Money, Time,
    id::{OrderId, PaymentId},
};

/// A payment's state; stored as its number in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum PaymentState {
    /// One that this version does not know: undecided, as far as it can tell.
    Unrecognized = 0,
    Pending = 1,
    Processing = 2,
    Authorized = 3,
    Captured = 4,
    PartiallyRefunded = 5,
    Refunded = 6,
    Declined = 7,
    Voided = 8,
    /// The provider's answer was lost.
    Unknown = 9,
}

impl PaymentState {
    /// Payments in these states hold no money and never will.
    pub const WITHOUT_MONEY: [Self; 3] = [Self::Declined, Self::Voided, Self::Refunded];

    /// Whether a payment in this state holds or may come to hold money.
    pub fn is_live(self) -> bool {
        !Self::WITHOUT_MONEY.contains(&self)
    }

    /// What callers are told where a payment has no better reason to have failed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unrecognized => "UNSPECIFIED",
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

/// A payment as the payment service says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub id: PaymentId,
    pub order_id: OrderId,
    pub state: PaymentState,
    /// What the provider took. The currency of these is the provider's, which may be another than the order's.
    pub captured: Option<Money>,
    pub refunded: Option<Money>,
    pub refund_pending: Option<Money>,
    /// What is wrong with it, by the contract's words.
    pub flags: Vec<String>,
    pub failure_reason: String,
    /// Where its customer goes on, while it waits for its customer.
    pub action_url: String,
    /// Which of two answers is the newer one.
    pub update_time: Time,
}

impl Payment {
    /// One of which nothing is known but its state.
    #[cfg(test)]
    pub fn in_state(state: PaymentState) -> Self {
        use kit::id::Id;
        Self {
            id: PaymentId::new(),
            order_id: OrderId::new(),
            state,
            captured: None,
            refunded: None,
            refund_pending: None,
            flags: Vec::new(),
            failure_reason: String::new(),
            action_url: String::new(),
            update_time: Time(0),
        }
    }
}
