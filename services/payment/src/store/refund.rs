//! A refund's row.

use kit::{
    Time,
    id::{PaymentId, RefundId},
};
use sea_orm::entity::prelude::*;

use crate::domain::RefundState;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refunds")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RefundId,
    pub payment_id: PaymentId,
    pub amount_minor: i64,
    pub currency: String,
    pub state: RefundState,
    /// The caller's words.
    pub reason: String,
    /// The provider's word where it failed.
    pub failure_reason: String,
    /// The idempotency claim that its end answers.
    pub claim: Option<String>,
    /// The provider gives no money back; somebody does, and this is the record of it.
    pub by_hand: bool,
    /// It was made at the provider, without our asking.
    pub at_provider: bool,
    /// It FAILED after it had SUCCEEDED.
    pub came_back: bool,
    pub attempts: i32,
    /// When somebody must look after it; see the payment's.
    pub next_poll_time: Option<Time>,
    /// The fencing number; see the payment's.
    pub version: i64,
    pub create_time: Time,
    pub update_time: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
