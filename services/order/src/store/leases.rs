//! What was asked of other services: payments and reservations, what is still to be undone of them, and
//! the orders whose checkout waits for somebody to go on with it.

use std::time::Duration;

use contracts::payment::PaymentState;
use kit::{
    Db, Time, Tx,
    id::{OrderId, PaymentId, UserId},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::entities::{order, payment, reservation};
use crate::{
    domain::{State, Step},
    error::Error,
};

const BATCH: u64 = 50;
/// How long the process that has something undone gets before others try.
const HEAD_START: Duration = Duration::from_secs(3);

/// Writes a payment down before it is made.
pub async fn plan_payment(tx: &Tx, order_id: OrderId, payment_id: PaymentId) -> Result<(), Error> {
    let row = payment::ActiveModel {
        payment_id: Set(payment_id),
        order_id: Set(order_id),
        state: Set(PaymentState::Pending as i16),
        refunded_minor: Set(0),
        seen_time: Set(Time(0)),
        undo: Set(false),
        flagged: Set(false),
        next_try: Set(Time(0)),
        create_time: Set(tx.now()),
    };
    payment::Entity::insert(row).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Writes a reservation down before it is made.
pub async fn plan_reservation(tx: &Tx, order_id: OrderId, attempt: i32) -> Result<(), Error> {
    let row = reservation::ActiveModel {
        order_id: Set(order_id),
        attempt: Set(attempt),
        undo: Set(false),
        next_try: Set(Time(0)),
    };
    reservation::Entity::insert(row).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Notes what was heard of a payment, unless something newer is known; answers with what was known before.
/// `None`: no order had it made.
pub async fn note_payment(
    tx: &Tx,
    id: PaymentId,
    state: PaymentState,
    refunded_minor: i64,
    seen: Time,
) -> Result<Option<payment::Model>, Error> {
    let Some(known) = payment::Entity::find_by_id(id).one(&**tx).await? else { return Ok(None) };
    payment::Entity::update_many()
        .col_expr(payment::Column::State, Expr::value(state as i16))
        .col_expr(payment::Column::RefundedMinor, Expr::value(refunded_minor))
        .col_expr(payment::Column::SeenTime, Expr::value(seen))
        .filter(payment::Column::PaymentId.eq(id))
        .filter(payment::Column::SeenTime.lt(seen))
        .exec(&**tx)
        .await?;
    Ok(Some(known))
}

/// Has a payment undone.
pub async fn undo_payment(tx: &Tx, id: PaymentId) -> Result<(), Error> {
    payment::Entity::update_many()
        .col_expr(payment::Column::Undo, Expr::value(true))
        .col_expr(payment::Column::NextTry, Expr::value(tx.now() + HEAD_START))
        .filter(payment::Column::PaymentId.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Has everything undone that an order asked of others.
pub async fn undo_all(tx: &Tx, order_id: OrderId) -> Result<(), Error> {
    payment::Entity::update_many()
        .col_expr(payment::Column::Undo, Expr::value(true))
        .col_expr(payment::Column::NextTry, Expr::value(tx.now() + HEAD_START))
        .filter(payment::Column::OrderId.eq(order_id))
        .filter(payment::Column::State.is_not_in(over()))
        .exec(&**tx)
        .await?;
    reservation::Entity::update_many()
        .col_expr(reservation::Column::Undo, Expr::value(true))
        .col_expr(reservation::Column::NextTry, Expr::value(tx.now() + HEAD_START))
        .filter(reservation::Column::OrderId.eq(order_id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Payments in these states hold no money and never will.
pub(super) fn over() -> [i16; 3] {
    [PaymentState::Declined as i16, PaymentState::Voided as i16, PaymentState::Refunded as i16]
}

/// An order's payments that are to be undone.
pub async fn payments_to_undo(db: &Db, order_id: OrderId) -> Result<Vec<payment::Model>, Error> {
    let query = payment::Entity::find().filter(payment::Column::OrderId.eq(order_id));
    Ok(query.filter(payment::Column::Undo.eq(true)).all(db.read()).await?)
}

/// An order's reservations that are to be undone.
pub async fn reservations_to_undo(db: &Db, order_id: OrderId) -> Result<Vec<reservation::Model>, Error> {
    let query = reservation::Entity::find().filter(reservation::Column::OrderId.eq(order_id));
    Ok(query.filter(reservation::Column::Undo.eq(true)).all(db.read()).await?)
}

/// A payment is undone, or cannot be (`flagged`).
pub async fn finish_payment(tx: &Tx, id: PaymentId, flagged: bool) -> Result<(), Error> {
    payment::Entity::update_many()
        .col_expr(payment::Column::Undo, Expr::value(false))
        .col_expr(payment::Column::Flagged, Expr::value(flagged))
        .filter(payment::Column::PaymentId.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// A reservation is undone.
pub async fn finish_reservation(tx: &Tx, order_id: OrderId, attempt: i32) -> Result<(), Error> {
    reservation::Entity::update_many()
        .col_expr(reservation::Column::Undo, Expr::value(false))
        .filter(reservation::Column::OrderId.eq(order_id))
        .filter(reservation::Column::Attempt.eq(attempt))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Tries a payment's undoing again later.
pub async fn postpone_payment(tx: &Tx, id: PaymentId, until: Time) -> Result<(), Error> {
    payment::Entity::update_many()
        .col_expr(payment::Column::NextTry, Expr::value(until))
        .filter(payment::Column::PaymentId.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Tries a reservation's undoing again later.
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

/// Orders with something to undo whose time has come.
pub async fn due_undos(db: &Db, now: Time) -> Result<Vec<OrderId>, Error> {
    let payments = payment::Entity::find()
        .select_only()
        .column(payment::Column::OrderId)
        .filter(payment::Column::Undo.eq(true))
        .filter(payment::Column::NextTry.lte(now))
        .limit(BATCH);
    let mut ids: Vec<OrderId> = payments.into_tuple().all(db.read()).await?;
    let reservations = reservation::Entity::find()
        .select_only()
        .column(reservation::Column::OrderId)
        .filter(reservation::Column::Undo.eq(true))
        .filter(reservation::Column::NextTry.lte(now))
        .limit(BATCH);
    ids.extend(reservations.into_tuple::<OrderId>().all(db.read()).await?);
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Orders whose checkout nobody is at: the lease has run out.
pub async fn due_checkouts(db: &Db, now: Time) -> Result<Vec<order::Model>, Error> {
    let query = order::Entity::find()
        .filter(order::Column::Step.ne(Step::Idle))
        .filter(order::Column::LeaseUntil.lt(now));
    Ok(query.order_by_asc(order::Column::LeaseUntil).limit(BATCH).all(db.read()).await?)
}

/// Orders that were not paid in time.
pub async fn due_expiries(db: &Db, now: Time) -> Result<Vec<order::Model>, Error> {
    let query = order::Entity::find()
        .filter(order::Column::State.eq(State::AwaitingPayment))
        .filter(order::Column::ExpireTime.lt(now))
        .filter(order::Column::Step.eq(Step::Idle));
    Ok(query.limit(BATCH).all(db.read()).await?)
}

/// Takes an order's checkout over from whoever had it; `None` where somebody else was quicker.
pub async fn take_over(tx: &Tx, order: &order::Model, until: Time) -> Result<Option<i64>, Error> {
    let done = order::Entity::update_many()
        .col_expr(order::Column::Fence, Expr::col(order::Column::Fence).add(1))
        .col_expr(order::Column::LeaseUntil, Expr::value(until))
        .filter(order::Column::Id.eq(order.id))
        .filter(order::Column::Fence.eq(order.fence))
        .filter(order::Column::Step.eq(order.step))
        .exec(&**tx)
        .await?;
    Ok((done.rows_affected == 1).then_some(order.fence + 1))
}

/// Ends every lease.
pub async fn end_leases(tx: &Tx) -> Result<(), Error> {
    order::Entity::update_many()
        .col_expr(order::Column::LeaseUntil, Expr::value(Time(0)))
        .filter(order::Column::Step.ne(Step::Idle))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// All orders of a user.
pub async fn of_user(tx: &impl ConnectionTrait, user: UserId) -> Result<Vec<OrderId>, Error> {
    let query =
        order::Entity::find().select_only().column(order::Column::Id).filter(order::Column::UserId.eq(user));
    Ok(query.order_by_asc(order::Column::Id).into_tuple().all(tx).await?)
}
