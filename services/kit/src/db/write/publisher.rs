//! Publishing: numbers the events that were committed, and hands them to the feed.

use std::time::Duration;

use futures::FutureExt as _;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, LockType, Query},
};
use tokio::time::Instant;

use super::outbox::{self, event, head};
use crate::Db;

/// How often what other processes committed and published is looked for.
const POLL: Duration = Duration::from_millis(250);
/// The least time between two batches: what is committed meanwhile is numbered together.
const GATHER: Duration = Duration::from_millis(20);
const BATCH: u64 = 500;

/// Publishes what is committed, as long as the process runs. Every replica does; `feed_head` makes them take turns.
pub(crate) async fn publish(db: Db) {
    let mut begun = Instant::now();
    let mut own_commit = false;
    loop {
        if let Err(error) = round(&db, own_commit).await {
            db.0.writer.judge(&error);
            tracing::warn!(%error, role = %db.role(), "events cannot be published yet");
        }
        own_commit = tokio::time::timeout(POLL, db.0.committed.notified()).await.is_ok();
        tokio::time::sleep_until(begun + GATHER).await;
        // Whoever committed while this waited is served by the same round.
        own_commit |= db.0.committed.notified().now_or_never().is_some();
        begun = Instant::now();
    }
}

async fn round(db: &Db, own_commit: bool) -> Result<(), DbErr> {
    let known = match db.0.feed.last() {
        Some(known) => known,
        None => {
            let last = outbox::last(db).await?;
            db.0.feed.begin(last);
            last
        }
    };
    // On SQLite the write that commits has numbered its events, and wakes this only for a gap.
    if db.backend() == DatabaseBackend::Sqlite {
        return read(db).await;
    }
    // After a commit of this process there is something to number; else only a look can say.
    let (waiting, published) = if own_commit { (true, known) } else { look(db).await? };
    if published < known {
        // A standby that lacked the last commits was promoted, or a backup restored. Positions never fall else.
        tracing::warn!(role = %db.role(), known, published, "feed.went_back");
        db.0.feed.restart(known, published);
    }
    let mut complete = published <= known;
    let mut full = waiting;
    while full {
        let (count, offered) = number(db).await?;
        // None: another replica has numbered what was committed here, so the feed lacks it.
        complete &= offered && count > 0;
        full = count == BATCH as usize;
    }
    if complete { Ok(()) } else { read(db).await }
}

/// Whether events wait for their numbers, and the position of the last that has one.
async fn look(db: &Db) -> Result<(bool, i64), DbErr> {
    let waiting = waiting().select_only().column(event::Column::Id).limit(1).into_query();
    let last = head::Entity::find_by_id(1).select_only().column(head::Column::Position).into_query();
    let both = Query::select()
        .expr_as(Expr::exists(waiting), "waiting")
        .expr_as(Expr::expr(last), "last")
        .to_owned();
    let Some(row) = db.read().query_one(&both).await? else { return Ok((false, 0)) };
    Ok((row.try_get("", "waiting")?, row.try_get::<Option<i64>>("", "last")?.unwrap_or(0)))
}

/// Reads what the feed lacks.
async fn read(db: &Db) -> Result<(), DbErr> {
    loop {
        let Some(last) = db.0.feed.last() else { return Ok(()) };
        let events = outbox::after(db, last, BATCH).await?;
        let count = events.len() as u64;
        if let Some(first) = events.first().and_then(|event| event.position).filter(|first| *first > last + 1)
        {
            // They were pruned before this process, which was away for long, has read them.
            tracing::warn!(role = %db.role(), last, first, "feed.gap");
            db.0.feed.restart(last, first - 1);
        }
        if count == 0 || !db.0.feed.offer(events) || count < BATCH {
            return Ok(());
        }
    }
}

fn waiting() -> sea_orm::Select<event::Entity> {
    event::Entity::find().filter(event::Column::Position.is_null())
}

/// Numbers a batch: how many there were, and whether the feed took them.
async fn number(db: &Db) -> Result<(usize, bool), DbErr> {
    // The lock on the one row of `feed_head` makes publishers take turns: whoever holds it sees all numbers given
    // before, and gives the next ones. Positions are visible when this commits, in one piece, so a follower never
    // sees one after a higher one.
    let tx = db.0.writer.begin().await?;
    let head =
        head::Entity::find_by_id(1).lock(LockType::Update).one(&tx).await?.map_or(0, |head| head.position);
    let mut events = waiting().order_by_asc(event::Column::Id).limit(BATCH).all(&tx).await?;
    // Another publisher may have numbered them between the commit and the lock.
    if events.is_empty() {
        tx.rollback().await?;
        return Ok((0, true));
    }
    for (event, position) in events.iter_mut().zip(head + 1..) {
        event.position = Some(position);
    }
    // One statement however many rows: CASE id WHEN … numbers each.
    let cases: String = events
        .iter()
        .zip(head + 1..)
        .map(|(event, place)| format!(" WHEN {} THEN {place}", event.id))
        .collect();
    let ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
    let ids = ids.join(",");
    tx.execute_unprepared(&format!("UPDATE outbox SET position = CASE id{cases} END WHERE id IN ({ids})"))
        .await?;
    let count = events.len();
    tx.execute_unprepared(&format!("UPDATE feed_head SET position = {} WHERE id = 1", head + count as i64))
        .await?;
    tx.commit().await?;
    Ok((count, db.0.feed.offer(events)))
}

#[cfg(test)]
mod tests;
