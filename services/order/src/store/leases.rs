//! Who drives which checkout: orders whose driver is gone, orders that were not paid in time, and taking them over.

use kit::{Db, Time, Tx};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::entities::order;
use crate::{
    domain::{State, Step},
    error::Error,
};

/// Orders of one look.
pub(super) const BATCH: u64 = 50;

/// Orders whose checkout nobody drives: the lease has run out.
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
///
/// The sweepers of several replicas find the same order at the same time. Fence and step stand in the UPDATE's
/// condition: it waits for the row's lock, and then matches for the first of them alone. It does not match either where
/// the old owner was only slow and has taken its step in the meantime.
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

/// Ends every lease. The fencing numbers stay; who takes the orders over raises them.
pub async fn end_leases(tx: &Tx) -> Result<(), Error> {
    order::Entity::update_many()
        .col_expr(order::Column::LeaseUntil, Expr::value(Time(0)))
        .filter(order::Column::Step.ne(Step::Idle))
        .exec(&**tx)
        .await?;
    Ok(())
}
