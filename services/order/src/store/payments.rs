//! The payments that orders asked for: their last known state, and which of them are to be compensated.

use kit::{
    Db, Time, Tx,
    id::{OrderId, PaymentId},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryTrait, sea_query::Expr};

use super::{compensation::HEAD_START, entities::payment};
use crate::{domain::PaymentState, error::Error};

/// Stores a payment before it is asked for.
pub fn plan_payment(tx: &Tx, order_id: OrderId, payment_id: PaymentId) {
    let row = payment::ActiveModel {
        payment_id: Set(payment_id),
        order_id: Set(order_id),
        state: Set(PaymentState::Pending),
        refunded_minor: Set(0),
        seen_time: Set(Time(0)),
        to_compensate: Set(false),
        flagged: Set(false),
        next_try: Set(Time(0)),
        create_time: Set(tx.now()),
    };
    tx.write_last(payment::Entity::insert(row).into_query());
}

/// Forgets a payment that was never asked for.
pub async fn forget_payment(tx: &Tx, id: PaymentId) -> Result<(), Error> {
    payment::Entity::delete_by_id(id).exec(&**tx).await?;
    Ok(())
}

/// Stores a payment's state, unless a newer one is known; answers with what was known before. `None`: no order had it
/// made. The condition on the update time stands in the UPDATE, so that an older state never replaces a newer one.
pub async fn record_update(
    tx: &Tx,
    id: PaymentId,
    state: PaymentState,
    refunded_minor: i64,
    seen: Time,
) -> Result<Option<payment::Model>, Error> {
    let Some(known) = payment::Entity::find_by_id(id).one(&**tx).await? else { return Ok(None) };
    payment::Entity::update_many()
        .col_expr(payment::Column::State, Expr::value(state))
        .col_expr(payment::Column::RefundedMinor, Expr::value(refunded_minor))
        .col_expr(payment::Column::SeenTime, Expr::value(seen))
        .filter(payment::Column::PaymentId.eq(id))
        .filter(payment::Column::SeenTime.lt(seen))
        .exec(&**tx)
        .await?;
    Ok(Some(known))
}

/// Stores the first state that is known of a payment; `false` where one is known already, or where no order had it made.
pub async fn record_first_update(
    tx: &Tx,
    id: PaymentId,
    state: PaymentState,
    seen: Time,
) -> Result<bool, Error> {
    let done = payment::Entity::update_many()
        .col_expr(payment::Column::State, Expr::value(state))
        .col_expr(payment::Column::SeenTime, Expr::value(seen))
        .filter(payment::Column::PaymentId.eq(id))
        .filter(payment::Column::SeenTime.eq(Time(0)))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Marks a payment for compensation.
pub async fn mark_payment(tx: &Tx, id: PaymentId) -> Result<(), Error> {
    payment::Entity::update_many()
        .col_expr(payment::Column::ToCompensate, Expr::value(true))
        .col_expr(payment::Column::NextTry, Expr::value(tx.now() + HEAD_START))
        .filter(payment::Column::PaymentId.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// An order's payments that are marked for compensation.
pub async fn marked_payments(db: &Db, order_id: OrderId) -> Result<Vec<payment::Model>, Error> {
    let query = payment::Entity::find().filter(payment::Column::OrderId.eq(order_id));
    Ok(query.filter(payment::Column::ToCompensate.eq(true)).all(db.read()).await?)
}

/// A payment is compensated, or cannot be (`flagged`).
pub async fn finish_payment(tx: &Tx, id: PaymentId, flagged: bool) -> Result<(), Error> {
    payment::Entity::update_many()
        .col_expr(payment::Column::ToCompensate, Expr::value(false))
        .col_expr(payment::Column::Flagged, Expr::value(flagged))
        .filter(payment::Column::PaymentId.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Tries a payment's compensation again later.
pub async fn postpone_payment(tx: &Tx, id: PaymentId, until: Time) -> Result<(), Error> {
    payment::Entity::update_many()
        .col_expr(payment::Column::NextTry, Expr::value(until))
        .filter(payment::Column::PaymentId.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}
