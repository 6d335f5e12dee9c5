//! API keys: what is known of their secrets are hashes.

use kit::{
    Time, Tx,
    id::{ApiKeyId, Id, UserId},
    permissions::Scopes,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockType},
};

use super::entities::api_key::{self as key, Column, Entity, Model};
use crate::{
    domain::api_keys::{self, MOST},
    error::Error,
};

/// What a key begins with.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub user_id: UserId,
    pub name: String,
    pub prefix: String,
    /// SHA-256 of the secret, in hexadecimal.
    pub secret_hash: String,
    pub scopes: Scopes,
    pub expire_time: Option<Time>,
}

impl Model {
    /// What it is limited to.
    pub fn scopes(&self) -> Scopes {
        Scopes::of_bits(self.scopes)
    }
}

/// Adds a key of a user whom the transaction has locked: that lock makes the count hold.
pub async fn insert(tx: &Tx, new: NewKey) -> Result<Model, Error> {
    if Entity::find().filter(Column::UserId.eq(new.user_id)).count(&**tx).await? >= MOST {
        return Err(Error::TooManyKeys);
    }
    let row = Model {
        id: ApiKeyId::new(),
        user_id: new.user_id,
        name: new.name,
        prefix: new.prefix,
        secret_hash: new.secret_hash,
        old_hash: None,
        old_expire_time: None,
        scopes: new.scopes.bits(),
        version: 1,
        create_time: tx.now(),
        expire_time: new.expire_time,
        last_used_time: None,
    };
    Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&**tx).await?;
    Ok(row)
}

/// A page of a user's keys: those made before `after`, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    after: Option<ApiKeyId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut keys = Entity::find().filter(Column::UserId.eq(user));
    if let Some(after) = after {
        keys = keys.filter(Column::Id.lt(after));
    }
    keys.order_by_desc(Column::Id).limit(limit).all(db).await
}

/// Reads a key of a user.
pub async fn find(db: &impl ConnectionTrait, user: UserId, id: ApiKeyId) -> Result<Model, Error> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.filter(|key| key.user_id == user).ok_or(Error::KeyNotFound)
}

/// Reads a key of a user, whom the transaction has locked, to change it.
pub async fn lock(tx: &Tx, user: UserId, id: ApiKeyId) -> Result<Model, Error> {
    let found = Entity::find_by_id(id).lock(LockType::Update).one(&**tx).await?;
    found.filter(|key| key.user_id == user).ok_or(Error::KeyNotFound)
}

/// Gives a locked key another secret; the old one lives on until a time.
pub async fn rotate(tx: &Tx, before: Model, hash: String, old_until: Option<Time>) -> Result<Model, DbErr> {
    let row = Model {
        old_hash: old_until.map(|_| before.secret_hash),
        old_expire_time: old_until,
        secret_hash: hash,
        version: before.version + 1,
        ..before
    };
    Entity::update(row.clone().into_active_model().reset_all()).exec(&**tx).await?;
    Ok(row)
}

/// Whether a user has any.
pub async fn has_any(db: &impl ConnectionTrait, user: UserId) -> Result<bool, DbErr> {
    let any = Entity::find().filter(Column::UserId.eq(user)).select_only().column(Column::Id).limit(1);
    Ok(any.into_tuple::<ApiKeyId>().one(db).await?.is_some())
}

/// Removes all of a user whom the transaction has locked, of whom there are at most [`MOST`]; which these were.
pub async fn delete_all(tx: &Tx, user: UserId) -> Result<Vec<ApiKeyId>, DbErr> {
    let ids = Entity::find().filter(Column::UserId.eq(user)).select_only().column(Column::Id);
    let ids: Vec<ApiKeyId> = ids.into_tuple().all(&**tx).await?;
    if !ids.is_empty() {
        Entity::delete_many().filter(Column::UserId.eq(user)).exec(&**tx).await?;
    }
    Ok(ids)
}

/// Removes a locked key.
pub async fn delete(tx: &Tx, id: ApiKeyId) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(&**tx).await.map(|_| ())
}

/// The key with this prefix.
pub async fn by_prefix(db: &impl ConnectionTrait, prefix: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Prefix.eq(prefix)).one(db).await
}

/// Notes that a key is used; of several processes at once, one writes.
pub async fn note_use(tx: &Tx, id: ApiKeyId) -> Result<(), DbErr> {
    let now = tx.now();
    Entity::update_many()
        .col_expr(Column::LastUsedTime, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::LastUsedTime.is_null().or(Column::LastUsedTime.lte(now - api_keys::NOTE_AGAIN)))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Forgets keys that expired before a time.
pub async fn prune(tx: &Tx, gone: Time) -> Result<(), DbErr> {
    Entity::delete_many().filter(key::Column::ExpireTime.lt(gone)).exec(&**tx).await.map(|_| ())
}
