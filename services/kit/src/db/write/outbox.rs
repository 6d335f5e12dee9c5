//! The outbox: events that commit with the change that they describe, numbered for their followers.
//!
//! A position must never appear after a higher one, so a row is numbered when it is published, not when it
//! is written: transactions commit in another order than they began. SQLite has one writer at a time, so
//! there the row is numbered as it is written. Elsewhere any replica locks the one-row `feed_head` and
//! numbers what has none ([`super::publisher`]).

use prost::{Message, Name};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Statement, sea_query::InsertStatement,
};

use super::last::{self, Last};
use crate::{Db, Time, db::Transaction};

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

/// An event that its transaction is about to write.
pub(super) struct NewEvent {
    aggregate: String,
    kind: String,
    data: Vec<u8>,
    create_time: i64,
}

impl NewEvent {
    pub fn new<M: Message + Name>(now: Time, aggregate: String, message: &M) -> Self {
        Self { aggregate, kind: M::full_name(), data: message.encode_to_vec(), create_time: now.0 }
    }
}

/// How many events one statement writes: five parameters each stay below the limit of every database.
const AT_ONCE: usize = 500;

/// Writes a transaction's last rows, and its events, in their order. On SQLite, which numbers these at once, answers with
/// them.
pub(super) async fn append(
    tx: &Transaction,
    mut last: Vec<Last>,
    mut events: Vec<NewEvent>,
) -> Result<Vec<event::Model>, DbErr> {
    // SQLite has one writer at a time (BEGIN IMMEDIATE), so the order of numbers is the order of commits. Elsewhere
    // transactions commit in any order, and a number given here could appear after a higher one.
    let numbers = tx.get_database_backend() == DatabaseBackend::Sqlite;
    let mut numbered = Vec::new();
    while !events.is_empty() {
        let rest = events.split_off(events.len().min(AT_ONCE));
        if numbers {
            numbered.extend(append_numbered(tx, events).await?);
        } else {
            // With the other rows, but not with other events: the parts of one statement have no order.
            last.push(unnumbered(events).into());
            last::write(tx, std::mem::take(&mut last)).await?;
        }
        events = rest;
    }
    last::write(tx, last).await?;
    Ok(numbered)
}

fn unnumbered(events: Vec<NewEvent>) -> InsertStatement {
    let rows = events.into_iter().map(|new| event::ActiveModel {
        position: Set(None),
        aggregate_id: Set(new.aggregate),
        kind: Set(new.kind),
        data: Set(new.data),
        create_time: Set(new.create_time),
        ..Default::default()
    });
    event::Entity::insert_many(rows).into_query()
}

async fn append_numbered(tx: &Transaction, events: Vec<NewEvent>) -> Result<Vec<event::Model>, DbErr> {
    // The subquery is evaluated once for the statement, before its first row.
    let row = |place| format!("((SELECT COALESCE(MAX(position), 0) FROM outbox) + {place}, ?, ?, ?, ?)");
    let rows: Vec<String> = (1..=events.len()).map(row).collect();
    let sql = format!(
        "INSERT INTO outbox (position, aggregate_id, kind, data, create_time) VALUES {} RETURNING *",
        rows.join(", ")
    );
    let values = events.into_iter().flat_map(|new| -> [sea_orm::Value; 4] {
        [new.aggregate.into(), new.kind.into(), new.data.into(), new.create_time.into()]
    });
    let insert = Statement::from_sql_and_values(DatabaseBackend::Sqlite, sql, values);
    let mut written = event::Entity::find().from_raw_sql(insert).all(tx).await?;
    // RETURNING promises no order.
    written.sort_by_key(|event| event.position);
    Ok(written)
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

/// How far positions have come: the next one is behind this.
pub(crate) async fn reached(db: &Db) -> Result<i64, DbErr> {
    if db.backend() == DatabaseBackend::Sqlite {
        return last(db).await;
    }
    Ok(head::Entity::find_by_id(1).one(db.read()).await?.map_or(0, |head| head.position))
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
