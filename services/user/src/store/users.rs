//! Users.

use contracts::user::{UserChange, UserChanged};
use kit::{
    Scope, Tx,
    fault::unique_violation,
    id::{Id, UserId},
    permissions::Permissions,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType},
};

use crate::{
    credentials::PasswordHash,
    domain::{
        names::{self, fold, is_email},
        roles::RoleSet,
    },
    error::Error,
    store::{
        entities::user::{Column, Entity, Model},
        mails, words,
    },
};

/// Whether there is one.
pub async fn any(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(Entity::find().limit(1).one(db).await?.is_some())
}

/// What a user begins with.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub username: String,
    pub email: String,
    pub email_verified: bool,
    pub password_hash: PasswordHash,
    pub password_printed: bool,
    pub first_name: String,
    pub last_name: String,
    pub roles: RoleSet,
}

impl Model {
    /// The roles as a set.
    pub fn roles(&self) -> RoleSet {
        RoleSet { customer: self.customer, staff: self.staff, admin: self.admin }
    }

    /// What the roles let the user do at most: what a role gives that an administrator made is not known here, so it
    /// counts as all that staff may.
    pub fn rights(&self) -> kit::call::Roles {
        kit::call::Roles::new(self.staff || self.role_id.is_some(), self.admin, Permissions::NONE)
    }

    /// Replaces the roles.
    pub fn set_roles(&mut self, roles: RoleSet) {
        (self.customer, self.staff, self.admin) = (roles.customer, roles.staff, roles.admin);
    }
}

/// Adds a user; the username and the e-mail must be nobody else's, which the unique indexes decide.
pub async fn insert(tx: &Tx, new: NewUser) -> Result<Model, Error> {
    let now = tx.now();
    let mut user = Model {
        id: UserId::new(),
        username_folded: names::canonical(&new.username),
        username: new.username,
        email_folded: names::canonical(&new.email),
        email: new.email,
        email_verified: new.email_verified,
        second_factor: false,
        password_hash: new.password_hash,
        password_printed: new.password_printed,
        first_name_folded: fold(&new.first_name),
        first_name: new.first_name,
        last_name_folded: fold(&new.last_name),
        last_name: new.last_name,
        customer: false,
        staff: false,
        admin: false,
        disabled: false,
        role_id: None,
        token_version: 1,
        version: 1,
        create_time: now,
        update_time: now,
    };
    user.set_roles(new.roles);
    let row = user.clone().into_active_model().reset_all();
    Entity::insert(row).exec_without_returning(&**tx).await.map_err(taken)?;
    words::insert(tx, &user).await?;
    publish(tx, user.id, UserChange::Created);
    Ok(user)
}

/// Reads a user.
pub async fn find(db: &impl ConnectionTrait, scope: Scope, id: UserId) -> Result<Model, Error> {
    Entity::find_by_id(id).one(db).await?.filter(|user| scope.sees(user.id)).ok_or(Error::UserNotFound)
}

/// Administrators who can sign in, the oldest first.
pub async fn administrators(tx: &Tx, limit: u64) -> Result<Vec<Model>, DbErr> {
    let all = Entity::find().filter(Column::Admin.eq(true)).filter(Column::Disabled.eq(false));
    all.order_by_asc(Column::Id).limit(limit).all(&**tx).await
}

/// Reads a user and keeps others from changing the row until the transaction ends. Sessions begin, go on and end under
/// this lock.
pub async fn lock(tx: &Tx, scope: Scope, id: UserId) -> Result<Model, Error> {
    let found = Entity::find_by_id(id).lock(LockType::Update).one(&**tx).await?;
    found.filter(|user| scope.sees(user.id)).ok_or(Error::UserNotFound)
}

/// Locks all administrators and then a user: for what may take the last administrator away. All of them in the order of
/// their ids, and before the user: two such writes wait for each other at the first row, instead of being a deadlock.
/// An administrator who is made meanwhile is not among them, which only errs on the safe side.
pub async fn lock_with_administrators(tx: &Tx, id: UserId) -> Result<(Model, Vec<(UserId, bool)>), Error> {
    let administrators = Entity::find()
        .filter(Column::Admin.eq(true))
        .order_by_asc(Column::Id)
        .lock(LockType::Update)
        .all(&**tx)
        .await?;
    let user = lock(tx, Scope::All, id).await?;
    Ok((user, administrators.iter().map(|user| (user.id, !user.disabled)).collect()))
}

/// Whether there is any administrator, disabled ones included.
pub async fn has_administrator(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::Admin.eq(true)).limit(1).count(db).await? > 0)
}

/// An administrator who signs in by a password that was printed, if there is one.
pub async fn with_printed_password(db: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
    let found = Entity::find().filter(Column::Admin.eq(true)).filter(Column::PasswordPrinted.eq(true));
    found.order_by_asc(Column::Id).limit(1).one(db).await
}

/// The user who signs in by this username or e-mail, however it is spelled.
pub async fn by_login(db: &impl ConnectionTrait, login: &str) -> Result<Option<Model>, DbErr> {
    let forms = names::forms(login);
    let is_email = is_email(login);
    let column = if is_email { Column::EmailFolded } else { Column::UsernameFolded };
    let found = Entity::find().filter(column.is_in(forms.iter().map(String::as_str))).all(db).await?;
    let place = |user: &Model| {
        let form = if is_email { &user.email_folded } else { &user.username_folded };
        forms.iter().position(|wanted| wanted == form)
    };
    Ok(found.into_iter().min_by_key(place))
}

/// What an account is unique by: the canonical form of a text, or the one that it kept when the text was given.
fn form_of(text: &str, stored: String) -> String {
    if stored == names::kept(text) { stored } else { names::canonical(text) }
}

/// Gives the canonical e-mail that became free to the eldest of those whose mailbox it is, too. There are some only from
/// before e-mails had canonical forms.
async fn hand_on(tx: &Tx, canonical: &str) -> Result<(), DbErr> {
    let beside = names::beside(canonical);
    let heir = Entity::find()
        .filter(Column::EmailFolded.gte(beside.as_str()))
        // No e-mail has the last character that there is.
        .filter(Column::EmailFolded.lt(format!("{beside}{}", char::MAX)))
        .order_by_asc(Column::Id)
        .limit(1)
        .one(&**tx)
        .await?;
    let Some(heir) = heir else { return Ok(()) };
    Entity::update_many()
        .col_expr(Column::EmailFolded, Expr::value(canonical))
        .filter(Column::Id.eq(heir.id))
        .filter(Column::EmailFolded.eq(heir.email_folded))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Tells followers that a user changed. The row is locked, so that they get its changes in their order.
pub fn publish(tx: &Tx, user: UserId, change: UserChange) {
    tx.publish(user, &UserChanged { user_id: user.to_string(), change: change.into() });
}

/// [`change_as`] for what has no event of its own.
pub async fn change(tx: &Tx, after: Model) -> Result<Model, Error> {
    change_as(tx, after, UserChange::Updated).await
}

/// Writes what has become of a user, and publishes it; `after` is the row that [`lock`] read, changed. The version says
/// which state it was changed from.
pub async fn change_as(tx: &Tx, after: Model, change: UserChange) -> Result<Model, Error> {
    let before = after.version;
    let old_form = after.email_folded.clone();
    let after = Model {
        username_folded: form_of(&after.username, after.username_folded),
        email_folded: form_of(&after.email, after.email_folded),
        first_name_folded: fold(&after.first_name),
        last_name_folded: fold(&after.last_name),
        version: before + 1,
        update_time: tx.now().max(after.update_time),
        ..after
    };
    let mut row = after.clone().into_active_model().reset_all();
    row.id = ActiveValue::NotSet;
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(after.id))
        .filter(Column::Version.eq(before))
        .exec(&**tx)
        .await
        .map_err(taken)?;
    tx.belongs_to(after.id).await?;
    // The row is locked since it was read, so this holds; it is what a caller relies on who forgot to lock.
    if done.rows_affected != 1 {
        return Err(Error::Stale);
    }
    if old_form != after.email_folded {
        hand_on(tx, &old_form).await?;
    }
    words::change(tx, &after).await?;
    publish(tx, after.id, change);
    Ok(after)
}

/// Writes the token version of a user whom the transaction has locked. It is no change of the user that others see, so
/// the etag stays.
pub async fn change_token_version(tx: &Tx, user: &Model) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::TokenVersion, Expr::value(user.token_version))
        .filter(Column::Id.eq(user.id))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Stores the hash of the same password by other parameters. The user is locked; nothing that shows changes.
pub async fn renew_hash(tx: &Tx, user: &Model, hash: &PasswordHash) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(hash.0.as_str()))
        .filter(Column::Id.eq(user.id))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Removes a locked user and what refers to it: addresses, sessions, stored answers.
pub async fn erase(tx: &Tx, user: &Model) -> Result<(), DbErr> {
    tx.forget_answers(user.id).await?;
    mails::forget_resets(tx, &user.email).await?;
    Entity::delete_by_id(user.id).exec(&**tx).await?;
    hand_on(tx, &user.email_folded).await
}

fn taken(error: DbErr) -> Error {
    match unique_violation(&error) {
        Some(text) if text.contains("username_folded") => Error::UsernameTaken,
        Some(text) if text.contains("email_folded") => Error::EmailTaken,
        _ => Error::Database(error),
    }
}
