//! Roles that administrators made. A role's row is locked before those of users.

use contracts::user::UserChange;
use kit::{
    Tx,
    call::Roles,
    fault::unique_violation,
    id::{Id, RoleId},
    identity::RoleVersion,
    permissions::Permissions,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockType},
};

use super::{
    entities::{
        role::{Column, Entity, Model},
        user,
    },
    users,
};
use crate::{
    domain::{names::fold, roles::MOST},
    error::Error,
};

impl Model {
    /// What its users may do.
    pub fn permissions(&self) -> Permissions {
        Permissions::of_bits(self.permissions)
    }
}

/// What a user may do, and the role that an administrator made of which that depends.
pub async fn rights(
    db: &impl ConnectionTrait,
    user: &user::Model,
) -> Result<(Roles, Permissions, Option<RoleVersion>), DbErr> {
    let role = match user.role_id {
        Some(id) => Entity::find_by_id(id).one(db).await?,
        None => None,
    };
    let made = role.as_ref().map_or(Permissions::NONE, Model::permissions);
    let version = role.map(|role| RoleVersion { id: role.id, version: role.version });
    Ok((Roles::new(user.staff, user.admin, made), made, version))
}

/// Adds a role.
pub async fn insert(tx: &Tx, name: String, permissions: Permissions) -> Result<Model, Error> {
    // Two at once may both find room: what is bounded is the order of magnitude.
    if Entity::find().count(&**tx).await? >= MOST {
        return Err(Error::TooManyRoles);
    }
    let now = tx.now();
    let row = Model {
        id: RoleId::new(),
        name_folded: fold(&name),
        name,
        permissions: permissions.bits(),
        version: 1,
        create_time: now,
        update_time: now,
    };
    Entity::insert(row.clone().into_active_model().reset_all())
        .exec_without_returning(&**tx)
        .await
        .map_err(taken)?;
    Ok(row)
}

/// Reads a role.
pub async fn find(db: &impl ConnectionTrait, id: RoleId) -> Result<Model, Error> {
    Entity::find_by_id(id).one(db).await?.ok_or(Error::RoleNotFound)
}

/// Reads a role and keeps others from changing or giving it until the transaction ends.
pub async fn lock(tx: &Tx, id: RoleId) -> Result<Model, Error> {
    Entity::find_by_id(id).lock(LockType::Update).one(&**tx).await?.ok_or(Error::RoleNotFound)
}

/// The roles after one, the oldest first.
pub async fn list(db: &impl ConnectionTrait, after: Option<RoleId>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let mut roles = Entity::find();
    if let Some(after) = after {
        roles = roles.filter(Column::Id.gt(after));
    }
    roles.order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Writes what has become of a locked role.
pub async fn change(tx: &Tx, role: Model) -> Result<Model, Error> {
    let row = Model {
        name_folded: fold(&role.name),
        version: role.version + 1,
        update_time: Ord::max(tx.now(), role.update_time),
        ..role
    };
    Entity::update(row.clone().into_active_model().reset_all()).exec(&**tx).await.map_err(taken)?;
    Ok(row)
}

/// Removes a locked role, and takes it from its users by one statement, however many there are.
pub async fn delete(tx: &Tx, id: RoleId) -> Result<(), DbErr> {
    // Nobody is given it any more: its row is locked. In the order of ids, as users are locked everywhere.
    let had = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::RoleId.eq(id))
        .order_by_asc(user::Column::Id)
        .lock(LockType::Update);
    for user in had.into_tuple().all(&**tx).await? {
        users::publish(tx, user, UserChange::Updated);
    }
    user::Entity::update_many()
        .col_expr(user::Column::RoleId, Expr::value(Option::<RoleId>::None))
        .col_expr(user::Column::Version, Expr::col(user::Column::Version).add(1))
        .filter(user::Column::RoleId.eq(id))
        .exec(&**tx)
        .await?;
    Entity::delete_by_id(id).exec(&**tx).await.map(|_| ())
}

fn taken(error: DbErr) -> Error {
    match unique_violation(&error) {
        Some(text) if text.contains("name_folded") => Error::RoleNameTaken,
        _ => Error::Database(error),
    }
}
