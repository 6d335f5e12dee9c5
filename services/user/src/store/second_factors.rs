//! Second factors and codes for recovery. Both change under their user's lock.

use kit::{Tx, id::UserId};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

use super::entities::{recovery_code, second_factor as factor};

/// A user's second factor, confirmed or not.
pub async fn find(db: &impl ConnectionTrait, user: UserId) -> Result<Option<factor::Model>, DbErr> {
    factor::Entity::find_by_id(user).one(db).await
}

/// Whether anybody has one.
pub async fn any(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(factor::Entity::find().limit(1).one(db).await?.is_some())
}

/// How many codes for recovery a user has left.
pub async fn count_codes(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    recovery_code::Entity::find().filter(recovery_code::Column::UserId.eq(user)).count(db).await
}

/// Begins with a secret that does not count yet, in place of another that did not.
pub async fn begin(tx: &Tx, user: UserId, wrapped_secret: String) -> Result<(), DbErr> {
    factor::Entity::delete_by_id(user).exec(&**tx).await?;
    let row = factor::Model { user_id: user, wrapped_secret, confirm_time: None, last_step: 0 };
    factor::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(&**tx).await?;
    Ok(())
}

/// From now on it counts. These codes for recovery replace any others.
pub async fn confirm(tx: &Tx, user: UserId, hashes: Vec<String>) -> Result<(), DbErr> {
    factor::Entity::update_many()
        .col_expr(factor::Column::ConfirmTime, Expr::value(tx.now()))
        .filter(factor::Column::UserId.eq(user))
        .exec(&**tx)
        .await?;
    forget_codes(tx, user).await?;
    let row = |hash| recovery_code::Model { user_id: user, hash }.into_active_model().reset_all();
    let rows = hashes.into_iter().map(row);
    recovery_code::Entity::insert_many(rows).exec_without_returning(&**tx).await.map(|_| ())
}

/// Uses up the code of a step. False: it, or a later one, was used before. Of two uses at once the condition lets one.
pub async fn use_step(tx: &Tx, user: UserId, step: i64) -> Result<bool, DbErr> {
    let done = factor::Entity::update_many()
        .col_expr(factor::Column::LastStep, Expr::value(step))
        .filter(factor::Column::UserId.eq(user))
        .filter(factor::Column::LastStep.lt(step))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Uses up a code for recovery. False: it is none (any more).
pub async fn use_recovery(tx: &Tx, user: UserId, hash: &str) -> Result<bool, DbErr> {
    let done = recovery_code::Entity::delete_many()
        .filter(recovery_code::Column::UserId.eq(user))
        .filter(recovery_code::Column::Hash.eq(hash))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Removes a user's second factor with all codes.
pub async fn remove(tx: &Tx, user: UserId) -> Result<(), DbErr> {
    factor::Entity::delete_by_id(user).exec(&**tx).await?;
    forget_codes(tx, user).await
}

async fn forget_codes(tx: &Tx, user: UserId) -> Result<(), DbErr> {
    recovery_code::Entity::delete_many()
        .filter(recovery_code::Column::UserId.eq(user))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Some second factors, in the order of their users' ids.
pub async fn page(
    db: &impl ConnectionTrait,
    after: Option<UserId>,
    limit: u64,
) -> Result<Vec<factor::Model>, DbErr> {
    let mut rows = factor::Entity::find();
    if let Some(after) = after {
        rows = rows.filter(factor::Column::UserId.gt(after));
    }
    rows.order_by_asc(factor::Column::UserId).limit(limit).all(db).await
}

/// Those of the oldest and of the newest users.
pub async fn ends(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<factor::Model>, DbErr> {
    let mut rows = page(db, None, limit).await?;
    rows.extend(factor::Entity::find().order_by_desc(factor::Column::UserId).limit(limit).all(db).await?);
    Ok(rows)
}

/// Gives a secret another wrapping, unless it has changed meanwhile.
pub async fn rewrap(tx: &Tx, user: UserId, old: &str, new: &str) -> Result<bool, DbErr> {
    let done = factor::Entity::update_many()
        .col_expr(factor::Column::WrappedSecret, Expr::value(new))
        .filter(factor::Column::UserId.eq(user))
        .filter(factor::Column::WrappedSecret.eq(old))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}
