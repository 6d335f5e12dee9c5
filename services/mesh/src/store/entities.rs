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
