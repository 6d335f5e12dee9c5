//! The outbox: events that commit with the change that they describe, numbered for their followers.
//!
//! A position must never appear after a higher one, so a row is numbered when it is published, not when it
//! is written: transactions commit in another order than they began. SQLite has one writer at a time, so
//! there the row is numbered as it is written. Elsewhere any replica locks the one-row `feed_head` and
//! numbers what has none ([`super::publisher`]).

use prost::{Message, Name};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseBackend, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};

use crate::{Db, Time, write::Tx};

/// The table of events.
pub mod event {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        /// Set when it is published.
        pub position: Option<i64>,
        pub aggregate_id: String,
        /// The event's full message name.
        pub kind: String,
        pub data: Vec<u8>,
        pub create_time: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The one row that says how far events are numbered.
pub mod head {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "feed_head")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How far this role has followed others.
pub mod cursor {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "feed_cursor")]
    pub struct Model {
        /// The role followed, and what for.
        #[sea_orm(primary_key, auto_increment = false)]
        pub source: String,
        pub position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Writes an event. On SQLite, which numbers it at once, answers with the event.
pub(crate) async fn append<M: Message + Name>(
    tx: &Tx,
    aggregate: &str,
    message: &M,
) -> Result<Option<event::Model>, DbErr> {
    let (data, now) = (message.encode_to_vec(), tx.now());
    // SQLite has one writer at a time (BEGIN IMMEDIATE), so the order of numbers is the order of commits. Elsewhere
    // transactions commit in any order, and a number given here could appear after a higher one.
    if tx.db().backend() == DatabaseBackend::Sqlite {
        let insert = Statement::from_sql_and_values(
            DatabaseBackend::Sqlite,
            "INSERT INTO outbox (position, aggregate_id, kind, data, create_time) \
             VALUES ((SELECT COALESCE(MAX(position), 0) + 1 FROM outbox), ?, ?, ?, ?) RETURNING *",
            [aggregate.into(), M::full_name().into(), data.into(), now.0.into()],
        );
        return event::Entity::find().from_raw_sql(insert).one(&**tx).await;
    }
    let row = event::ActiveModel {
        position: Set(None),
        aggregate_id: Set(aggregate.to_owned()),
        kind: Set(M::full_name()),
        data: Set(data),
        create_time: Set(now.0),
        ..Default::default()
    };
    event::Entity::insert(row).exec_without_returning(&**tx).await.map(|_| None)
}

/// The events after a position, the oldest first.
pub(crate) async fn after(db: &Db, position: i64, limit: u64) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::Position.gt(position))
        .order_by_asc(event::Column::Position)
        .limit(limit)
        .all(db.read())
        .await
}

/// The last position published.
pub(crate) async fn last(db: &Db) -> Result<i64, DbErr> {
    let newest = event::Entity::find().filter(event::Column::Position.is_not_null());
    let newest = newest.order_by_desc(event::Column::Position).limit(1).one(db.read()).await?;
    Ok(newest.and_then(|event| event.position).unwrap_or(0))
}

/// Forgets events older than a time, but never the newest: the next position follows from it.
pub(crate) async fn prune(db: &Db, before: Time) -> Result<u64, DbErr> {
    let last = last(db).await?;
    let done = event::Entity::delete_many()
        .filter(event::Column::CreateTime.lt(before.0))
        .filter(event::Column::Position.lt(last))
        .exec(&db.0.writer)
        .await?;
    Ok(done.rows_affected)
}
