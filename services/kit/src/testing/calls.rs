//! Callers, and their requests.

use std::sync::Arc;

use tonic::Request;

use crate::{
    Caller, Role,
    call::{Arrival, Roles},
    client::Client,
    headers::IDEMPOTENCY_KEY,
    id::{Id, SessionId, UserId},
};

/// Nobody known.
pub fn anonymous() -> Caller {
    Caller::Anonymous
}

/// A customer, signed in.
pub fn customer(id: UserId) -> Caller {
    Caller::User { id, roles: Roles::default(), session: SessionId::new() }
}

/// Somebody of the shop's staff, signed in.
pub fn staff() -> Caller {
    Caller::User { id: UserId::new(), roles: Roles::STAFF, session: SessionId::new() }
}

/// Another service, for itself.
pub fn service(role: Role) -> Caller {
    Caller::Service { role, on_behalf_of: None }
}

/// A request as the layers hand it on. The message's type stands for the method.
pub fn request<M>(caller: &Caller, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Arrival {
        caller: caller.clone(),
        method: Arc::from(std::any::type_name::<M>()),
        request_id: Arc::from("test"),
        deadline: None,
        client: Client::default(),
    });
    request
}

/// The same with an idempotency key.
#[allow(clippy::expect_used, reason = "a test that gives a key which is none is wrong")]
pub fn keyed<M>(caller: &Caller, key: &str, message: M) -> Request<M> {
    let mut request = request(caller, message);
    request.metadata_mut().insert(IDEMPOTENCY_KEY, key.parse().expect("an idempotency key is ASCII"));
    request
}
