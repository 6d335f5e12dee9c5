//! Sessions and the hashes of their refresh tokens, used ones included.

use std::net::IpAddr;

use kit::{
    Call, Time, Tx,
    id::{Id, PasskeyId, SessionId, UserId},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, LockType},
};

use super::entities::{refresh_token as token, session};
use crate::{
    credentials::TokenHash,
    domain::{session::expiry, source},
};

/// The client of a session: its program and its address, each empty where it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub user_agent: String,
    pub ip_address: String,
}

impl Client {
    /// The one that calls.
    pub fn of(call: &Call) -> Self {
        let address = call.client_address().map(|address| address.to_string());
        let user_agent = call.client_agent().unwrap_or_default().to_owned();
        Self { user_agent, ip_address: address.unwrap_or_default() }
    }
}

impl session::Model {
    /// The client that signed in or refreshed last.
    pub fn client(&self) -> Client {
        Client { user_agent: self.user_agent.clone(), ip_address: self.ip_address.clone() }
    }
}

/// What became of the sessions that were too many.
#[derive(Debug, PartialEq, Eq)]
pub enum Crowded {
    No,
    /// The oldest has ended.
    Ended(SessionId),
    /// Several have: there were more before there was a limit, or before it was lowered.
    EndedSeveral,
}

/// Begins a session of a user whom the transaction has locked: by a passkey, or otherwise.
pub async fn begin(
    tx: &Tx,
    user_id: UserId,
    hash: TokenHash,
    passkey_id: Option<PasskeyId>,
) -> Result<SessionId, DbErr> {
    let (id, now) = (SessionId::new(), tx.now());
    let Client { user_agent, ip_address } = Client::of(tx.call());
    let session = session::Model {
        id,
        user_id,
        user_agent,
        ip_address,
        create_time: now,
        last_time: now,
        expire_time: expiry(now, now),
        ended_time: None,
        passkey_id,
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

/// How many sessions of a user that are over are remembered, and how many more are forgotten at a time.
const ENDED: u64 = 100;
const FORGOTTEN_AT_ONCE: u64 = 500;
/// How many used tokens of a session are remembered: ten minutes apart, those of a month.
const USED: u64 = 4_500;
/// How many of a user's sessions are looked at for where the user has been.
const LOOKED_AT: u64 = 1_000;

/// Whether a user has had a session at the source of an address; those that are over are remembered for a week, as long
/// as they are not too many.
pub async fn has_been_at(db: &impl ConnectionTrait, user: UserId, address: IpAddr) -> Result<bool, DbErr> {
    let mut addresses = session::Entity::find().filter(session::Column::UserId.eq(user));
    if let IpAddr::V4(address) = address.to_canonical() {
        addresses = addresses.filter(session::Column::IpAddress.eq(address.to_string()));
    }
    let addresses: Vec<String> = addresses
        .select_only()
        .column(session::Column::IpAddress)
        .distinct()
        .limit(LOOKED_AT)
        .into_tuple()
        .all(db)
        .await?;
    Ok(addresses.iter().any(|written| source::is_same(written, address)))
}

/// Forgets the oldest sessions that are over of a user whom the transaction has locked, so that however often somebody
/// signs in and out the rest is no more than a few: each sign-in adds one, and forgets more than that.
pub async fn forget_ended(tx: &Tx, user: UserId) -> Result<(), DbErr> {
    let too_old: Vec<SessionId> = session::Entity::find()
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::EndedTime.is_not_null())
        .select_only()
        .column(session::Column::Id)
        .order_by_desc(session::Column::Id)
        .offset(ENDED)
        .limit(FORGOTTEN_AT_ONCE)
        .into_tuple()
        .all(&**tx)
        .await?;
    if too_old.is_empty() {
        return Ok(());
    }
    session::Entity::delete_many().filter(session::Column::Id.is_in(too_old)).exec(&**tx).await.map(|_| ())
}

/// When a session's user signed in.
pub async fn create_time(db: &impl ConnectionTrait, id: SessionId) -> Result<Option<Time>, DbErr> {
    Ok(session::Entity::find_by_id(id).one(db).await?.map(|session| session.create_time))
}

/// Reads a session and keeps others from changing it until the transaction ends.
pub async fn lock(tx: &Tx, id: SessionId) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find_by_id(id).lock(LockType::Update).one(&**tx).await
}

/// Ends the oldest sessions of a user whom the transaction has locked, so that the newest `most` are left. By two
/// statements of one size, however many there are.
pub async fn end_oldest(tx: &Tx, user: UserId, most: u32) -> Result<Crowded, DbErr> {
    let live = || {
        session::Entity::find()
            .filter(session::Column::UserId.eq(user))
            .filter(session::Column::EndedTime.is_null())
            .filter(session::Column::ExpireTime.gt(tx.now()))
    };
    // Ids are in the order in which sessions began.
    let first_too_old = live().order_by_desc(session::Column::Id).offset(u64::from(most)).one(&**tx).await?;
    let Some(session::Model { id, .. }) = first_too_old else { return Ok(Crowded::No) };
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedTime, Expr::value(tx.now()))
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::EndedTime.is_null())
        .filter(session::Column::Id.lte(id))
        .exec(&**tx)
        .await?;
    Ok(if ended.rows_affected == 1 { Crowded::Ended(id) } else { Crowded::EndedSeveral })
}

/// When a token was used; none where there is no such token.
pub async fn used_time(tx: &Tx, hash: &TokenHash) -> Result<Option<Option<Time>>, DbErr> {
    let token = token::Entity::find_by_id(hash.0.clone()).one(&**tx).await?;
    Ok(token.map(|token| token.used_time))
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

/// Gives a locked session its next token, and notes the client.
pub async fn rotate(tx: &Tx, session: &session::Model, hash: TokenHash) -> Result<(), DbErr> {
    let (now, client) = (tx.now(), Client::of(tx.call()));
    session::Entity::update_many()
        .col_expr(session::Column::UserAgent, Expr::value(client.user_agent))
        .col_expr(session::Column::IpAddress, Expr::value(client.ip_address))
        .col_expr(session::Column::LastTime, Expr::value(now))
        .col_expr(session::Column::ExpireTime, Expr::value(expiry(session.create_time, now)))
        .filter(session::Column::Id.eq(session.id))
        .exec(&**tx)
        .await?;
    // One in 256, because it is a look at many rows.
    if hash.0.starts_with("00") {
        forget_used(tx, session.id).await?;
    }
    add_token(tx, session.id, hash).await
}

/// Forgets the oldest used tokens of a session that is refreshed more often than any program needs to. What is sent again of
/// those is refused and ends nothing.
pub async fn forget_used(tx: &Tx, session: SessionId) -> Result<(), DbErr> {
    let used = token::Entity::find()
        .filter(token::Column::SessionId.eq(session))
        .filter(token::Column::UsedTime.is_not_null())
        .order_by_desc(token::Column::UsedTime)
        .offset(USED)
        .limit(1);
    let Some(used_time) = used.one(&**tx).await?.and_then(|token| token.used_time) else { return Ok(()) };
    token::Entity::delete_many()
        .filter(token::Column::SessionId.eq(session))
        .filter(token::Column::UsedTime.lte(used_time))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Ends a session of a user; whether it had not ended yet.
pub async fn end(tx: &Tx, user: UserId, id: SessionId) -> Result<bool, DbErr> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedTime, Expr::value(tx.now()))
        .filter(session::Column::Id.eq(id))
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::EndedTime.is_null())
        .exec(&**tx)
        .await?;
    Ok(ended.rows_affected == 1)
}

/// Ends all sessions of a user whom the transaction has locked, but for one, by one statement, however many there are.
/// None begins meanwhile, because that takes the user's lock.
pub async fn end_all(tx: &Tx, user: UserId, but: Option<SessionId>) -> Result<u64, DbErr> {
    let mut ending = session::Entity::update_many()
        .col_expr(session::Column::EndedTime, Expr::value(tx.now()))
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::EndedTime.is_null());
    if let Some(kept) = but {
        ending = ending.filter(session::Column::Id.ne(kept));
    }
    ending.exec(&**tx).await.map(|ended| ended.rows_affected)
}

/// A page of a user's sessions: those that have not ended at a time, or all that are remembered. Those that began before
/// `after`, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    live_at: Option<Time>,
    after: Option<SessionId>,
    limit: u64,
) -> Result<Vec<session::Model>, DbErr> {
    let mut found = session::Entity::find().filter(session::Column::UserId.eq(user));
    if let Some(now) = live_at {
        found =
            found.filter(session::Column::EndedTime.is_null()).filter(session::Column::ExpireTime.gt(now));
    }
    if let Some(after) = after {
        found = found.filter(session::Column::Id.lt(after));
    }
    found.order_by_desc(session::Column::Id).limit(limit).all(db).await
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
