//! Rows as the contract's messages.

use contracts::user::{Address, ApiKey, ApiKeyGrant, AuditEvent, Passkey, Role, Session, StaffRole, User};
use kit::{Time, call::Roles, id::SessionId, identity::RoleVersion};

use crate::{
    domain::{
        address::Fields,
        roles::{BuiltIn, RoleSet},
    },
    error::Error,
    store::entities::{address, api_key, audit_event, passkey, role, session, user},
};

/// A user; never the password's hash.
pub fn user(row: user::Model) -> User {
    User {
        id: row.id.to_string(),
        roles: roles(row.roles()),
        username: row.username,
        email: row.email,
        email_verified: row.email_verified,
        second_factor: row.second_factor,
        password_change_required: row.password_printed,
        first_name: row.first_name,
        last_name: row.last_name,
        disabled: row.disabled,
        role_ids: row.role_id.iter().map(ToString::to_string).collect(),
        etag: row.version.to_string(),
        create_time: Some(row.create_time.into()),
        update_time: Some(row.update_time.into()),
    }
}

/// A session; `current` is the caller's own.
pub fn session(row: session::Model, current: Option<SessionId>) -> Session {
    Session {
        id: row.id.to_string(),
        user_id: row.user_id.to_string(),
        current: current == Some(row.id),
        user_agent: row.user_agent,
        ip_address: row.ip_address,
        create_time: Some(row.create_time.into()),
        last_used_time: Some(row.last_time.into()),
        expire_time: Some(row.expire_time.into()),
        ended_time: row.ended_time.map(Into::into),
        passkey_id: row.passkey_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}

/// A passkey, as its user knows it.
pub fn passkey(row: passkey::Model) -> Passkey {
    Passkey {
        id: row.id.to_string(),
        user_id: row.user_id.to_string(),
        name: row.name,
        backed_up: row.backup == 2,
        create_time: Some(row.create_time.into()),
        last_used_time: row.last_used_time.map(Into::into),
    }
}

/// An API key, without its secret.
pub fn api_key(row: api_key::Model) -> ApiKey {
    ApiKey {
        scopes: row.scopes().names(),
        id: row.id.to_string(),
        user_id: row.user_id.to_string(),
        name: row.name,
        prefix: row.prefix,
        secret: String::new(),
        create_time: Some(row.create_time.into()),
        expire_time: row.expire_time.map(Into::into),
        last_used_time: row.last_used_time.map(Into::into),
    }
}

/// A role that an administrator made.
pub fn role(row: role::Model) -> StaffRole {
    StaffRole {
        permissions: row.permissions().names(),
        id: row.id.to_string(),
        name: row.name,
        built_in: false,
        etag: row.version.to_string(),
    }
}

/// A role that is always there.
pub fn built_in(role: BuiltIn) -> StaffRole {
    StaffRole {
        id: role.id().to_string(),
        name: role.name.to_owned(),
        permissions: role.permissions.names(),
        built_in: true,
        etag: "1".to_owned(),
    }
}

/// What a key of a user with these rights lets its holder do, with a secret that counts until a time.
pub fn grant(
    key: &api_key::Model,
    user: &user::Model,
    (rights, role): (Roles, Option<RoleVersion>),
    expire_time: Option<Time>,
) -> ApiKeyGrant {
    ApiKeyGrant {
        key_id: key.id.to_string(),
        version: key.version,
        user_id: user.id.to_string(),
        token_version: user.token_version,
        admin: rights.admin,
        permissions: rights.permissions.names(),
        scopes: key.scopes().names(),
        expire_time: expire_time.map(Into::into),
        role_id: role.map(|role| role.id.to_string()).unwrap_or_default(),
        role_version: role.map_or(0, |role| role.version),
    }
}

/// Roles, in the contract's order.
pub fn roles(roles: RoleSet) -> Vec<i32> {
    [(roles.customer, Role::Customer), (roles.staff, Role::Staff), (roles.admin, Role::Admin)]
        .into_iter()
        .filter_map(|(has, role)| has.then_some(role as i32))
        .collect()
}

/// Roles by their names in the contract, for the audit log.
pub fn role_names(set: RoleSet) -> Vec<&'static str> {
    roles(set)
        .into_iter()
        .filter_map(|role| Role::try_from(role).ok())
        .map(|role| role.as_str_name())
        .collect()
}

/// An address.
pub fn address(row: address::Model) -> Address {
    let Fields { recipient, lines, postal_code, city, region, country_code, phone } = row.fields();
    Address {
        id: row.id.to_string(),
        user_id: row.user_id.to_string(),
        recipient,
        lines,
        postal_code,
        city,
        region,
        country_code,
        phone,
        etag: row.version.to_string(),
    }
}

/// An event of the audit log.
pub fn audit_event(row: audit_event::Model) -> AuditEvent {
    AuditEvent {
        id: row.id.to_string(),
        kind: row.kind,
        actor: row.actor,
        user_id: row.user_id.map(|id| id.to_string()).unwrap_or_default(),
        ip_address: row.ip_address,
        user_agent: row.user_agent,
        request_id: row.request_id,
        target: row.target,
        detail: row.detail,
        create_time: Some(row.create_time.into()),
    }
}

/// Refuses an etag that was sent back and is not the newest one.
pub fn check_etag(sent: &str, version: i64) -> Result<(), Error> {
    if sent.is_empty() || sent == version.to_string() { Ok(()) } else { Err(Error::Stale) }
}
