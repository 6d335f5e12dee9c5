//! Rows as the contract's messages.

use contracts::user::{Address, AuditEvent, Role, Session, User};
use kit::id::SessionId;

use crate::{
    domain::{address::Fields, roles::RoleSet},
    error::Error,
    store::entities::{address, audit_event, session, user},
};

/// A user; never the password's hash.
pub fn user(row: user::Model) -> User {
    User {
        id: row.id.to_string(),
        roles: roles(row.roles()),
        username: row.username,
        email: row.email,
        email_verified: row.email_verified,
        first_name: row.first_name,
        last_name: row.last_name,
        disabled: row.disabled,
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
