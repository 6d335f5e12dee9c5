//! A payment's row.

use kit::{
    Fault, Money, Time,
    id::{OrderId, PaymentId, UserId},
};
use sea_orm::entity::prelude::*;

use crate::{
    domain::{Balance, Flag, Flags, Operation, State},
    provider::Charge,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentId,
    pub order_id: OrderId,
    pub user_id: UserId,
    pub state: State,
    pub payment_type: i32,
    pub provider: String,
    pub method: String,
    pub currency: String,
    pub amount_minor: i64,
    pub fee_minor: i64,
    pub authorized_minor: i64,
    pub captured_minor: i64,
    pub voided_minor: i64,
    pub refunded_minor: i64,
    pub refund_pending_minor: i64,
    pub failure_reason: String,
    /// What the provider's action URL is made from.
    pub action: String,
    pub provider_reference: String,
    /// What staff should look at; see [`Flags`].
    pub flags: String,
    /// What was asked for, where the provider held or took something else: that is the amount then.
    pub asked_minor: Option<i64>,
    pub asked_currency: Option<String>,
    /// What banks have taken back.
    pub disputed_minor: i64,
    /// The operation under way; while the state is UNKNOWN, the one whose answer was lost.
    pub operation: Option<Operation>,
    /// What becomes of `failure_reason` when the operation is a void and succeeds.
    pub operation_reason: String,
    /// The idempotency claim that the operation's end answers.
    pub operation_claim: Option<String>,
    /// How often in a row its provider was asked in vain.
    pub attempts: i32,
    /// When somebody must look after it: at the end of the lease while an operation is under way. Never,
    /// if empty.
    pub next_poll_time: Option<Time>,
    /// Of its history.
    pub last_sequence: i32,
    /// Raised by every change. It is the fencing number too: whoever carries out an operation records its
    /// outcome only if the version is still the one it began with.
    pub version: i64,
    pub create_time: Time,
    pub update_time: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Whether an operation is under way, or about to be. Its end is a matter of time.
    pub fn is_under_way(&self) -> bool {
        match self.state {
            State::Pending => true,
            State::Unknown => false,
            _ => self.operation.is_some(),
        }
    }

    pub fn balance(&self) -> Balance {
        Balance {
            amount: self.amount_minor,
            authorized: self.authorized_minor,
            captured: self.captured_minor,
            voided: self.voided_minor,
            refunded: self.refunded_minor,
            refund_pending: self.refund_pending_minor,
        }
    }

    pub fn set_balance(&mut self, balance: Balance) {
        let Balance { amount, authorized, captured, voided, refunded, refund_pending } = balance;
        self.amount_minor = amount;
        self.authorized_minor = authorized;
        self.captured_minor = captured;
        self.voided_minor = voided;
        self.refunded_minor = refunded;
        self.refund_pending_minor = refund_pending;
    }

    /// An amount in the payment's currency.
    pub fn money(&self, minor: i64) -> Result<Money, Fault> {
        super::money(&self.id, minor, &self.currency)
    }

    pub fn flags(&self) -> Flags {
        self.flags.parse().unwrap_or_default()
    }

    /// Raises a flag, or takes it down.
    pub fn flag(&mut self, flag: Flag, on: bool) {
        let mut flags = self.flags();
        flags.set(flag, on);
        self.flags = flags.to_string();
    }

    /// What the provider was asked for.
    pub fn asked(&self) -> Result<Money, Fault> {
        match (self.asked_minor, &self.asked_currency) {
            (Some(minor), Some(currency)) => Self { currency: currency.clone(), ..self.clone() }.money(minor),
            _ => self.money(self.amount_minor),
        }
    }

    /// What its provider is told about it.
    pub fn charge(&self) -> Result<Charge, Fault> {
        Ok(Charge {
            payment_id: self.id,
            order_id: self.order_id,
            user_id: self.user_id,
            payment_type: self.payment_type,
            reference: self.provider_reference.clone(),
            amount: self.money(self.amount_minor)?,
            fee: self.money(self.fee_minor)?,
            method: self.method.clone(),
            create_time: self.create_time,
        })
    }
}
