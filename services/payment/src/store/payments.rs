//! Queries over payments.

use kit::{Scope, Time, Tx, id::PaymentId, insert_new};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{LockBehavior, LockType},
};

use super::{
    Payment,
    payment::{ActiveModel, Column, Entity},
};
use crate::error::Error;

fn visible(scope: Scope, id: PaymentId) -> Select<Entity> {
    match scope {
        Scope::All => Entity::find_by_id(id),
        Scope::Owner(user) => Entity::find_by_id(id).filter(Column::UserId.eq(user)),
    }
}

/// A payment in the caller's sight.
pub async fn get(db: &impl ConnectionTrait, scope: Scope, id: PaymentId) -> Result<Payment, Error> {
    visible(scope, id).one(db).await?.ok_or(Error::NotFound)
}

/// The same, locked until the transaction ends.
pub async fn lock(tx: &Tx, scope: Scope, id: PaymentId) -> Result<Payment, Error> {
    visible(scope, id).lock_exclusive().one(&**tx).await?.ok_or(Error::NotFound)
}

/// The payment that a provider knows by a reference, locked until the transaction ends.
pub async fn lock_by_reference(tx: &Tx, provider: &str, reference: &str) -> Result<Option<Payment>, Error> {
    let found = Entity::find()
        .filter(Column::ProviderReference.eq(reference))
        .filter(Column::Provider.eq(provider))
        .lock_exclusive();
    Ok(found.one(&**tx).await?)
}

/// Records a new payment; `false` where the id is taken.
pub async fn insert(tx: &Tx, payment: Payment) -> Result<bool, Error> {
    let row: ActiveModel = payment.into();
    Ok(insert_new(&**tx, row.reset_all(), [Column::Id]).await?)
}

/// Writes a change of what had the version before it; fails where somebody else changed it meanwhile.
pub async fn update(tx: &Tx, payment: &Payment) -> Result<(), Error> {
    let row: ActiveModel = payment.clone().into();
    let mut row = row.reset_all();
    row.id = NotSet;
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(payment.id))
        .filter(Column::Version.eq(payment.version - 1))
        .exec(&**tx)
        .await?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::Changed) }
}

/// Sets when somebody must look after a payment again, without changing it; `false` where it is not of this
/// version any more.
pub async fn postpone(
    tx: &Tx,
    id: PaymentId,
    version: i64,
    until: Option<Time>,
    attempts: i32,
) -> Result<bool, Error> {
    let done = Entity::update_many()
        .col_expr(Column::NextPollTime, sea_orm::sea_query::Expr::value(until))
        .col_expr(Column::Attempts, sea_orm::sea_query::Expr::value(attempts))
        .filter(Column::Id.eq(id))
        .filter(Column::Version.eq(version))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

fn due(now: Time, limit: u64) -> Select<Entity> {
    Entity::find().filter(Column::NextPollTime.lte(now)).order_by_asc(Column::NextPollTime).limit(limit)
}

/// Whether some payment must be looked after.
pub async fn any_due(db: &impl ConnectionTrait, now: Time) -> Result<bool, Error> {
    Ok(due(now, 1).one(db).await?.is_some())
}

/// Payments that must be looked after, locked; those that another replica has locked are left to it.
pub async fn lock_due(tx: &Tx, limit: u64) -> Result<Vec<Payment>, Error> {
    let rows = due(tx.now(), limit).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(rows.all(&**tx).await?)
}
