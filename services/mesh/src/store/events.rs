//! The log of events: what was read from the feeds is numbered, and what is old forgotten.

use std::collections::BTreeMap;

use kit::{Db, Role, Time, Tx, db::snapshot::LOG_JUMP, follow, id::EventId, outbox::cursor};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait as _, LockType},
};

use super::entities::{event, head};
use crate::domain::Fact;

/// How many events are forgotten at a time.
const AT_ONCE: i64 = 5_000;

/// An event as it came from a feed, not yet numbered.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub source: Role,
    /// In the feed of its source.
    pub position: i64,
    pub id: EventId,
    pub fact: Fact,
    pub create_time: Time,
}

/// What was read of the feeds: events in the order of each, and how far each was read.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub events: Vec<NewEvent>,
    pub reached: BTreeMap<Role, i64>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The position of the last event there is.
    pub head: i64,
    /// Whether any of it was new.
    pub news: bool,
}

/// What a feed is followed for, as the name of a cursor.
pub fn cursor_of(source: Role) -> String {
    format!("{source}/events")
}

/// Numbers what is new of a batch.
///
/// Whoever holds the lock on the one row of `event_head` sees all that was numbered before, and how far the feeds had been
/// followed: so each event is numbered once, however many replicas read the feeds, and numbers become visible in their
/// order, because the lock lasts until the commit.
pub async fn append(tx: &Tx, batch: &Batch) -> Result<Appended, DbErr> {
    let before =
        head::Entity::find_by_id(1).lock(LockType::Update).one(&**tx).await?.map_or(0, |head| head.position);
    let names: Vec<String> = batch.reached.keys().map(|source| cursor_of(*source)).collect();
    let cursors = cursor::Entity::find().filter(cursor::Column::Source.is_in(names)).all(&**tx).await?;
    let known = |source: Role| {
        let name = cursor_of(source);
        cursors.iter().find(|cursor| cursor.source == name).map_or(0, |cursor| cursor.position)
    };
    let mut further: BTreeMap<Role, i64> = batch.reached.clone();
    further.retain(|source, position| *position > known(*source));
    let mut head = before;
    // A feed that broke off is read again from its cursor, so a batch may have an event twice.
    let mut last: BTreeMap<Role, i64> = BTreeMap::new();
    let mut rows = Vec::new();
    for new in &batch.events {
        let seen = last.entry(new.source).or_insert_with(|| known(new.source));
        if new.position <= *seen {
            continue;
        }
        *seen = new.position;
        head += 1;
        rows.push(event::ActiveModel {
            position: Set(head),
            id: Set(new.id),
            kind: Set(new.fact.kind.to_owned()),
            subject: Set(new.fact.subject.clone()),
            parent: Set(new.fact.parent.clone()),
            source: Set(new.source.name().to_owned()),
            source_position: Set(new.position),
            create_time: Set(new.create_time),
        });
    }
    if !rows.is_empty() {
        event::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
        let moved = head::ActiveModel { id: Set(1), position: Set(head) };
        head::Entity::update(moved).exec(&**tx).await?;
    }
    for (source, position) in &further {
        follow::advance(tx, &cursor_of(*source), *position).await?;
    }
    Ok(Appended { head, news: !further.is_empty() })
}

/// The position of the last event there is.
pub async fn head(db: &Db) -> Result<i64, DbErr> {
    Ok(head::Entity::find_by_id(1).one(db.read()).await?.map_or(0, |head| head.position))
}

/// Forgets some of the events from before a time, and of those that are too many. Says whether there may be more.
///
/// It stops at the first event that is to be kept, so what is left has no gaps but those of restores.
pub async fn forget(tx: &Tx, before: Time, most: u64) -> Result<bool, DbErr> {
    let head = head::Entity::find_by_id(1).one(&**tx).await?.map_or(0, |head| head.position);
    let Some(oldest) = first(tx, event::Column::Position.gt(0_i64)).await? else { return Ok(false) };
    let there_are = head - oldest + 1 - skipped(tx, oldest, head).await?;
    let surplus = there_are.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX));
    let end = oldest.saturating_add(AT_ONCE);
    let kept = event::Column::Position.gte(oldest + surplus).and(event::Column::CreateTime.gte(before));
    let first_kept = first(tx, event::Column::Position.lt(end).and(kept)).await?;
    let old = event::Column::Position.lt(first_kept.unwrap_or(end));
    event::Entity::delete_many().filter(old).exec(&**tx).await?;
    Ok(first_kept.is_none())
}

/// How many positions there are no events of: a log that was restored goes on `LOG_JUMP` behind what it had. So whoever looks
/// at every half of that finds each of these gaps, and the log need not be counted.
async fn skipped(tx: &Tx, oldest: i64, head: i64) -> Result<i64, DbErr> {
    let (mut skipped, mut at) = (0, oldest);
    while at < head {
        at = std::cmp::min(at.saturating_add(LOG_JUMP / 2), head);
        let next = first(tx, event::Column::Position.gte(at)).await?.unwrap_or(head + 1);
        if next > at {
            let last = event::Entity::find().select_only().column(event::Column::Position);
            let last = last.filter(event::Column::Position.lt(at)).order_by_desc(event::Column::Position);
            let last = last.limit(1).into_tuple::<i64>().one(&**tx).await?;
            skipped += next - 1 - last.unwrap_or(oldest - 1);
            at = next;
        }
    }
    Ok(skipped)
}

/// The first position of such events.
async fn first(tx: &Tx, such: Expr) -> Result<Option<i64>, DbErr> {
    let first = event::Entity::find().select_only().column(event::Column::Position).filter(such);
    first.order_by_asc(event::Column::Position).limit(1).into_tuple().one(&**tx).await
}
