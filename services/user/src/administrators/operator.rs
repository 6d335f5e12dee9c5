//! What the operator does about administrators: on the database of a shop that is stopped ([`Offline`]), or through
//! `AdministratorService` while it runs.

use contracts::user::User;
use kit::{Call, Db, Fault, Role, Scope, StartError, Tx, Writer, audit_log::Act, id::UserId};
use sea_orm::ConnectionTrait;

use super::{
    first::{USERNAME, new_administrator},
    show::{Show, Showing},
};
use crate::{
    Hashing, Secret,
    api::{Revocations, render},
    credentials::{Hasher, PasswordHash},
    domain::{mail::Purpose, names, roles},
    error::Error,
    store::{
        audit,
        entities::user,
        failures::{self, Login},
        lists::{self, Filter},
        sessions, tokens, users,
    },
};

/// How many users a page of [`Offline::list`] has.
const PAGE: u64 = 1_000;

/// The user database of a shop whose user service does not run, or is not asked.
pub struct Offline {
    db: Writer<Error>,
    hasher: Hasher,
}

impl Offline {
    /// On an opened, migrated database.
    pub fn new(db: Db, hashing: &Hashing) -> Result<Self, StartError> {
        Ok(Self { db: db.into(), hasher: hashing.hasher()? })
    }

    pub(super) fn db(&self) -> &Writer<Error> {
        &self.db
    }

    /// Makes an administrator, whose password is shown before the COMMIT where `show` is there.
    pub async fn create(
        &self,
        username: &str,
        email: &str,
        password: &Secret,
        show: Option<Show>,
    ) -> Result<User, Fault> {
        check(username, email)?;
        let hash = self.hasher.hash(password.expose()).await?;
        let printed = show.is_some();
        let showing = Showing::new(password.clone(), show);
        let call = Call::of_service(Role::User, "make an administrator");
        let input = (username.to_owned(), email.to_owned(), hash, showing);
        let made = self.db.transact(&call, input, move |tx, input| async move {
            let (username, email, hash, showing) = &*input;
            let made = create(&tx, username, email, hash.clone(), printed).await?;
            showing.once().await?;
            Ok(made)
        });
        Ok(made.await?)
    }

    /// Sets the password of a user, whose sessions end. It is shown before the COMMIT where `show` is there.
    pub async fn reset_password(
        &self,
        login: &str,
        password: &Secret,
        show: Option<Show>,
    ) -> Result<User, Fault> {
        let id = find(self.db.read(), login).await?;
        let hash = self.hasher.hash(password.expose()).await?;
        let printed = show.is_some();
        let showing = Showing::new(password.clone(), show);
        let call = Call::of_service(Role::User, "reset a password");
        let done = self.db.transact(&call, (hash, showing), move |tx, input| async move {
            let (hash, showing) = &*input;
            // Running processes learn of it by the feed.
            let user = set_password(&tx, &Revocations::default(), id, hash, printed).await?;
            showing.once().await?;
            Ok(user)
        });
        Ok(done.await?)
    }

    /// All administrators, the newest first.
    pub async fn list(&self) -> Result<Vec<User>, Fault> {
        let mut all: Vec<User> = Vec::new();
        let mut after = None;
        loop {
            let page = list(self.db.read(), after, PAGE).await?;
            after = page.last().map(|user| user.id);
            let last = (page.len() as u64) < PAGE;
            all.extend(page.into_iter().map(render::user));
            if last {
                return Ok(all);
            }
        }
    }
}

/// Refuses a username or an e-mail that is none. What comes by the contract was checked once before.
pub fn check(username: &str, email: &str) -> Result<(), Error> {
    let length = username.chars().count();
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if !(3..=32).contains(&length) || !username.chars().all(letters) {
        let problem = "must be 3 to 32 letters, digits and . _ -";
        return Err(crate::domain::Invalid::new("username", problem).into());
    }
    names::check_username(username, "username")?;
    names::email(email, "email")?;
    Ok(())
}

/// Makes an administrator; `printed` says whether the password was generated and shown.
pub async fn create(
    tx: &Tx,
    username: &str,
    email: &str,
    hash: PasswordHash,
    printed: bool,
) -> Result<User, Error> {
    let email = names::email(email, "email")?;
    let user = users::insert(tx, new_administrator(username, &email, hash, printed)).await?;
    audit::record(tx, &Act::new("administrator.created").of(user.id)).await?;
    Ok(render::user(user))
}

/// The user of a login; without one, the administrator `admin`, or the only administrator.
pub async fn find(db: &impl ConnectionTrait, login: &str) -> Result<UserId, Error> {
    let found = users::by_login(db, if login.is_empty() { USERNAME } else { login }).await?;
    match found {
        Some(user) if !login.is_empty() || user.admin => return Ok(user.id),
        None if !login.is_empty() => return Err(Error::UserNotFound),
        Some(_) | None => {}
    }
    match list(db, None, 2).await?.as_slice() {
        [] => Err(Error::UserNotFound),
        [only] => Ok(only.id),
        _ => Err(Error::SeveralAdministrators),
    }
}

/// Sets a password and ends all that was let in by the old one; `printed` says whether it was generated and shown.
pub async fn reset_password(
    tx: &Tx,
    revocations: &Revocations,
    id: UserId,
    hash: &PasswordHash,
    printed: bool,
) -> Result<User, Error> {
    let mut user = users::lock(tx, Scope::All, id).await?;
    (user.password_hash, user.password_printed) = (hash.clone(), printed);
    tokens::drop_all(tx, id, Purpose::ResetPassword).await?;
    audit::record(tx, &Act::new("password.reset").of(id)).await?;
    sessions::end_all(tx, id, None).await?;
    // Whoever had the account until now may have made some.
    revocations.keys_of(tx, id).await?;
    revocations.tokens_of(tx, &mut user).await?;
    failures::clear(tx, &Login::of_account(&id.to_string())).await?;
    failures::clear(tx, &Login::old_password(id)).await?;
    Ok(render::user(users::change(tx, user).await?))
}

/// As [`reset_password`], by the operator, who lets in again whom wrong codes locked out.
pub async fn set_password(
    tx: &Tx,
    revocations: &Revocations,
    id: UserId,
    hash: &PasswordHash,
    printed: bool,
) -> Result<User, Error> {
    failures::clear(tx, &Login::code(id)).await?;
    reset_password(tx, revocations, id, hash, printed).await
}

/// The administrators before `after`, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    after: Option<UserId>,
    limit: u64,
) -> Result<Vec<user::Model>, Error> {
    let filter = Filter { role: Some(roles::Role::Admin), ..Filter::default() };
    Ok(lists::list(db, &filter, None, after, limit).await?)
}
