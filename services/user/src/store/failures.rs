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
    domain::throttle::{Failures, Limit},
};

/// What failures are counted against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login(String);

impl Login {
    /// A folded username or e-mail that somebody signs in by.
    pub fn sign_in(folded: &str) -> Self {
        Self(sha256(format!("login {folded}").as_bytes()))
    }

    /// A user who is asked for the old password.
    pub fn old_password(user: kit::id::UserId) -> Self {
        Self(sha256(format!("user {user}").as_bytes()))
    }
}

impl From<Model> for Failures {
    fn from(row: Model) -> Self {
        Self { start: row.window_start, count: row.failures }
    }
}

/// A login's failures so far.
pub async fn find(db: &impl ConnectionTrait, login: &Login) -> Result<Option<Failures>, DbErr> {
    Ok(Entity::find_by_id(login.0.clone()).one(db).await?.map(Failures::from))
}

/// Counts a failure, unless the limit is reached already: then says how long it holds. The login's row is locked before
/// the limit is checked, so that tries at once are counted one after the other.
pub async fn count(tx: &Tx, login: &Login, limit: Limit) -> Result<Result<(), std::time::Duration>, DbErr> {
    let now = tx.now();
    let locked = || Entity::find_by_id(login.0.clone()).lock(LockType::Update);
    let mut found = locked().one(&**tx).await?;
    // Of two first failures at once the primary key lets one make the row; the other waits for it, and counts on.
    if found.is_none() {
        let row = ActiveModel { login: Set(login.0.clone()), window_start: Set(now), failures: Set(0) };
        insert_new(&**tx, row, [Column::Login]).await?;
        found = locked().one(&**tx).await?;
    }
    let found = found.map(Failures::from);
    if let Some(wait) = limit.wait(found, now) {
        return Ok(Err(wait));
    }
    let Failures { start, count } = limit.count(found, now);
    Entity::update_many()
        .col_expr(Column::WindowStart, Expr::value(start))
        .col_expr(Column::Failures, Expr::value(count))
        .filter(Column::Login.eq(login.0.as_str()))
        .exec(&**tx)
        .await?;
    Ok(Ok(()))
}

/// Forgets a login's failures.
pub async fn clear(tx: &Tx, login: &Login) -> Result<(), DbErr> {
    Entity::delete_by_id(login.0.clone()).exec(&**tx).await.map(|_| ())
}

/// Forgets the windows that began before a time.
pub async fn prune(tx: &Tx, before: Time) -> Result<u64, DbErr> {
    let done = Entity::delete_many().filter(Column::WindowStart.lt(before)).exec(&**tx).await?;
    Ok(done.rows_affected)
}
