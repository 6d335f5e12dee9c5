//! The keys that sign access tokens.

use kit::{Time, Tx};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

use super::entities::signing_key::{Column, Entity, Model};

/// The keys that are not retired, the newest first.
pub async fn live(db: &impl ConnectionTrait, now: Time) -> Result<Vec<Model>, DbErr> {
    let live = Condition::any().add(Column::RetireTime.is_null()).add(Column::RetireTime.gt(now));
    Entity::find().filter(live).order_by_desc(Column::Slot).all(db).await
}

/// All that there are.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_desc(Column::Slot).all(db).await
}

/// Whether there is one.
pub async fn any(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(Entity::find().limit(1).one(db).await?.is_some())
}

/// The slot after the last one taken, retired keys included.
pub async fn next_slot(tx: &Tx) -> Result<i32, DbErr> {
    Ok(Entity::find().order_by_desc(Column::Slot).limit(1).one(&**tx).await?.map_or(1, |last| last.slot + 1))
}

/// Adds a key.
pub async fn insert(tx: &Tx, key: Model) -> Result<(), DbErr> {
    Entity::insert(key.into_active_model().reset_all()).exec_without_returning(&**tx).await.map(|_| ())
}

/// Says when a key is to count no more.
pub async fn retire(tx: &Tx, kid: &str, at: Time) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::RetireTime, Expr::value(at));
    update.filter(Column::Kid.eq(kid)).exec(&**tx).await.map(|_| ())
}

/// Forgets a key.
pub async fn delete(tx: &Tx, kid: &str) -> Result<(), DbErr> {
    Entity::delete_by_id(kid.to_owned()).exec(&**tx).await.map(|_| ())
}

/// Whether there are keys that count no more.
pub async fn any_retired(db: &impl ConnectionTrait, now: Time) -> Result<bool, DbErr> {
    let found = Entity::find().filter(Column::RetireTime.lte(now)).limit(1).one(db).await?;
    Ok(found.is_some())
}

/// Forgets them.
pub async fn delete_retired(tx: &Tx, now: Time) -> Result<u64, DbErr> {
    Ok(Entity::delete_many().filter(Column::RetireTime.lte(now)).exec(&**tx).await?.rows_affected)
}

/// Gives a key another wrapping, unless it has changed meanwhile.
pub async fn rewrap(tx: &Tx, kid: &str, old: &[u8], new: Vec<u8>) -> Result<bool, DbErr> {
    let update = Entity::update_many().col_expr(Column::WrappedKey, Expr::value(new));
    let update = update.filter(Column::Kid.eq(kid)).filter(Column::WrappedKey.eq(old.to_vec()));
    Ok(update.exec(&**tx).await?.rows_affected == 1)
}
