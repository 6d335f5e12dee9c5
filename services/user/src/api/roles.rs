//! Roles: sets of permissions that administrators make, and who has them.

use contracts::{
    Masked,
    user::{
        CreateRoleRequest, DeleteRoleRequest, GetRoleRequest, ListRolesRequest, ListRolesResponse,
        SetRolesRequest, StaffRole, UpdateRoleRequest, User,
    },
};
use kit::{
    Call, Fault, Written,
    audit_log::Act,
    call::Roles,
    id::{Malformed, RoleId},
    permissions::Permissions,
};

use crate::{
    api::{Shared, read, read::NAME_LENGTH, render},
    domain::{
        Invalid, names,
        roles::{self, BUILT_IN, BuiltIn},
    },
    error::Error,
    store::{audit, entities::user::Model, roles as store, users},
};

pub async fn create_role(
    shared: &Shared,
    call: &Call,
    request: CreateRoleRequest,
) -> Result<Written<StaffRole>, Error> {
    let sent = request.role.unwrap_or_default();
    let permissions = permissions(&sent.permissions)?;
    let name = name(&sent.name)?;
    may_make(call, permissions)?;
    let written = shared.db.write(call, name, move |tx, name| async move {
        let role = store::insert(&tx, (*name).clone(), permissions).await?;
        audit::record(&tx, &Act::new("role.created").on(role.id).saying(said(permissions))).await?;
        Ok(render::role(role))
    });
    written.await
}

pub async fn get_role(shared: &Shared, request: GetRoleRequest) -> Result<StaffRole, Error> {
    let id = role_id(&request.id, "id")?;
    match BuiltIn::of(id) {
        Some(role) => Ok(render::built_in(role)),
        None => Ok(render::role(store::find(shared.db.read(), id).await?)),
    }
}

pub async fn list_roles(
    shared: &Shared,
    call: &Call,
    request: ListRolesRequest,
) -> Result<ListRolesResponse, Error> {
    let page = shared.db.page::<RoleId>(call, &request)?;
    let built_in = BUILT_IN.into_iter().filter(|role| page.after.is_none_or(|after| role.id() > after));
    let mut all: Vec<(RoleId, StaffRole)> =
        built_in.map(|role| (role.id(), render::built_in(role))).collect();
    let made = store::list(shared.db.read(), page.after, page.limit()).await?;
    all.extend(made.into_iter().map(|role| (role.id, render::role(role))));
    let (roles, next_page_token) = page.make(all, |(id, _)| *id, |(_, role)| Ok::<_, Error>(role))?;
    Ok(ListRolesResponse { roles, next_page_token })
}

pub async fn update_role(
    shared: &Shared,
    call: &Call,
    request: UpdateRoleRequest,
) -> Result<Written<StaffRole>, Error> {
    let mask = request.mask();
    let mut sent = request.role.unwrap_or_default();
    let id = made(role_id(&sent.id, "role.id")?)?;
    let newer = permissions(&sent.permissions)?;
    if mask.has("name") {
        sent.name = name(&sent.name)?;
    }
    let written = shared.write_revoking(call, (sent, mask), move |tx, input, revocations| async move {
        let (sent, mask) = &*input;
        let mut role = store::lock(&tx, id).await?;
        render::check_etag(&sent.etag, role.version)?;
        if mask.is_empty() {
            return Ok(render::role(role));
        }
        let before = role.permissions();
        may_make(tx.call(), before)?;
        if mask.has("name") {
            role.name.clone_from(&sent.name);
        }
        if mask.has("permissions") {
            may_make(tx.call(), newer)?;
            role.permissions = newer.bits();
        }
        let role = store::change(&tx, role).await?;
        if role.permissions() != before {
            revocations.role(&tx, role.id, role.version).await?;
            audit::record(&tx, &Act::new("role.changed").on(role.id).saying(said(role.permissions())))
                .await?;
        }
        Ok(render::role(role))
    });
    written.await
}

pub async fn delete_role(
    shared: &Shared,
    call: &Call,
    request: DeleteRoleRequest,
) -> Result<Written<()>, Error> {
    let id = made(role_id(&request.id, "id")?)?;
    let written = shared.write_revoking(call, request.etag, move |tx, etag, revocations| async move {
        let role = store::lock(&tx, id).await?;
        render::check_etag(&etag, role.version)?;
        may_make(tx.call(), role.permissions())?;
        store::delete(&tx, id).await?;
        audit::record(&tx, &Act::new("role.deleted").on(id)).await?;
        Ok(revocations.role(&tx, id, i64::MAX).await?)
    });
    written.await
}

pub async fn set_roles(
    shared: &Shared,
    call: &Call,
    request: SetRolesRequest,
) -> Result<Written<User>, Error> {
    let id = call.user_id(&request.id, "id")?;
    let mut wanted = read::roles(&request.roles);
    let mut role = None;
    for (place, text) in request.role_ids.iter().enumerate() {
        let field = format!("role_ids[{place}]");
        let id = role_id(text, &field)?;
        match BuiltIn::of(id) {
            Some(built_in) => wanted.add(built_in.role),
            None if role.is_none() => role = Some(id),
            None => return Err(Invalid::new(field, "is a second one that an administrator made").into()),
        }
    }
    if request.roles.is_empty() && request.role_ids.is_empty() {
        return Err(Invalid::new("roles", "at least one must be given").into());
    }
    let written = shared.write_revoking(call, (wanted, role), move |tx, input, revocations| async move {
        let (wanted, role) = *input;
        // Before the user, as where a role is removed: a role that is given stays until this ends.
        let made = match role {
            Some(role) => store::lock(&tx, role).await?.permissions(),
            None => Permissions::NONE,
        };
        let (mut user, administrators) = users::lock_with_administrators(&tx, id).await?;
        if user.roles() == wanted && user.role_id == role {
            return Ok(render::user(user));
        }
        let (before, _, _) = store::rights(&*tx, &user).await?;
        roles::may_give(tx.call().caller(), before)?;
        roles::may_give(tx.call().caller(), Roles::new(wanted.staff, wanted.admin, made))?;
        if !wanted.admin {
            roles::without(id, &administrators)?;
        }
        let names = |user: &Model| {
            let made = user.role_id.map(|id| id.to_string());
            let names = render::role_names(user.roles()).into_iter().map(String::from).chain(made);
            names.collect::<Vec<_>>().join(",")
        };
        let old = names(&user);
        user.set_roles(wanted);
        user.role_id = role;
        let detail = format!("from={old} to={}", names(&user));
        audit::record(&tx, &Act::new("roles.changed").of(id).saying(detail)).await?;
        revocations.tokens_of(&tx, &mut user).await?;
        Ok(render::user(users::change(&tx, user).await?))
    });
    written.await
}

/// Permissions, for the audit log.
fn said(permissions: Permissions) -> String {
    format!("permissions={}", permissions.names().join(","))
}

/// Whether the caller may make, change or remove a role of these permissions.
fn may_make(call: &Call, permissions: Permissions) -> Result<(), Error> {
    Ok(roles::may_give(call.caller(), Roles { admin: false, permissions })?)
}

/// An id that is not of a built-in role.
fn made(id: RoleId) -> Result<RoleId, Error> {
    if BuiltIn::of(id).is_some() { Err(Error::BuiltIn) } else { Ok(id) }
}

/// A role's name as it is stored.
fn name(text: &str) -> Result<String, Error> {
    let name = names::name(text, "role.name", NAME_LENGTH)?;
    if name.trim().is_empty() {
        return Err(Invalid::new("role.name", "must not be blank").into());
    }
    let canonical = kit::text::caseless;
    let taken = BUILT_IN.iter().any(|role| canonical(role.name) == canonical(&name));
    if taken { Err(Error::RoleNameTaken) } else { Ok(name) }
}

fn permissions(names: &[String]) -> Result<Permissions, Invalid> {
    let named = Permissions::named(names.iter().map(String::as_str));
    named.map_err(|_| Invalid::new("role.permissions", "has one that there is not"))
}

fn role_id(text: &str, field: &str) -> Result<RoleId, Fault> {
    text.parse().map_err(|problem: Malformed| Fault::invalid(field, problem.to_string()))
}
