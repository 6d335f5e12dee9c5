//! Reservations that are held: by whose orders, and for too long.

use kit::{
    Db, Time, Tx,
    id::{ArticleId, OrderId, UserId},
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};

use super::entities::{line, reservation};
use crate::domain::{
    caps::Held,
    reservation::State,
    stock::{Attempt, Line},
};

/// What a user's other orders have reserved, so many lines at most.
pub async fn held_by(tx: &Tx, owner: UserId, not: OrderId, limit: u64) -> Result<Vec<Held>, DbErr> {
    let of = line::Entity::belongs_to(reservation::Entity)
        .from((line::Column::OrderId, line::Column::Attempt))
        .to((reservation::Column::OrderId, reservation::Column::Attempt));
    let rows: Vec<(OrderId, ArticleId, i64)> = line::Entity::find()
        .select_only()
        .columns([line::Column::OrderId, line::Column::ArticleId, line::Column::Quantity])
        .join(JoinType::InnerJoin, of.into())
        .filter(reservation::Column::UserId.eq(owner))
        .filter(reservation::Column::State.eq(State::Held))
        .filter(reservation::Column::OrderId.ne(not))
        .limit(limit)
        .into_tuple()
        .all(&**tx)
        .await?;
    let held = |(order_id, article_id, quantity)| Held { order_id, line: Line { article_id, quantity } };
    Ok(rows.into_iter().map(held).collect())
}

/// Reservations whose time is over, the longest overdue first. Read without locks: [`super::reservations::expire`] decides.
pub async fn overdue(db: &Db, now: Time, limit: u64) -> Result<Vec<Attempt>, DbErr> {
    let rows: Vec<(OrderId, i32)> = reservation::Entity::find()
        .select_only()
        .columns([reservation::Column::OrderId, reservation::Column::Attempt])
        .filter(reservation::Column::State.eq(State::Held))
        .filter(reservation::Column::ExpireTime.lte(now))
        .order_by_asc(reservation::Column::ExpireTime)
        .limit(limit)
        .into_tuple()
        .all(db.read())
        .await?;
    Ok(rows.into_iter().map(|(order_id, attempt)| Attempt { order_id, attempt }).collect())
}
