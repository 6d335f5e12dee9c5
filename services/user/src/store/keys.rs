//! The keys that sign access tokens.

use kit::Tx;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::entities::signing_key::{Column, Entity, Model};

/// The keys that are not retired, the newest first: that one signs.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::RetireTime.is_null()).order_by_desc(Column::Slot).all(db).await
}

/// The slot after the last one taken, retired keys included.
pub async fn next_slot(tx: &Tx) -> Result<i32, DbErr> {
    Ok(Entity::find().order_by_desc(Column::Slot).limit(1).one(&**tx).await?.map_or(1, |last| last.slot + 1))
}

/// Adds a key.
pub async fn insert(tx: &Tx, key: Model) -> Result<(), DbErr> {
    Entity::insert(key.into_active_model().reset_all()).exec_without_returning(&**tx).await.map(|_| ())
}
