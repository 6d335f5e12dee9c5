//! Who may call what: read from the contract's descriptors once, at start.

use std::{collections::HashMap, sync::Arc};

use contracts::access::{Limit, Who};
use http::HeaderMap;
use prost_reflect::{DescriptorPool, DynamicMessage, Value};

use crate::{Caller, Fault, Identity};

/// What the contract says about one method.
#[derive(Debug, Clone)]
pub struct Method {
    /// `/package.Service/Method`
    pub path: Arc<str>,
    pub who: Who,
    pub mesh: bool,
    /// Takes access tokens that count no more.
    pub takes_expired: bool,
    /// Changes nothing.
    pub read: bool,
    /// Answers with a stream.
    pub streams: bool,
    /// Takes a stream.
    pub takes_stream: bool,
    /// Which limit on the rate of calls it counts against.
    pub limit: Limit,
}

impl Method {
    /// Whether a call whose answer was lost may be sent again: a read always, and between services
    /// everything that is made for them, because all of that is idempotent by contract.
    pub fn is_retriable(&self, between_services: bool) -> bool {
        self.read || (between_services && (self.mesh || self.who == Who::Mesh))
    }

    /// Whether a call with an idempotency key that was made already is answered as it was then: everywhere but
    /// where answers are secrets.
    pub fn keeps_answers(&self) -> bool {
        !self.path.starts_with("/feira.user.v1.AuthService/")
    }

    /// Who sends these headers to this method.
    pub async fn caller(&self, identity: &Identity, headers: &HeaderMap) -> Result<Caller, Fault> {
        if self.takes_expired { identity.late_caller(headers).await } else { identity.caller(headers).await }
    }

    /// Lets a caller in, or says why not.
    pub fn admit(&self, caller: &Caller) -> Result<(), Fault> {
        let allowed = match (caller, self.who) {
            (Caller::Service { .. }, who) => self.mesh || matches!(who, Who::Mesh | Who::Public),
            (_, Who::Public) => true,
            (Caller::User { .. }, Who::SignedIn | Who::Self_) => true,
            (Caller::User { .. }, Who::Staff) => caller.is_staff(),
            (Caller::User { .. }, Who::Admin) => caller.is_admin(),
            (Caller::User { .. }, Who::Mesh | Who::Unspecified) => false,
            (Caller::Anonymous, Who::Mesh | Who::Unspecified) => false,
            (Caller::Anonymous, _) => return Err(Fault::unauthenticated("sign in first")),
        };
        if allowed { Ok(()) } else { Err(Fault::denied("this is not for you to call")) }
    }
}

/// A contract that cannot be enforced.
#[derive(Debug, thiserror::Error)]
#[error("{method} has no access rule (feira.access.v1.rule)")]
pub struct NoRule {
    method: String,
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
        let mut methods = HashMap::new();
        for service in pool.services().filter(|service| service.full_name().starts_with("feira.")) {
            for method in service.methods() {
                let path: Arc<str> = Arc::from(format!("/{}/{}", service.full_name(), method.name()));
                let options = method.options();
                let found = rule
                    .as_ref()
                    .filter(|rule| options.has_extension(rule))
                    .map(|rule| options.get_extension(rule));
                let (who, mesh, takes_expired) = match found.as_deref() {
                    Some(Value::Message(rule)) => {
                        (number(rule, "who"), flag(rule, "mesh"), flag(rule, "expired"))
                    }
                    _ => (0, false, false),
                };
                let who = Who::try_from(who).unwrap_or(Who::Unspecified);
                if who == Who::Unspecified {
                    return Err(NoRule { method: method.full_name().to_owned() });
                }
                let read = http.as_ref().is_some_and(|http| {
                    matches!(&*options.get_extension(http), Value::Message(rule) if rule.has_field_by_name("get"))
                });
                let (streams, takes_stream) = (method.is_server_streaming(), method.is_client_streaming());
                let limit = limit.as_ref().and_then(|limit| options.get_extension(limit).as_enum_number());
                let limit = limit.and_then(|limit| Limit::try_from(limit).ok()).unwrap_or_default();
                let method = Method { path, who, mesh, takes_expired, read, streams, takes_stream, limit };
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

fn flag(message: &DynamicMessage, field: &str) -> bool {
    message.get_field_by_name(field).and_then(|value| value.as_bool()).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Role,
        call::Roles,
        id::{Id, SessionId, UserId},
    };

    fn user(staff: bool, admin: bool) -> Caller {
        Caller::User { id: UserId::new(), roles: Roles { staff, admin }, session: SessionId::new() }
    }

    #[test]
    fn every_method_of_the_contract_has_a_rule() {
        let methods = Methods::read(contracts::pool()).unwrap();
        assert!(methods.get("/feira.user.v1.UserService/CreateUser").is_some());
    }

    #[test]
    fn each_rule_lets_in_whom_it_names_and_nobody_else() {
        let service = Caller::Service { role: Role::Order, on_behalf_of: None };
        let callers = [Caller::Anonymous, user(false, false), user(true, false), user(false, true), service];
        for (who, mesh, expected) in [
            (Who::Public, false, [true, true, true, true, true]),
            (Who::SignedIn, false, [false, true, true, true, false]),
            (Who::Self_, true, [false, true, true, true, true]),
            (Who::Staff, false, [false, false, true, true, false]),
            (Who::Admin, false, [false, false, false, true, false]),
            (Who::Mesh, false, [false, false, false, false, true]),
            (Who::Unspecified, false, [false, false, false, false, false]),
        ] {
            let (takes_expired, read, streams, takes_stream) = (false, false, false, false);
            let (path, limit) = (Arc::from("/x"), Limit::Unspecified);
            let method = Method { path, who, mesh, takes_expired, read, streams, takes_stream, limit };
            assert_eq!(callers.each_ref().map(|caller| method.admit(caller).is_ok()), expected, "{who:?}");
        }
    }
}
