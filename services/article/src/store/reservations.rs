//! Reservations: stock set aside for one attempt of one order.
//!
//! The calls about one attempt may come at once and in any order: the order service repeats what it got no answer to,
//! compensates while a late Reserve is under way, and the sweeper expires what was not renewed. The reservation's row
//! decides between them. It is inserted or locked before anything else, so they take turns; the transition table says
//! what the later one may still do. Then articles and stock are locked, in the order of their ids.

use kit::{Time, Tx, id::UserId, insert_new};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{
    entities::{line, reservation},
    held,
    movements::{self, Moves},
    stock,
};
use crate::{
    domain::{
        caps::Caps,
        reservation::{Event, Illegal, State},
        stock::{
            Attempt, Line, Movement, RELEASE, RESERVE, RESTOCK, Reservation, Return, SELL, shortages,
            withdrawn,
        },
    },
    error::Error,
};

/// Sets stock aside for all lines or none, within the limits of whose order it is. A repeat answers what there is.
pub async fn reserve(
    tx: &Tx,
    key: Attempt,
    (owner, caps): (Option<UserId>, Caps),
    lines: &[Line],
    expire_time: Time,
) -> Result<Reservation, Error> {
    // The row comes first. Of a Reserve and its repeat, or the Release of an order that has given up, the primary key
    // lets one make it; the other waits for that one's end, and goes by the state that it finds. A refusal below takes
    // the row back with it, so that the next try is the first again.
    if !insert(tx, key, State::Held, (expire_time, owner)).await? {
        let (row, state) = lock(tx, key).await?;
        state.next(Event::Reserve)?;
        return if same(lines, &lines_of(tx, key).await?) {
            row.ok_or(missing())
        } else {
            Err(Error::OtherLines)
        };
    }
    if expire_time <= tx.now() {
        return Err(Error::Past);
    }
    let found = stock::lock(tx, lines.iter().map(|line| line.article_id).collect()).await?;
    let withdrawn = withdrawn(lines, &found);
    if !withdrawn.is_empty() {
        return Err(Error::Inactive(withdrawn));
    }
    // What is free cannot change any more: the rows are locked until the commit. So nothing is sold twice, and the last
    // unit goes to whoever locked its article first.
    let short = shortages(lines, &found);
    if !short.is_empty() {
        return Err(Error::OutOfStock(short));
    }
    if let Some(owner) = owner {
        // Behind the lock of the articles: two orders of one user for the same article take turns, so the units are exact.
        // Orders at once for different articles may be one or the other more than the limit.
        let held = held::held_by(tx, owner, key.order_id, caps.most_lines()).await?;
        caps.check(&held, lines).map_err(Error::OverCap)?;
    }
    let rows = lines.iter().map(|line| line::ActiveModel {
        order_id: Set(key.order_id),
        attempt: Set(key.attempt),
        article_id: Set(line.article_id),
        quantity: Set(line.quantity),
        returned: Set(0),
    });
    line::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    movements::shift_free(tx, key, RESERVE, lines, (found, Moves::NoMore)).await?;
    Ok(Reservation { key, state: State::Held, expire_time })
}

/// Moves the end of a reservation. Where the sweeper was first, its order learns that by the refusal.
pub async fn renew(tx: &Tx, key: Attempt, expire_time: Time) -> Result<Reservation, Error> {
    let (row, state) = lock(tx, key).await?;
    let next = state.next(Event::Renew)?;
    if expire_time <= tx.now() {
        return Err(Error::Past);
    }
    let row = row.ok_or(missing())?;
    change(tx, key, state, next, Some(expire_time)).await?;
    Ok(Reservation { expire_time, ..row })
}

/// Sells what is reserved. What has expired is reserved again first, if there is enough.
pub async fn commit(tx: &Tx, key: Attempt) -> Result<Reservation, Error> {
    let (row, state) = lock(tx, key).await?;
    let next = state.next(Event::Commit)?;
    let row = row.ok_or(missing())?;
    if next == state {
        return Ok(row);
    }
    change(tx, key, state, next, None).await?;
    // The sweeper was first: its stock may be others' by now. Refused, the reservation stays EXPIRED, because the change
    // of its state is rolled back; the order refunds.
    if state == State::Expired {
        let lines = lines_of(tx, key).await?;
        let found = stock::lock(tx, lines.iter().map(|line| line.article_id).collect()).await?;
        let short = shortages(&lines, &found);
        if !short.is_empty() {
            return Err(Error::OutOfStock(short));
        }
        movements::shift_free(tx, key, RESERVE, &lines, (found, Moves::Again)).await?;
    }
    movements::sell(tx, key, SELL).await?;
    Ok(Reservation { state: next, ..row })
}

/// Gives back what is reserved, or leaves a mark that keeps it from being reserved late.
pub async fn release(tx: &Tx, key: Attempt) -> Result<Reservation, Error> {
    let (mut row, mut state) = lock(tx, key).await?;
    // Nothing to lock yet: the Reserve may still be on its way. The mark makes it fail when it comes; where it commits
    // its row before the mark is inserted, that row is released instead.
    if state == State::Unmade {
        let next = state.next(Event::Release)?;
        if insert(tx, key, next, (tx.now(), None)).await? {
            return Ok(Reservation { key, state: next, expire_time: tx.now() });
        }
        (row, state) = lock(tx, key).await?;
    }
    let next = state.next(Event::Release)?;
    let row = row.ok_or(missing())?;
    if next == state {
        return Ok(row);
    }
    change(tx, key, state, next, None).await?;
    // EXPIRED has given its stock back already.
    if state == State::Held {
        give_back(tx, key, RELEASE).await?;
    }
    Ok(Reservation { state: next, ..row })
}

/// Gives back what was sold.
pub async fn restock(tx: &Tx, key: Attempt) -> Result<Reservation, Error> {
    let (row, state) = lock(tx, key).await?;
    let next = state.next(Event::Restock)?;
    let row = row.ok_or(missing())?;
    if next == state {
        return Ok(row);
    }
    change(tx, key, state, next, None).await?;
    give_back(tx, key, RESTOCK).await?;
    Ok(Reservation { state: next, ..row })
}

/// Takes units back that an order has sold. The answer is the article's stock.
pub async fn take_back(tx: &Tx, back: Return, note: &str) -> Result<stock::Stock, Error> {
    // All attempts of the order, in their order: a Restock of the sale waits, and then puts back what is left. Two
    // returns at once take turns, so no more comes back than was sold.
    let rows = reservation::Entity::find()
        .filter(reservation::Column::OrderId.eq(back.order_id))
        .order_by_asc(reservation::Column::Attempt)
        .lock_exclusive()
        .all(&**tx)
        .await?;
    let last = rows.last().ok_or(Error::NoOrder)?;
    let sale = rows.iter().find(|row| row.state == State::Committed).ok_or(Error::Illegal(last.state))?;
    let row = line::Entity::find_by_id((back.order_id, sale.attempt, back.article_id)).one(&**tx).await?;
    let sold = row.map_or(0, |row| row.quantity - row.returned);
    if back.units > sold {
        return Err(Error::NotSold { back, sold });
    }
    line::Entity::update_many()
        .col_expr(line::Column::Returned, line::Column::Returned.into_expr().add(back.units))
        .filter(line::Column::OrderId.eq(back.order_id))
        .filter(line::Column::Attempt.eq(sale.attempt))
        .filter(line::Column::ArticleId.eq(back.article_id))
        .exec(&**tx)
        .await?;
    let key = Attempt { order_id: back.order_id, attempt: sale.attempt };
    change(tx, key, State::Committed, State::Committed, None).await?;
    let stock = stock::take_back(tx, back, note).await?;
    let event = contracts::article::StockReturned {
        article_id: back.article_id.to_string(),
        order_id: back.order_id.to_string(),
        quantity: back.units,
    };
    tx.publish(back.article_id, &event);
    Ok(stock)
}

/// Ends a reservation whose time is over. `false` where it was renewed, or ended, meanwhile.
pub async fn expire(tx: &Tx, key: Attempt) -> Result<bool, Error> {
    let (row, state) = lock(tx, key).await?;
    let Ok(next) = state.next(Event::Expire) else { return Ok(false) };
    // Under the lock: a Renew that committed since it was found overdue has moved the end; one that comes after this
    // finds EXPIRED.
    if row.is_none_or(|row| row.expire_time > tx.now()) {
        return Ok(false);
    }
    change(tx, key, state, next, None).await?;
    give_back(tx, key, RELEASE).await?;
    Ok(true)
}

/// Gives back what a reservation's lines took.
async fn give_back(tx: &Tx, key: Attempt, movement: Movement) -> Result<(), Error> {
    let lines = lines_of(tx, key).await?;
    let found = stock::lock(tx, lines.iter().map(|line| line.article_id).collect()).await?;
    movements::shift_free(tx, key, movement, &lines, (found, Moves::NoMore)).await
}

/// Reads a reservation; nobody else changes it until the transaction ends.
async fn lock(tx: &Tx, key: Attempt) -> Result<(Option<Reservation>, State), DbErr> {
    let row =
        reservation::Entity::find_by_id((key.order_id, key.attempt)).lock_exclusive().one(&**tx).await?;
    let found = row.map(|row| Reservation { key, state: row.state, expire_time: row.expire_time });
    Ok((found, found.map_or(State::Unmade, |found| found.state)))
}

/// Makes a reservation's row, unless there is one: the database decides who is first.
async fn insert(
    tx: &Tx,
    key: Attempt,
    state: State,
    (expire_time, user_id): (Time, Option<UserId>),
) -> Result<bool, DbErr> {
    let row = reservation::ActiveModel {
        order_id: Set(key.order_id),
        attempt: Set(key.attempt),
        state: Set(state),
        expire_time: Set(expire_time),
        version: Set(1),
        create_time: Set(tx.now()),
        update_time: Set(tx.now()),
        user_id: Set(user_id),
    };
    insert_new(&**tx, row, [reservation::Column::OrderId, reservation::Column::Attempt]).await
}

/// Takes a reservation from one state to the next. The row is locked, so it is still in the first; the condition keeps it
/// right for a caller who forgot to lock.
async fn change(
    tx: &Tx,
    key: Attempt,
    from: State,
    to: State,
    expire_time: Option<Time>,
) -> Result<(), Error> {
    let mut update = reservation::Entity::update_many()
        .col_expr(reservation::Column::State, Expr::val(to))
        .col_expr(reservation::Column::Version, reservation::Column::Version.into_expr().add(1))
        .col_expr(reservation::Column::UpdateTime, Expr::val(tx.now()));
    if let Some(expire_time) = expire_time {
        update = update.col_expr(reservation::Column::ExpireTime, Expr::val(expire_time));
    }
    let done = update
        .filter(reservation::Column::OrderId.eq(key.order_id))
        .filter(reservation::Column::Attempt.eq(key.attempt))
        .filter(reservation::Column::State.eq(from))
        .exec(&**tx)
        .await?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Illegal(from).into()) }
}

async fn lines_of(tx: &Tx, key: Attempt) -> Result<Vec<Line>, DbErr> {
    let rows = line::Entity::find()
        .filter(line::Column::OrderId.eq(key.order_id))
        .filter(line::Column::Attempt.eq(key.attempt))
        .order_by_asc(line::Column::ArticleId)
        .all(&**tx)
        .await?;
    // What came back already is not there to be moved.
    let line = |row: line::Model| Line { article_id: row.article_id, quantity: row.quantity - row.returned };
    Ok(rows.into_iter().map(line).collect())
}

/// Whether these are the same lines in whatever order.
fn same(asked: &[Line], kept: &[Line]) -> bool {
    asked.len() == kept.len() && asked.iter().all(|line| kept.contains(line))
}

fn missing() -> Error {
    Error::Illegal(State::Unmade)
}
