//! Refunds: rows and queries.

use contracts::payment as wire;
use kit::{
    Time, Tx,
    id::{PaymentId, RefundId},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

pub use super::entities::refund::Model as Refund;
use super::entities::refund::{ActiveModel, Column, Entity};
use crate::{domain::RefundState, error::Error};

/// Publishes a refund as it is now. Its payment is locked, so that followers get the changes of all its refunds in their
/// order.
pub fn publish(tx: &Tx, refund: &Refund) {
    let event = wire::RefundChanged {
        refund_id: refund.id.to_string(),
        payment_id: refund.payment_id.to_string(),
        state: wire::RefundState::from(refund.state).into(),
    };
    tx.publish(refund.payment_id, &event);
}

/// Records a new refund, and publishes it.
pub async fn insert(tx: &Tx, refund: Refund) -> Result<(), Error> {
    publish(tx, &refund);
    let row: ActiveModel = refund.into();
    Entity::insert(row.reset_all()).exec_without_returning(&**tx).await?;
    Ok(())
}

/// A refund, locked until the transaction ends. Lock its payment first, where both are changed: two transactions that
/// locked them in different orders would be a deadlock.
pub async fn lock(tx: &Tx, id: RefundId) -> Result<Refund, Error> {
    Entity::find_by_id(id).lock_exclusive().one(&**tx).await?.ok_or(Error::NotFound)
}

/// Writes a change of a row that had the version before it; fails where somebody else changed it meanwhile.
pub async fn update(tx: &Tx, refund: &Refund) -> Result<(), Error> {
    let row: ActiveModel = refund.clone().into();
    let mut row = row.reset_all();
    row.id = NotSet;
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(refund.id))
        .filter(Column::Version.eq(refund.version - 1))
        .exec(&**tx)
        .await?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::Changed) }
}

/// Moves the end of a refund's lease; `false` where it is not of this version any more.
pub async fn postpone(tx: &Tx, id: RefundId, version: i64, until: Time) -> Result<bool, Error> {
    let done = Entity::update_many()
        .col_expr(Column::NextPollTime, sea_orm::sea_query::Expr::value(until))
        .filter(Column::Id.eq(id))
        .filter(Column::Version.eq(version))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Refunds that are due.
pub async fn due(db: &impl ConnectionTrait, now: Time, limit: u64) -> Result<Vec<Refund>, Error> {
    let rows = Entity::find().filter(Column::NextPollTime.lte(now)).order_by_asc(Column::NextPollTime);
    Ok(rows.limit(limit).all(db).await?)
}

/// How much of a payment was refunded and returned.
pub async fn came_back(tx: &Tx, payment: PaymentId) -> Result<i64, Error> {
    let rows = Entity::find().filter(Column::PaymentId.eq(payment)).filter(Column::CameBack.eq(true));
    Ok(rows.all(&**tx).await?.iter().map(|refund| refund.amount_minor).sum())
}

/// A payment's refunds that were made at the provider and SUCCEEDED, the newest first, locked; lock the payment before.
pub async fn made_there(tx: &Tx, payment: PaymentId) -> Result<Vec<Refund>, Error> {
    let rows = Entity::find()
        .filter(Column::PaymentId.eq(payment))
        .filter(Column::AtProvider.eq(true))
        .filter(Column::State.eq(RefundState::Succeeded))
        .order_by_desc(Column::Id);
    Ok(rows.lock_exclusive().all(&**tx).await?)
}

/// A payment's refunds after one of them, the oldest first.
pub async fn list(
    db: &impl ConnectionTrait,
    payment: PaymentId,
    after: Option<RefundId>,
    limit: u64,
) -> Result<Vec<Refund>, Error> {
    let mut rows = Entity::find().filter(Column::PaymentId.eq(payment)).order_by_asc(Column::Id).limit(limit);
    if let Some(after) = after {
        rows = rows.filter(Column::Id.gt(after));
    }
    Ok(rows.all(db).await?)
}
