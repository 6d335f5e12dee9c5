//! The tables.

/// Orders.
pub mod order;

/// Lines.
pub mod line {
    use kit::id::{ArticleId, LineId, OrderId};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_lines")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: LineId,
        pub order_id: OrderId,
        pub article_id: ArticleId,
        pub code: String,
        pub name: String,
        pub quantity: i32,
        pub unit_price_minor: i64,
        pub currency: String,
        pub tax_rate_basis_points: i32,
        /// Units that came back after they were sold.
        pub returned: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Adjustments of the total.
pub mod adjustment {
    use kit::id::{AdjustmentId, OrderId};
    use sea_orm::entity::prelude::*;

    use crate::domain::AdjustmentKind;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_adjustments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: AdjustmentId,
        pub order_id: OrderId,
        pub kind: AdjustmentKind,
        pub label: String,
        /// What it comes to, in the order's currency.
        pub amount_minor: i64,
        pub currency: String,
        /// What was given.
        pub given_minor: i64,
        pub given_currency: String,
        /// Made by the shop's configuration, not by staff.
        pub automatic: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What happened to orders.
pub mod event {
    use kit::{Time, id::OrderId};
    use sea_orm::entity::prelude::*;

    use crate::domain::State;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub order_id: OrderId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub sequence: i64,
        pub state: State,
        pub actor: String,
        pub note: String,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What users have bought: the articles of their paid orders.
pub mod purchase {
    use kit::{
        Time,
        id::{ArticleId, UserId},
    };
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_purchases")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: UserId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub article_id: ArticleId,
        /// As bought last.
        pub code: String,
        /// As bought last.
        pub name: String,
        /// Units of all orders together.
        pub quantity: i64,
        /// When the last of the orders was placed.
        pub last_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The payments that orders had made, and which of them are to be compensated.
pub mod payment {
    use kit::{
        Time,
        id::{OrderId, PaymentId},
    };
    use sea_orm::entity::prelude::*;

    use crate::domain::PaymentState;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_payments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub payment_id: PaymentId,
        pub order_id: OrderId,
        /// As last known.
        pub state: PaymentState,
        /// What was given back of it by then.
        pub refunded_minor: i64,
        /// The payment's update time at that: what is older is a stale update.
        pub seen_time: Time,
        /// To be voided or refunded.
        #[sea_orm(column_name = "undo")]
        pub to_compensate: bool,
        /// Could not be compensated: staff must see to it.
        pub flagged: bool,
        pub next_try: Time,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The reservations that orders asked for, and which of them are to be compensated.
pub mod reservation {
    use kit::{Time, id::OrderId};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_reservations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub order_id: OrderId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub attempt: i32,
        /// To be released or restocked.
        #[sea_orm(column_name = "undo")]
        pub to_compensate: bool,
        pub next_try: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Mails to shoppers.
pub mod mail {
    use kit::{
        Time,
        id::{OrderId, PaymentId},
    };
    use sea_orm::entity::prelude::*;

    use crate::domain::{MailKind, MailState};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_mails")]
    pub struct Model {
        /// Names the event: the same event is the same row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub order_id: OrderId,
        pub kind: MailKind,
        /// Of a refund: the payment, what had gone back of it by then in all, and what of that by this refund.
        pub payment_id: Option<PaymentId>,
        pub refunded_minor: i64,
        pub amount_minor: i64,
        pub currency: Option<String>,
        pub state: MailState,
        pub tries: i32,
        /// When it is due; while it is claimed, when the claim ends.
        pub next_try: Time,
        /// The claim of who sends it; empty while nobody does.
        pub claim: String,
        /// Why it was not sent the last time.
        pub problem: String,
        /// When the event happened.
        pub create_time: Time,
        pub update_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
