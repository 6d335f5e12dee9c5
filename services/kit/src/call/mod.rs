//! One call as a handler sees it: who calls, what they may see, and what is sent on to the next service.

pub mod access;
pub mod caller;
pub mod client;
pub mod compressed;
pub mod headers;
pub mod identity;
mod key;
pub mod layer;
pub mod limits;
mod origin;
pub mod permissions;
pub mod reflection;
pub mod sizes;
pub mod wire;

use std::{net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use prost::Message;
use tokio::time::Instant;
use tonic::Request;

pub use caller::{Caller, Roles, Scope};

use crate::{Fault, Reason, Role, client::Client, id::UserId, telemetry::Trace};

/// What the layers in front of a handler learn about a call; they leave it in the request's extensions.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub caller: Caller,
    /// The method's path, `/package.Service/Method`.
    pub method: Arc<str>,
    pub request_id: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// Where the call comes from.
    pub client: Client,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    arrival: Arrival,
    key: Option<Arc<str>>,
    digest: Arc<[u8]>,
    trace: Trace,
}

impl Call {
    /// Reads the call out of a request. Fails where its idempotency key is none: 1 to 255 visible ASCII
    /// characters, given once.
    pub fn of<M: Message>(request: &Request<M>) -> Result<Self, Fault> {
        let arrival = request
            .extensions()
            .get::<Arrival>()
            .cloned()
            .ok_or_else(|| Fault::internal("a call arrived without passing the layers"))?;
        let key = key::idempotency_key(request.metadata())?;
        let digest = match key {
            Some(_) => {
                Arc::from(digest::digest(&digest::SHA256, &request.get_ref().encode_to_vec()).as_ref())
            }
            None => Arc::from([]),
        };
        let trace = request.extensions().get::<Trace>().cloned().unwrap_or_default();
        Ok(Self { arrival, key, digest, trace })
    }

    /// Reads the call out of a request that is a stream. It has no idempotency key: there is no one message
    /// to hold a repeat against.
    pub fn of_stream<S>(request: &Request<S>) -> Result<Self, Fault> {
        let arrival = request
            .extensions()
            .get::<Arrival>()
            .cloned()
            .ok_or_else(|| Fault::internal("a call arrived without passing the layers"))?;
        let trace = request.extensions().get::<Trace>().cloned().unwrap_or_default();
        // A deadline is for the whole stream; the layers keep it.
        let arrival = Arrival { deadline: None, ..arrival };
        Ok(Self { arrival, key: None, digest: Arc::from([]), trace })
    }

    /// A call that a service makes to itself, out of a background task.
    pub fn of_service(role: Role, method: &str) -> Self {
        let arrival = Arrival {
            caller: Caller::Service { role, on_behalf_of: None },
            method: Arc::from(method),
            request_id: Arc::from(uuid::Uuid::now_v7().to_string()),
            deadline: None,
            client: Client::default(),
        };
        Self { arrival, key: None, digest: Arc::from([]), trace: Trace::default() }
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.arrival.caller
    }

    /// Whose things the caller may see. Nobody's without signing in: UNAUTHENTICATED.
    pub fn scope(&self) -> Result<Scope, Fault> {
        match &self.arrival.caller {
            Caller::Service { .. } => Ok(Scope::All),
            caller if caller.is_staff() => Ok(Scope::All),
            Caller::User { id, .. } | Caller::ApiKey { id, .. } => Ok(Scope::Owner(*id)),
            Caller::Anonymous => Err(Fault::unauthenticated("sign in first")),
        }
    }

    /// The user that a `user_id` names: `me` is the caller, and a user out of the caller's sight does not
    /// exist (NOT_FOUND). `field` is the id's proto path.
    pub fn user_id(&self, text: &str, field: &str) -> Result<UserId, Fault> {
        let id = match text {
            "me" => self.me()?,
            _ => text
                .parse()
                .map_err(|problem: crate::id::Malformed| Fault::invalid(field, problem.to_string()))?,
        };
        if self.scope()?.sees(id) { Ok(id) } else { Err(Fault::not_found("user")) }
    }

    /// The signed-in user; a service that calls for itself is none.
    pub fn me(&self) -> Result<UserId, Fault> {
        self.caller().user().ok_or_else(|| match self.caller() {
            Caller::Service { .. } => {
                let message = "a service that calls for itself is no user";
                Fault::new(Reason::Validation, message)
            }
            _ => Fault::unauthenticated("sign in first"),
        })
    }

    /// The method's path.
    pub fn method(&self) -> &Arc<str> {
        &self.arrival.method
    }

    /// The id under which this request is found in every log.
    pub fn request_id(&self) -> &Arc<str> {
        &self.arrival.request_id
    }

    /// The address of the client: as the edge saw it, also in calls that one service makes of another for it; none in
    /// what a service does for itself.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.arrival.client.address
    }

    /// What the client says of its program: its `user-agent`, of printable ASCII, 256 bytes at most.
    pub fn client_agent(&self) -> Option<&str> {
        self.arrival.client.agent.as_deref()
    }

    /// How long the caller still waits.
    pub fn time_left(&self) -> Option<Duration> {
        self.arrival.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The same call with the idempotency key left out, for steps that are idempotent by themselves.
    pub fn without_key(&self) -> Self {
        Self { key: None, digest: Arc::from([]), ..self.clone() }
    }

    /// The same call without the caller's deadline: for what goes on when the caller has left.
    pub fn detached(&self) -> Self {
        let arrival = Arrival { deadline: None, ..self.arrival.clone() };
        Self { arrival, ..self.clone() }
    }

    /// The same call, to be answered within `limit`.
    pub fn within(&self, limit: Duration) -> Self {
        let limit = Instant::now() + limit;
        let deadline = Some(self.arrival.deadline.map_or(limit, |deadline| deadline.min(limit)));
        let arrival = Arrival { deadline, ..self.arrival.clone() };
        Self { arrival, ..self.clone() }
    }

    pub(crate) fn key(&self) -> Option<&Arc<str>> {
        self.key.as_ref()
    }

    /// SHA-256 of the request message; empty without an idempotency key.
    pub(crate) fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// A request to another service on behalf of this call: request id, trace, caller, client and the time left
    /// travel with it.
    pub fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(Outgoing {
            on_behalf_of: self.caller().user(),
            request_id: self.arrival.request_id.clone(),
            deadline: self.arrival.deadline,
            trace: self.trace.clone(),
            client: self.arrival.client.clone(),
        });
        request
    }
}

/// What [`Call::request`] leaves for the transport to write into headers.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub on_behalf_of: Option<UserId>,
    pub request_id: Arc<str>,
    pub deadline: Option<Instant>,
    pub trace: Trace,
    pub client: Client,
}
