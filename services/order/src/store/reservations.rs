//! The reservations that orders asked for, and which of them are to be compensated.

use kit::{Db, Time, Tx, id::OrderId};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryTrait, sea_query::Expr};

use super::{compensation::HEAD_START, entities::reservation};
use crate::error::Error;

/// Stores a reservation before it is asked for: whatever becomes of the answer, it is known to release.
pub fn plan_reservation(tx: &Tx, order_id: OrderId, attempt: i32) {
    let row = reservation::ActiveModel {
        order_id: Set(order_id),
        attempt: Set(attempt),
        to_compensate: Set(false),
        next_try: Set(Time(0)),
    };
    tx.write_last(reservation::Entity::insert(row).into_query());
}

/// An order's reservations that are marked for compensation.
pub async fn marked_reservations(db: &Db, order_id: OrderId) -> Result<Vec<reservation::Model>, Error> {
    let query = reservation::Entity::find().filter(reservation::Column::OrderId.eq(order_id));
    Ok(query.filter(reservation::Column::ToCompensate.eq(true)).all(db.read()).await?)
}

/// Marks a reservation for compensation.
pub async fn mark_reservation(tx: &Tx, order_id: OrderId, attempt: i32) -> Result<(), Error> {
    reservation::Entity::update_many()
        .col_expr(reservation::Column::ToCompensate, Expr::value(true))
        .col_expr(reservation::Column::NextTry, Expr::value(tx.now() + HEAD_START))
        .filter(reservation::Column::OrderId.eq(order_id))
        .filter(reservation::Column::Attempt.eq(attempt))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// A reservation is compensated.
pub async fn finish_reservation(tx: &Tx, order_id: OrderId, attempt: i32) -> Result<(), Error> {
    reservation::Entity::update_many()
        .col_expr(reservation::Column::ToCompensate, Expr::value(false))
        .filter(reservation::Column::OrderId.eq(order_id))
        .filter(reservation::Column::Attempt.eq(attempt))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Tries a reservation's compensation again later.
pub async fn postpone_reservation(
    tx: &Tx,
    order_id: OrderId,
    attempt: i32,
    until: Time,
) -> Result<(), Error> {
    reservation::Entity::update_many()
        .col_expr(reservation::Column::NextTry, Expr::value(until))
        .filter(reservation::Column::OrderId.eq(order_id))
        .filter(reservation::Column::Attempt.eq(attempt))
        .exec(&**tx)
        .await?;
    Ok(())
}
