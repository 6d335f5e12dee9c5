//! What is to be given back of orders that ended: marks on their payments and reservations.

use std::time::Duration;

use kit::{Db, Time, Tx, id::OrderId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

use super::{
    entities::{payment, reservation},
    leases::BATCH,
};
use crate::{domain::PaymentState, error::Error};

/// How long the process that marked something gets before sweepers try. A matter of economy: two that compensate the
/// same do no harm.
pub(super) const HEAD_START: Duration = Duration::from_secs(3);

/// Marks everything for compensation that an order asked of others. Part of the transaction that ends the order, so
/// that there is no ended order whose stock or money nobody gives back.
pub async fn mark_all(tx: &Tx, order_id: OrderId) -> Result<(), Error> {
    payment::Entity::update_many()
        .col_expr(payment::Column::ToCompensate, Expr::value(true))
        .col_expr(payment::Column::NextTry, Expr::value(tx.now() + HEAD_START))
        .filter(payment::Column::OrderId.eq(order_id))
        .filter(payment::Column::State.is_not_in(PaymentState::WITHOUT_MONEY))
        .exec(&**tx)
        .await?;
    reservation::Entity::update_many()
        .col_expr(reservation::Column::ToCompensate, Expr::value(true))
        .col_expr(reservation::Column::NextTry, Expr::value(tx.now() + HEAD_START))
        .filter(reservation::Column::OrderId.eq(order_id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Orders with something to compensate whose time has come.
pub async fn due_compensations(db: &Db, now: Time) -> Result<Vec<OrderId>, Error> {
    let payments = payment::Entity::find()
        .select_only()
        .column(payment::Column::OrderId)
        .filter(payment::Column::ToCompensate.eq(true))
        .filter(payment::Column::NextTry.lte(now))
        .limit(BATCH);
    let mut ids: Vec<OrderId> = payments.into_tuple().all(db.read()).await?;
    let reservations = reservation::Entity::find()
        .select_only()
        .column(reservation::Column::OrderId)
        .filter(reservation::Column::ToCompensate.eq(true))
        .filter(reservation::Column::NextTry.lte(now))
        .limit(BATCH);
    ids.extend(reservations.into_tuple::<OrderId>().all(db.read()).await?);
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}
