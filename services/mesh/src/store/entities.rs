//! The tables.

/// What happened, in one order.
pub mod event {
    use kit::{Time, id::EventId};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "events")]
    pub struct Model {
        /// Counts events from 1, without a gap.
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub id: EventId,
        /// The type as callers see it: `order.paid`.
        pub kind: String,
        /// The id of what it happened to.
        pub subject: String,
        /// Where that can be read by another's id alone: that id.
        pub parent: Option<String>,
        /// The role that told it, and the position in its feed.
        pub source: String,
        pub source_position: i64,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The one row that says how many events there have been. Its lock makes replicas take turns.
pub mod head {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_head")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Where events are handed on to.
pub mod outlet {
    use kit::Time;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_outlets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        /// Events up to here are handed on.
        pub position: i64,
        /// What they were handed on to: another stream is another target.
        pub target: String,
        /// They are to be handed on again, whatever the target has.
        pub replays: bool,
        /// The replica that does it, until the end of its lease.
        pub owner: String,
        /// Raised with each owner.
        pub fence: i64,
        pub lease_until: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Who is told of events.
pub mod webhook {
    use kit::{Time, id::WebhookId};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "webhooks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: WebhookId,
        pub url: String,
        /// Patterns of types, with blanks in between.
        pub types: String,
        pub description: String,
        pub disabled: bool,
        /// Why, unless somebody did it.
        pub disabled_reason: String,
        /// Nobody sees it any more; its deliveries are being deleted.
        pub deleted: bool,
        /// What signs, encrypted; and what signed before, until then.
        pub wrapped_secret: String,
        pub old_wrapped_secret: Option<String>,
        pub old_secret_until: Option<Time>,
        /// Counts what callers change.
        pub version: i64,
        /// Counts what whoever sends must read again.
        pub revision: i64,
        /// The last event for which a delivery was made, if its type was asked for.
        pub position: i64,
        /// How many deliveries there have been, and times that one was begun anew.
        pub sequences: i64,
        /// Since when nothing was taken, if so.
        pub failing_since: Option<Time>,
        /// The process that sends, and until when no other does.
        pub lease_owner: String,
        pub lease_until: Time,
        pub create_time: Time,
        pub update_time: Time,
    }

    impl std::fmt::Debug for Model {
        fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.debug_struct("Webhook")
                .field("id", &self.id)
                .field("version", &self.version)
                .finish_non_exhaustive()
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// One event for one webhook.
pub mod delivery {
    use kit::{
        Time,
        id::{DeliveryId, EventId, WebhookId},
    };
    use sea_orm::entity::prelude::*;

    use crate::domain::DeliveryState;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deliveries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: DeliveryId,
        pub webhook_id: WebhookId,
        /// The order in which a webhook's are sent, as far as they are about one thing.
        pub sequence: i64,
        pub event_id: EventId,
        pub position: i64,
        pub kind: String,
        pub subject: String,
        pub parent: Option<String>,
        pub event_time: Time,
        pub state: DeliveryState,
        pub attempts: i32,
        /// Of the last answer; 0 for none.
        pub status_code: i32,
        /// The beginning of the last answer, or what went wrong.
        #[sea_orm(column_type = "Text")]
        pub response: String,
        /// From when on it is tried for so long.
        pub first_try: Option<Time>,
        pub next_try: Time,
        pub create_time: Time,
        pub update_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
