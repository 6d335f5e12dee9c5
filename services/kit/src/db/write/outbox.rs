//! The outbox: events that commit with the change that they describe, numbered for their followers.
//!
//! A position must never appear after a higher one, so a row is numbered when it is published, not when it
//! is written: transactions commit in another order than they began. SQLite has one writer at a time, so
//! there the row is numbered as it is written. Elsewhere any replica locks the one-row `feed_head` and
//! numbers what has none.

use std::time::Duration;

use prost::{Message, Name};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement, sea_query::LockType,
};

use crate::{Db, Time, write::Tx};

/// How often replicas look for what other replicas committed.
const POLL: Duration = Duration::from_millis(250);
const BATCH: u64 = 500;

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

/// Writes an event.
pub(crate) async fn append<M: Message + Name>(tx: &Tx, aggregate: &str, message: &M) -> Result<(), DbErr> {
    let (data, now) = (message.encode_to_vec(), tx.now());
    // SQLite has one writer at a time (BEGIN IMMEDIATE), so the order of numbers is the order of commits. Elsewhere
    // transactions commit in any order, and a number given here could appear after a higher one.
    if tx.db().backend() == DatabaseBackend::Sqlite {
        let insert = Statement::from_sql_and_values(
            DatabaseBackend::Sqlite,
            "INSERT INTO outbox (position, aggregate_id, kind, data, create_time) \
             VALUES ((SELECT COALESCE(MAX(position), 0) + 1 FROM outbox), ?, ?, ?, ?)",
            [aggregate.into(), M::full_name().into(), data.into(), now.0.into()],
        );
        return tx.execute_raw(insert).await.map(|_| ());
    }
    let row = event::ActiveModel {
        position: Set(None),
        aggregate_id: Set(aggregate.to_owned()),
        kind: Set(M::full_name()),
        data: Set(data),
        create_time: Set(now.0),
        ..Default::default()
    };
    event::Entity::insert(row).exec_without_returning(&**tx).await.map(|_| ())
}

/// A transaction with events has committed: wakes the publisher and those who follow.
pub(crate) fn committed(db: &Db) {
    db.0.committed.notify_waiters();
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

/// Waits until something may have been published: this process committed, or it is time to look for what
/// others committed.
pub(crate) async fn idle(woken: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(POLL, woken).await;
}

/// Numbers what was committed, as long as the process runs. Every replica does; `feed_head` takes turns.
pub(crate) async fn publish(db: Db) {
    if db.backend() == DatabaseBackend::Sqlite {
        return;
    }
    loop {
        idle(db.0.committed.notified()).await;
        match number(&db).await {
            Ok(0) => {}
            Ok(_) => committed(&db),
            Err(error) => {
                db.0.writer.judge(&error);
                tracing::warn!(%error, role = %db.role(), "events cannot be published yet");
            }
        }
    }
}

/// Numbers a batch; answers with how many there were.
async fn number(db: &Db) -> Result<usize, DbErr> {
    let waiting = || event::Entity::find().filter(event::Column::Position.is_null());
    if waiting().limit(1).one(db.read()).await?.is_none() {
        return Ok(0);
    }
    // The lock on the one row of `feed_head` makes publishers take turns: whoever holds it sees all numbers given
    // before, and gives the next ones. Positions are visible when this commits, in one piece, so a follower never
    // sees one after a higher one.
    let tx = db.0.writer.begin().await?;
    let head =
        head::Entity::find_by_id(1).lock(LockType::Update).one(&tx).await?.map_or(0, |head| head.position);
    let rows: Vec<i64> = waiting()
        .select_only()
        .column(event::Column::Id)
        .order_by_asc(event::Column::Id)
        .limit(BATCH)
        .into_tuple()
        .all(&tx)
        .await?;
    // Another publisher may have numbered them between the look and the lock.
    if !rows.is_empty() {
        // One statement however many rows: CASE id WHEN … numbers each.
        let cases: String =
            rows.iter().zip(head + 1..).map(|(id, place)| format!(" WHEN {id} THEN {place}")).collect();
        let ids: Vec<String> = rows.iter().map(i64::to_string).collect();
        let ids = ids.join(",");
        tx.execute_unprepared(&format!(
            "UPDATE outbox SET position = CASE id{cases} END WHERE id IN ({ids})"
        ))
        .await?;
        tx.execute_unprepared(&format!(
            "UPDATE feed_head SET position = {} WHERE id = 1",
            head + rows.len() as i64
        ))
        .await?;
    }
    tx.commit().await?;
    Ok(rows.len())
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
