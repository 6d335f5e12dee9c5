//! Passkeys, and the challenges that were answered.

use kit::{
    Time, Tx,
    fault::unique_violation,
    id::{Id, PasskeyId, SessionId, UserId},
    insert_new,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType},
};

use super::entities::{
    passkey::{Column, Entity, Model},
    session, spent_challenge as spent,
};
use crate::{
    credentials::passkeys::{Challenge, Credential, Use},
    domain::passkeys::MOST,
    error::Error,
};

impl Model {
    /// As the relying party knows it.
    pub fn credential(&self) -> Credential {
        Credential {
            id: self.credential_id.clone(),
            public_key: self.public_key.clone(),
            transports: u8::try_from(self.transports).unwrap_or_default(),
            use_: Use { backup: self.backup, sign_count: self.sign_count },
        }
    }
}

/// Adds a passkey of a user whom the transaction has locked: that lock makes the count hold.
pub async fn insert(tx: &Tx, user_id: UserId, name: &str, new: &Credential) -> Result<Model, Error> {
    if count(&**tx, user_id).await? >= MOST {
        return Err(Error::TooManyPasskeys);
    }
    let row = Model {
        id: PasskeyId::new(),
        user_id,
        name: name.to_owned(),
        credential_hash: new.hash(),
        credential_id: new.id.clone(),
        public_key: new.public_key.clone(),
        transports: new.transports.into(),
        backup: new.use_.backup,
        sign_count: new.use_.sign_count,
        create_time: tx.now(),
        last_used_time: None,
    };
    let inserted = Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(&**tx);
    inserted.await.map_err(|error| match unique_violation(&error) {
        Some(_) => Error::PasskeyThere,
        None => Error::Database(error),
    })?;
    Ok(row)
}

/// How many passkeys a user has.
pub async fn count(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    Entity::find().filter(Column::UserId.eq(user)).count(db).await
}

/// By which authenticators know the passkeys of a user, and how clients reach them.
pub async fn known(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<(Vec<u8>, u8)>, DbErr> {
    let rows: Vec<(Vec<u8>, i16)> = Entity::find()
        .filter(Column::UserId.eq(user))
        .select_only()
        .columns([Column::CredentialId, Column::Transports])
        .limit(MOST)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|(id, bits)| (id, u8::try_from(bits).unwrap_or_default())).collect())
}

/// A page of a user's passkeys: those made before `after`, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    after: Option<PasskeyId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut keys = Entity::find().filter(Column::UserId.eq(user));
    if let Some(after) = after {
        keys = keys.filter(Column::Id.lt(after));
    }
    keys.order_by_desc(Column::Id).limit(limit).all(db).await
}

/// The passkey with a credential's id of this SHA-256.
pub async fn by_credential(db: &impl ConnectionTrait, hash: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::CredentialHash.eq(hash)).one(db).await
}

/// Reads a passkey of a user, whom the transaction has locked, to change it.
pub async fn lock(tx: &Tx, user: UserId, id: PasskeyId) -> Result<Option<Model>, DbErr> {
    let found = Entity::find_by_id(id).lock(LockType::Update).one(&**tx).await?;
    Ok(found.filter(|key| key.user_id == user))
}

/// Removes a locked passkey.
pub async fn delete(tx: &Tx, id: PasskeyId) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(&**tx).await.map(|_| ())
}

/// Notes that a locked passkey was used.
pub async fn note_use(tx: &Tx, id: PasskeyId, used: Use) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Backup, Expr::value(used.backup))
        .col_expr(Column::SignCount, Expr::value(used.sign_count))
        .col_expr(Column::LastUsedTime, Expr::value(tx.now()))
        .filter(Column::Id.eq(id))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Uses up a challenge. False: it was answered before. Of two answers at once the primary key lets one be the first.
pub async fn spend(tx: &Tx, challenge: Challenge) -> Result<bool, DbErr> {
    let row = spent::Model { id: challenge.id, expire_time: challenge.expire_time };
    insert_new(&**tx, row.into_active_model().reset_all(), [spent::Column::Id]).await
}

/// Forgets challenges that have expired: their tokens count no more by themselves.
pub async fn prune(tx: &Tx, before: Time) -> Result<(), DbErr> {
    spent::Entity::delete_many().filter(spent::Column::ExpireTime.lt(before)).exec(&**tx).await.map(|_| ())
}

/// Whether a session began with a passkey that is still there.
pub async fn began(db: &impl ConnectionTrait, id: SessionId) -> Result<bool, DbErr> {
    Ok(session::Entity::find_by_id(id).one(db).await?.is_some_and(|session| session.passkey_id.is_some()))
}

/// Which sessions had begun with a passkey.
pub struct Left {
    /// The one that is kept.
    pub kept: bool,
    pub others: bool,
}

/// Ends the sessions of a user, whom the transaction has locked, that began with a passkey; of one that is kept it forgets
/// by what it began.
pub async fn leave(
    tx: &Tx,
    user: UserId,
    passkey: PasskeyId,
    kept: Option<SessionId>,
) -> Result<Left, DbErr> {
    let of_it = || {
        session::Entity::update_many()
            .filter(session::Column::UserId.eq(user))
            .filter(session::Column::PasskeyId.eq(passkey))
            .filter(session::Column::EndedTime.is_null())
    };
    let mut left = Left { kept: false, others: false };
    if let Some(kept) = kept {
        let nothing = Expr::value(None::<PasskeyId>);
        let forgot =
            of_it().col_expr(session::Column::PasskeyId, nothing).filter(session::Column::Id.eq(kept));
        left.kept = forgot.exec(&**tx).await?.rows_affected > 0;
    }
    let ended = of_it().col_expr(session::Column::EndedTime, Expr::value(tx.now())).exec(&**tx).await?;
    left.others = ended.rows_affected > 0;
    Ok(left)
}
