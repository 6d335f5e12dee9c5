//! Who may call what: read from the contract's descriptors once, at start.

use std::{collections::HashMap, sync::Arc};

use contracts::access::{Limit, Part, Permission, Priority, Who};
use http::HeaderMap;
use prost_reflect::{DescriptorPool, DynamicMessage, Value};

use crate::{
    Caller, Fault, Identity, Role,
    identity::{api_key, basic::Basic},
    permissions::Permissions,
    telemetry::metrics::rpc::Rpc,
};

/// What the contract says about one method.
#[derive(Debug, Clone)]
pub struct Method {
    /// `/package.Service/Method`
    pub path: Arc<str>,
    pub who: Who,
    /// The parts of the mesh that it lets in.
    pub parts: Vec<Role>,
    /// What staff need one of.
    pub permissions: Permissions,
    /// Refuses API keys.
    pub no_keys: bool,
    /// Takes access tokens that count no more.
    pub takes_expired: bool,
    /// Takes a login and a password by HTTP's Basic authentication.
    pub takes_basic: bool,
    /// Changes nothing.
    pub read: bool,
    /// Answers with a stream.
    pub streams: bool,
    /// Takes a stream.
    pub takes_stream: bool,
    /// Which limit on the rate of calls it counts against.
    pub limit: Limit,
    /// Whether its calls are refused later than others.
    pub priority: Priority,
    /// How its calls are measured.
    pub measured: Rpc,
}

impl Method {
    /// Whether a call whose answer was lost may be sent again: a read always, and between services
    /// everything that is made for them, because all of that is idempotent by contract.
    pub fn is_retriable(&self, between_services: bool) -> bool {
        self.read || (between_services && !self.parts.is_empty())
    }

    /// Whether a call with an idempotency key that was made already is answered as it was then: everywhere but
    /// where answers are secrets.
    pub fn keeps_answers(&self) -> bool {
        !self.path.starts_with("/feira.user.v1.AuthService/")
    }

    /// Who sends these headers to this method.
    pub async fn caller(&self, identity: &Identity, headers: &HeaderMap) -> Result<Caller, Fault> {
        if self.takes_expired {
            return identity.late_caller(headers).await;
        }
        match identity.caller(headers).await {
            // A login and a password, which its handler looks at.
            Err(_) if self.takes_basic && is_basic(headers) => Ok(Caller::Anonymous),
            known => known,
        }
    }

    /// Lets a caller in as what they are to this method, or says why not.
    pub fn admit(&self, caller: Caller) -> Result<Caller, Fault> {
        if matches!(caller, Caller::ApiKey { .. }) && self.no_keys {
            return Err(Fault::denied("this is for users themselves, not for API keys"));
        }
        let in_scope = self.is_in_scope(&caller);
        let caller = caller.within(self);
        let allowed = match (&caller, self.who) {
            (Caller::Service { role, .. }, _) => self.parts.contains(role),
            (_, Who::Public) => true,
            (Caller::Anonymous, Who::Mesh | Who::Unspecified) => false,
            (Caller::Anonymous, _) => return Err(Fault::unauthenticated("sign in first")),
            (_, Who::SignedIn | Who::Self_) => in_scope,
            (_, Who::Staff | Who::Admin) => caller.is_staff(),
            (_, Who::Mesh | Who::Unspecified) => false,
        };
        if allowed {
            return Ok(caller);
        }
        let missing = Fault::denied("this is not for you to call");
        let names = self.permissions.names().join(", ");
        Err(if names.is_empty() { missing } else { missing.with("permissions", names) })
    }

    /// Whether an API key's scopes are for this method, whatever its user may do.
    fn is_in_scope(&self, caller: &Caller) -> bool {
        match caller {
            Caller::ApiKey { scopes, .. } => {
                scopes.are_all() || (scopes.read && self.read) || scopes.permissions.meets(self.permissions)
            }
            _ => true,
        }
    }
}

/// Whether `authorization` is of HTTP's Basic scheme, given once, and no API key.
fn is_basic(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let basic = values.next().and_then(|value| Basic::read(value.as_bytes()));
    values.next().is_none() && basic.is_some_and(|basic| !api_key::looks_like_one(&basic.user))
}

/// A contract that cannot be enforced.
#[derive(Debug, thiserror::Error)]
pub enum NoRule {
    #[error("{0} has no access rule (feira.access.v1.rule)")]
    Missing(String),
    #[error("{0} is for the mesh, and its access rule names no part of it")]
    NoPart(String),
    #[error("{0} is for staff, and its access rule names no permission")]
    NoPermission(String),
}

/// All methods by path.
#[derive(Debug, Clone)]
pub struct Methods(Arc<HashMap<Arc<str>, Method>>);

impl Methods {
    /// Reads the rules of every service of a pool that is Feira's. One without a rule is an error.
    pub fn read(pool: &DescriptorPool) -> Result<Self, NoRule> {
        let rule = pool.get_extension_by_name("feira.access.v1.rule");
        let http = pool.get_extension_by_name("google.api.http");
        let limit = pool.get_extension_by_name("feira.access.v1.limit");
        let priority = pool.get_extension_by_name("feira.access.v1.priority");
        let mut methods = HashMap::new();
        for service in pool.services().filter(|service| service.full_name().starts_with("feira.")) {
            for method in service.methods() {
                let path: Arc<str> = Arc::from(format!("/{}/{}", service.full_name(), method.name()));
                let options = method.options();
                let found = rule
                    .as_ref()
                    .filter(|rule| options.has_extension(rule))
                    .map(|rule| options.get_extension(rule));
                let Some(Value::Message(rule)) = found.as_deref() else {
                    return Err(NoRule::Missing(method.full_name().to_owned()));
                };
                let who = Who::try_from(number(rule, "who")).unwrap_or(Who::Unspecified);
                let (permissions, parts) = (permissions(rule), parts(rule));
                match who {
                    Who::Unspecified => return Err(NoRule::Missing(method.full_name().to_owned())),
                    Who::Staff | Who::Admin if permissions.is_empty() => {
                        return Err(NoRule::NoPermission(method.full_name().to_owned()));
                    }
                    Who::Mesh if parts.is_empty() => {
                        return Err(NoRule::NoPart(method.full_name().to_owned()));
                    }
                    _ => {}
                }
                let read = http.as_ref().is_some_and(|http| {
                    matches!(&*options.get_extension(http), Value::Message(rule) if rule.has_field_by_name("get"))
                });
                let limit = limit.as_ref().and_then(|limit| options.get_extension(limit).as_enum_number());
                let limit = limit.and_then(|limit| Limit::try_from(limit).ok()).unwrap_or_default();
                let priority =
                    priority.as_ref().and_then(|priority| options.get_extension(priority).as_enum_number());
                let priority =
                    priority.and_then(|priority| Priority::try_from(priority).ok()).unwrap_or_default();
                let method = Method {
                    path,
                    who,
                    parts,
                    permissions,
                    no_keys: flag(rule, "no_keys"),
                    takes_expired: flag(rule, "expired"),
                    takes_basic: flag(rule, "basic"),
                    read,
                    streams: method.is_server_streaming(),
                    takes_stream: method.is_client_streaming(),
                    limit,
                    priority,
                    measured: Rpc::default(),
                };
                methods.insert(method.path.clone(), method);
            }
        }
        Ok(Self(Arc::new(methods)))
    }

    /// The method at a path.
    pub fn get(&self, path: &str) -> Option<&Method> {
        self.0.get(path)
    }
}

fn number(message: &DynamicMessage, field: &str) -> i32 {
    message.get_field_by_name(field).and_then(|value| value.as_enum_number()).unwrap_or(0)
}

/// The numbers in a list of an enum's values.
fn numbers(rule: &DynamicMessage, field: &str) -> Vec<i32> {
    let listed = rule.get_field_by_name(field);
    let listed = listed.as_deref().and_then(Value::as_list).unwrap_or_default();
    listed.iter().filter_map(Value::as_enum_number).collect()
}

fn parts(rule: &DynamicMessage) -> Vec<Role> {
    let known = numbers(rule, "parts").into_iter().filter_map(|number| Part::try_from(number).ok());
    known.filter_map(Role::of_part).collect()
}

fn permissions(rule: &DynamicMessage) -> Permissions {
    let numbers = numbers(rule, "permissions").into_iter();
    let known = numbers.filter_map(|number| Permission::try_from(number).ok());
    known.fold(Permissions::NONE, |all, one| all.and(Permissions::of(one)))
}

fn flag(message: &DynamicMessage, field: &str) -> bool {
    message.get_field_by_name(field).and_then(|value| value.as_bool()).unwrap_or(false)
}

#[cfg(test)]
mod tests;
