//! The tables. Queries are in the modules of the aggregates.

use kit::{
    Time,
    id::{DisputeFeeId, DisputeId, EntryId, OrderId, PaymentId, RefundId, UserId},
};

use crate::domain::{DisputeState, Operation, RefundState, State};

/// Payments, with their balance and the operation under way.
pub mod payment {
    use sea_orm::entity::prelude::*;

    use super::{Operation, OrderId, PaymentId, State, Time, UserId};

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
        /// Whether the call that authorises it takes the money. Stored, because whoever sends that call again under
        /// its key must send the same.
        pub capture: bool,
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
        /// What staff should look at; see [`Flags`](crate::domain::Flags).
        pub flags: String,
        /// What was asked for, where the provider authorised or captured something else: that is the amount then.
        pub asked_minor: Option<i64>,
        pub asked_currency: Option<String>,
        /// What banks have withdrawn.
        pub disputed_minor: i64,
        /// The operation under way; while the state is UNKNOWN, the one whose answer was lost.
        pub operation: Option<Operation>,
        /// What becomes of `failure_reason` when the operation is a void and succeeds.
        pub operation_reason: String,
        /// The idempotency claim that the operation's end answers.
        pub operation_claim: Option<String>,
        /// How often in a row its provider was queried without a result.
        pub attempts: i32,
        /// When it is due: at the end of the lease while an operation is under way. Never, if empty.
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
}

/// A payment's history: a row for every state that it came to and every flag, numbered from 1 without gaps.
pub mod payment_event {
    use sea_orm::entity::prelude::*;

    use super::{PaymentId, State, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub payment_id: PaymentId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub sequence: i32,
        pub state: State,
        /// A user's id or a service's name.
        pub actor: String,
        pub note: String,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Refunds.
pub mod refund {
    use sea_orm::entity::prelude::*;

    use super::{PaymentId, RefundId, RefundState, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "refunds")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: RefundId,
        pub payment_id: PaymentId,
        pub amount_minor: i64,
        pub currency: String,
        pub state: RefundState,
        /// The caller's reason.
        pub reason: String,
        /// The provider's reason, where it failed.
        pub failure_reason: String,
        /// The idempotency claim that its end answers.
        pub claim: Option<String>,
        /// The provider refunds nothing; somebody does, and this is the record of it.
        pub by_hand: bool,
        /// It was made at the provider, not here.
        pub at_provider: bool,
        /// It FAILED after it had SUCCEEDED.
        pub came_back: bool,
        pub attempts: i32,
        /// When it is due; see the payment's.
        pub next_poll_time: Option<Time>,
        /// The fencing number; see the payment's.
        pub version: i64,
        pub create_time: Time,
        pub update_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Disputes.
pub mod dispute {
    use sea_orm::entity::prelude::*;

    use super::{DisputeId, DisputeState, PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "disputes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: DisputeId,
        pub payment_id: PaymentId,
        pub provider_reference: String,
        pub amount_minor: i64,
        pub currency: String,
        pub state: DisputeState,
        /// The provider's reason.
        pub reason: String,
        /// An event reported it.
        pub was_withdrawn: bool,
        pub was_reinstated: bool,
        /// The bank has the money, in our books.
        pub withdrawn: bool,
        pub create_time: Time,
        pub update_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Fees for disputes. Each event shows all that there are by then: a unique index over dispute and reference makes each count
/// once.
pub mod dispute_fee {
    use sea_orm::entity::prelude::*;

    use super::{DisputeFeeId, DisputeId, PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "dispute_fees")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: DisputeFeeId,
        pub dispute_id: DisputeId,
        pub payment_id: PaymentId,
        /// The provider's id of its own booking.
        pub provider_reference: String,
        /// What the provider took; negative, what it gave back.
        pub amount_minor: i64,
        pub currency: String,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Sides of movements of money. A unique index over transaction, account and amount books a movement once, each way.
pub mod ledger_entry {
    use sea_orm::entity::prelude::*;

    use super::{DisputeId, EntryId, PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger_entries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: EntryId,
        /// The payment's id for its capture, the refund's for a refund and for its coming back, the dispute's, its
        /// fee's: one movement cannot be booked twice.
        pub transaction_id: Uuid,
        pub payment_id: PaymentId,
        pub account: String,
        pub amount_minor: i64,
        pub currency: String,
        /// The transaction is a dispute's.
        pub dispute: bool,
        /// The dispute that the transaction is a fee of.
        pub dispute_id: Option<DisputeId>,
        /// The provider's id of that fee.
        pub provider_reference: String,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Events of providers that were applied. The primary key makes each count once.
pub mod provider_event {
    use sea_orm::entity::prelude::*;

    use super::{PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "provider_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        /// The provider's id of the event.
        #[sea_orm(primary_key, auto_increment = false)]
        pub event_id: String,
        pub payment_id: PaymentId,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
