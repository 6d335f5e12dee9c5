//! Tokens that were sent by mail and not used yet.

use kit::{Time, Tx, id::UserId, insert_new};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    prelude::Uuid, sea_query::LockType,
};

use super::entities::{
    one_time_token::{Column, Entity, Model},
    user,
};
use crate::domain::mail::Purpose;

/// Adds a token for the address that a user has; one of this id may be there already.
pub async fn add(tx: &Tx, id: Uuid, purpose: Purpose, user: &user::Model, from: Time) -> Result<(), DbErr> {
    let row = Model {
        id,
        user_id: user.id,
        purpose,
        email_folded: user.email_folded.clone(),
        expire_time: from + purpose.lifetime(),
    };
    insert_new(&**tx, row.into_active_model().reset_all(), [Column::Id]).await.map(|_| ())
}

/// Whose token it is, without a lock: to learn which row to lock.
pub async fn owner(
    db: &impl sea_orm::ConnectionTrait,
    id: Uuid,
    purpose: Purpose,
) -> Result<Option<UserId>, DbErr> {
    let found = Entity::find_by_id(id).filter(Column::Purpose.eq(purpose)).one(db).await?;
    Ok(found.map(|token| token.user_id))
}

/// Uses up a token of a user whom the transaction has locked. False: it is none (any more), or not for the address that
/// the user has. With it all others of its purpose are gone.
pub async fn spend(tx: &Tx, id: Uuid, purpose: Purpose, user: &user::Model) -> Result<bool, DbErr> {
    let found = Entity::find_by_id(id).lock(LockType::Update).one(&**tx).await?;
    let counts = found.is_some_and(|token| {
        token.purpose == purpose
            && token.user_id == user.id
            && token.email_folded == user.email_folded
            && tx.now() < token.expire_time
    });
    if counts {
        drop_all(tx, user.id, purpose).await?;
    }
    Ok(counts)
}

/// Forgets a user's tokens of a purpose.
pub async fn drop_all(tx: &Tx, user: UserId, purpose: Purpose) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Purpose.eq(purpose))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Forgets what has expired.
pub async fn prune(tx: &Tx) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::ExpireTime.lt(tx.now())).exec(&**tx).await.map(|_| ())
}
