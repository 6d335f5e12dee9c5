//! Failed sign-ins, by login. A login is kept as its SHA-256: what people type into such fields is not for
//! keeping.

use kit::{Time, Tx, insert_new};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, LockType},
};

use super::entities::sign_in_failure::{ActiveModel, Column, Entity, Model};
use crate::{
    credentials::sha256,
    domain::throttle::{Failures, Limit, Wait},
};

/// What failures are counted against.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login {
    key: String,
    /// Whether a success forgets it.
    ends_by_success: bool,
}

impl Login {
    fn of(what: &str) -> Self {
        Self { key: sha256(what.as_bytes()), ends_by_success: false }
    }

    /// Whether a success forgets it.
    pub fn ends_by_success(&self) -> bool {
        self.ends_by_success
    }

    /// An account (a user's id, or the folded login of nobody) that somebody signs in to from a source.
    pub fn of_account_and_source(account: &str, source: &str) -> Self {
        Self { ends_by_success: true, ..Self::of(&format!("account {account} at {source}")) }
    }

    /// An account, over all sources.
    pub fn of_account(account: &str) -> Self {
        Self::of(&format!("account {account}"))
    }

    /// A source, over all accounts.
    pub fn of_source(source: &str) -> Self {
        Self::of(&format!("source {source}"))
    }

    /// Somebody who signs in again within a session.
    pub fn of_session(session: kit::id::SessionId) -> Self {
        Self { ends_by_success: true, ..Self::of(&format!("session {session}")) }
    }

    /// Codes of a user's second factor, over all sources.
    pub fn code(user: kit::id::UserId) -> Self {
        Self::of(&format!("code of {user}"))
    }

    /// The same within a day.
    pub fn codes_of_day(user: kit::id::UserId) -> Self {
        Self::of(&format!("codes of {user} within a day"))
    }

    /// Accounts that a source makes.
    pub fn registrations_of(source: &str) -> Self {
        Self::of(&format!("registrations of {source}"))
    }

    /// Other usernames that a user takes.
    pub fn usernames_of(user: kit::id::UserId) -> Self {
        Self::of(&format!("usernames of {user}"))
    }

    /// API keys that are made for a user.
    pub fn keys_of(user: kit::id::UserId) -> Self {
        Self::of(&format!("keys of {user}"))
    }

    /// Other e-mails that a user gives.
    pub fn emails_of(user: kit::id::UserId) -> Self {
        Self::of(&format!("emails of {user}"))
    }

    /// A user who is asked for the old password.
    pub fn old_password(user: kit::id::UserId) -> Self {
        Self::of(&format!("user {user}"))
    }

    /// Mails that confirm the address of an account.
    pub fn confirmation_of(user: kit::id::UserId) -> Self {
        Self::of(&format!("confirmation of {user}"))
    }

    /// Mails that confirm an address, of whatever account.
    pub fn confirmation_to(folded: &str) -> Self {
        Self::of(&format!("confirmation to {folded}"))
    }

    /// Password resets that a source asks for.
    pub fn resets_of(source: &str) -> Self {
        Self::of(&format!("resets of {source}"))
    }

    /// Password resets of an address.
    pub fn resets_to(folded: &str) -> Self {
        Self::of(&format!("resets to {folded}"))
    }
}

impl From<Model> for Failures {
    fn from(row: Model) -> Self {
        Self { start: row.window_start, count: row.failures }
    }
}

/// A login's failures so far.
pub async fn find(db: &impl ConnectionTrait, login: &Login) -> Result<Option<Failures>, DbErr> {
    Ok(Entity::find_by_id(login.key.clone()).one(db).await?.map(Failures::from))
}

/// How long the fullest of some counts holds, if one is full.
pub async fn wait(
    db: &impl ConnectionTrait,
    counters: &[(Login, Limit)],
    now: Time,
) -> Result<Option<Wait>, DbErr> {
    let keys = counters.iter().map(|(login, _)| login.key.as_str());
    let found = Entity::find().filter(Column::Login.is_in(keys)).all(db).await?;
    let of = |login: &Login| found.iter().find(|row| row.login == login.key).cloned().map(Failures::from);
    Ok(counters.iter().filter_map(|(login, limit)| limit.wait(of(login), now)).max())
}

/// Counts a failure, and answers with those of its window, unless the limit is reached already: then says how long it holds. The login's row is locked before
/// the limit is checked, so that tries at once are counted one after the other.
pub async fn count(tx: &Tx, login: &Login, limit: Limit) -> Result<Result<Failures, Wait>, DbErr> {
    let now = tx.now();
    let locked = || Entity::find_by_id(login.key.clone()).lock(LockType::Update);
    let mut found = locked().one(&**tx).await?;
    // Of two first failures at once the primary key lets one make the row; the other waits for it, and counts on.
    if found.is_none() {
        let row = ActiveModel { login: Set(login.key.clone()), window_start: Set(now), failures: Set(0) };
        insert_new(&**tx, row, [Column::Login]).await?;
        found = locked().one(&**tx).await?;
    }
    let found = found.map(Failures::from);
    if let Some(wait) = limit.wait(found, now) {
        return Ok(Err(wait));
    }
    let counted @ Failures { start, count } = limit.count(found, now);
    Entity::update_many()
        .col_expr(Column::WindowStart, Expr::value(start))
        .col_expr(Column::Failures, Expr::value(count))
        .filter(Column::Login.eq(login.key.as_str()))
        .exec(&**tx)
        .await?;
    Ok(Ok(counted))
}

/// Forgets a login's failures.
pub async fn clear(tx: &Tx, login: &Login) -> Result<(), DbErr> {
    Entity::delete_by_id(login.key.clone()).exec(&**tx).await.map(|_| ())
}

/// Forgets the windows that began before a time.
pub async fn prune(tx: &Tx, before: Time) -> Result<u64, DbErr> {
    let done = Entity::delete_many().filter(Column::WindowStart.lt(before)).exec(&**tx).await?;
    Ok(done.rows_affected)
}
