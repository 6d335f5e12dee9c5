//! Sessions and the hashes of their refresh tokens, used ones included.

use kit::{
    Time, Tx,
    id::{Id, SessionId, UserId},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, LockType},
};

use super::entities::{refresh_token as token, session};
use crate::{credentials::TokenHash, domain::session::expiry};

/// Begins a session of a user whom the transaction has locked.
pub async fn begin(tx: &Tx, user_id: UserId, hash: TokenHash) -> Result<SessionId, DbErr> {
    let (id, now) = (SessionId::new(), tx.now());
    let session = session::Model {
        id,
        user_id,
        create_time: now,
        last_time: now,
        expire_time: expiry(now, now),
        ended_time: None,
    };
    session::Entity::insert(session.into_active_model().reset_all()).exec_without_returning(&**tx).await?;
    add_token(tx, id, hash).await?;
    Ok(id)
}

/// The session that a refresh token was given for.
pub async fn of_token(db: &impl ConnectionTrait, hash: &TokenHash) -> Result<Option<session::Model>, DbErr> {
    let Some(token) = token::Entity::find_by_id(hash.0.clone()).one(db).await? else { return Ok(None) };
    session::Entity::find_by_id(token.session_id).one(db).await
}

/// Reads a session and keeps others from changing it until the transaction ends.
pub async fn lock(tx: &Tx, id: SessionId) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find_by_id(id).lock(LockType::Update).one(&**tx).await
}

/// Uses a token up. False: it was used before. A conditional UPDATE and not a read first: of two at once, one matches.
pub async fn use_token(tx: &Tx, hash: &TokenHash) -> Result<bool, DbErr> {
    let done = token::Entity::update_many()
        .col_expr(token::Column::UsedTime, Expr::value(tx.now()))
        .filter(token::Column::Hash.eq(hash.0.as_str()))
        .filter(token::Column::UsedTime.is_null())
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Gives a locked session its next token.
pub async fn rotate(tx: &Tx, session: &session::Model, hash: TokenHash) -> Result<(), DbErr> {
    let now = tx.now();
    session::Entity::update_many()
        .col_expr(session::Column::LastTime, Expr::value(now))
        .col_expr(session::Column::ExpireTime, Expr::value(expiry(session.create_time, now)))
        .filter(session::Column::Id.eq(session.id))
        .exec(&**tx)
        .await?;
    add_token(tx, session.id, hash).await
}

/// Ends a session, if it has not ended yet.
pub async fn end(tx: &Tx, id: SessionId) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::EndedTime, Expr::value(tx.now()))
        .filter(session::Column::Id.eq(id))
        .filter(session::Column::EndedTime.is_null())
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Ends all sessions of a user whom the transaction has locked, but for one; returns those that it ended. None begins
/// meanwhile, because that takes the user's lock.
pub async fn end_all(tx: &Tx, user: UserId, but: Option<SessionId>) -> Result<Vec<SessionId>, DbErr> {
    let live = session::Entity::find()
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::EndedTime.is_null())
        .order_by_asc(session::Column::Id)
        .lock(LockType::Update)
        .all(&**tx)
        .await?;
    let ids: Vec<SessionId> = live.iter().map(|session| session.id).filter(|id| Some(*id) != but).collect();
    if !ids.is_empty() {
        session::Entity::update_many()
            .col_expr(session::Column::EndedTime, Expr::value(tx.now()))
            .filter(session::Column::Id.is_in(ids.iter().copied()))
            .exec(&**tx)
            .await?;
    }
    Ok(ids)
}

/// Forgets sessions that expired or ended before a time, and tokens that were used before it.
pub async fn prune(tx: &Tx, gone: Time, used: Time) -> Result<u64, DbErr> {
    let sessions = session::Entity::delete_many()
        .filter(session::Column::ExpireTime.lt(gone).or(session::Column::EndedTime.lt(gone)))
        .exec(&**tx)
        .await?;
    let tokens = token::Entity::delete_many().filter(token::Column::UsedTime.lt(used)).exec(&**tx).await?;
    Ok(sessions.rows_affected + tokens.rows_affected)
}

async fn add_token(tx: &Tx, session: SessionId, hash: TokenHash) -> Result<(), DbErr> {
    let fresh = token::Model::fresh(hash, session);
    let row = token::ActiveModel {
        hash: Set(fresh.hash),
        session_id: Set(fresh.session_id),
        used_time: Set(fresh.used_time),
    };
    token::Entity::insert(row).exec_without_returning(&**tx).await.map(|_| ())
}
