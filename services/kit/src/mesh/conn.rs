//! The transport between roles: the callee's own layers in this process, or a channel to another one.
//!
//! Either way only headers and body cross. Request id, caller, trace and the time left are written into
//! headers here, from what [`crate::Call::request`] left in the request.

use std::{
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    TryFutureExt as _,
    future::{BoxFuture, MapOk},
};
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tonic::{Status, body::Body};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use tracing::{Instrument as _, Span};

use crate::{
    Fault, Identity, Reason, Role,
    access::Methods,
    call::Outgoing,
    call::layer::code,
    headers::{self, IDEMPOTENCY_KEY, REQUEST_ID},
    mesh::{
        not_grpc,
        replicas::{Attempt, Replicas, Unanswered},
    },
    telemetry::{self, metrics, spans},
    wire,
};

/// How long a call between roles may take that has no deadline of its own.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// How often a call is sent in all that is safe to repeat.
const ATTEMPTS: u32 = 3;

type Boxed = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

/// A transport to one role, cheap to clone; a generated client takes it as it takes a `Channel`.
#[derive(Clone)]
pub struct Conn(Boxed);

impl Conn {
    /// A transport over any service that answers gRPC. What it answers that is no gRPC becomes the failure that its HTTP
    /// status means.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Status> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(service))
    }
}

impl Service<Request<Body>> for Conn {
    type Response = Response<Body>;
    type Error = Status;
    type Future =
        MapOk<BoxFuture<'static, Result<Response<Body>, Status>>, fn(Response<Body>) -> Response<Body>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request).map_ok(not_grpc::judged)
    }
}

/// This process's own services, known once they are all built.
#[derive(Clone, Default)]
pub struct Local(Arc<OnceLock<Boxed>>);

impl Local {
    /// Says what they are.
    pub fn set(&self, conn: Conn) {
        let _ = self.0.set(conn.0);
    }
}

/// Where a role is.
#[derive(Clone)]
pub(crate) enum Target {
    Local(Local),
    Remote(Replicas),
    /// Nobody said where it runs.
    Nowhere,
}

/// One role's way to another: writes the headers, keeps the deadline, repeats what is safe to repeat.
#[derive(Clone)]
pub(crate) struct Hop {
    pub from: Role,
    pub to: Role,
    pub target: Target,
    pub identity: Identity,
    pub methods: Methods,
    /// Its calls carry their callers' own headers, and no service token.
    pub hands_on: bool,
}

impl Service<Request<Body>> for Hop {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let hop = self.clone();
        if !metrics::on() {
            return Box::pin(async move { hop.send(request).await });
        }
        let (methods, path, began) = (self.methods.clone(), request.uri().clone(), Instant::now());
        Box::pin(async move {
            let answer = hop.send(request).await;
            if let Some(method) = methods.get(path.path()) {
                let code = answer.as_ref().map_or_else(Status::code, code);
                method.measured.called(&method.path, code, began.elapsed());
            }
            answer
        })
    }
}

impl Hop {
    async fn send(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let span = match self.target {
            Target::Remote(_) => spans::client(request.uri().path()),
            _ => Span::none(),
        };
        // What is written into the headers is the place of this span, where there is one.
        let answer = self.go(request).instrument(span.clone()).await;
        spans::client_answered(&span, answer.as_ref().map_or_else(Status::code, code));
        answer
    }

    async fn go(self, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        let outgoing = request.extensions_mut().remove::<Outgoing>();
        request.extensions_mut().clear();
        self.write_headers(&mut request, outgoing.as_ref())?;
        let streams = request.uri().path().ends_with("/Subscribe");
        // The gateway's requests carry their own deadline; a stream has none.
        let deadline = match &outgoing {
            Some(outgoing) => outgoing.deadline.unwrap_or_else(|| Instant::now() + DEFAULT_DEADLINE),
            None => Instant::now() + Duration::from_secs(24 * 3600),
        };
        if outgoing.is_some() && !streams {
            let left = deadline.saturating_duration_since(Instant::now());
            request.headers_mut().insert(headers::GRPC_TIMEOUT, headers::timeout_value(left));
        }
        let response = match &self.target {
            Target::Local(local) => match local.0.get() {
                // The callee's own layers keep the deadline.
                Some(service) => service.clone().oneshot(request).await,
                None => Err(self.unavailable()),
            },
            Target::Remote(replicas) => self.send_remote(replicas, request, deadline).await,
            Target::Nowhere => Err(self.unavailable()),
        }?;
        if !self.hands_on && refuses_us(&response) {
            tracing::error!(
                from = %self.from,
                to = %self.to,
                "our service token is refused: do the mesh secret or the certificates count there, are the clocks right?"
            );
            return Err(self.unavailable());
        }
        Ok(response)
    }

    fn write_headers(&self, request: &mut Request<Body>, outgoing: Option<&Outgoing>) -> Result<(), Status> {
        telemetry::inject(request.headers_mut(), outgoing.map(|outgoing| &outgoing.trace));
        // What is left out for a client of another language would be missing over REST too.
        request.headers_mut().insert(headers::DETAILS, HeaderValue::from_static(wire::ALL));
        if self.hands_on {
            // Within the process its word is enough; elsewhere anybody could say whom a call is for.
            if matches!(self.target, Target::Remote(_)) {
                let token = self.identity.service_token(self.from, self.to, None)?;
                let mut value = HeaderValue::from_str(&token).map_err(Fault::internal)?;
                value.set_sensitive(true);
                request.headers_mut().insert(headers::EDGE, value);
            }
            return Ok(());
        }
        let on_behalf_of = outgoing.and_then(|outgoing| outgoing.on_behalf_of);
        let token = match self.target {
            Target::Local(_) => self.identity.near_token(self.from, self.to, on_behalf_of)?,
            _ => self.identity.service_token(self.from, self.to, on_behalf_of)?,
        };
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(Fault::internal)?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        if let Some(id) = outgoing.and_then(|outgoing| HeaderValue::from_str(&outgoing.request_id).ok()) {
            request.headers_mut().insert(REQUEST_ID, id);
        }
        if let Some(outgoing) = outgoing {
            outgoing.client.write(request.headers_mut());
        }
        Ok(())
    }

    /// Sends a call out of the process; again where that is safe, because of what it does or because nobody
    /// can have seen it.
    async fn send_remote(
        &self,
        replicas: &Replicas,
        request: Request<Body>,
        deadline: Instant,
    ) -> Result<Response<Body>, Status> {
        let (parts, body) = request.into_parts();
        let method = self.methods.get(parts.uri.path());
        let Some(method) = method.filter(|method| !method.takes_stream) else {
            let sending = replicas.send_once(deadline, Request::from_parts(parts, body)).await;
            return sending.map_err(|error| self.unanswered(&error, deadline));
        };
        let keyed = parts.headers.contains_key(IDEMPOTENCY_KEY) && method.keeps_answers();
        let repeatable = method.is_retriable(!self.hands_on) || keyed;
        let bytes = self.in_time(deadline, body.collect()).await??.to_bytes();
        let (mut tries, mut not_to) = (1, None);
        loop {
            // Part of the time is kept for somebody else, where there is one and it may be tried.
            let until = if repeatable && tries < ATTEMPTS && replicas.are_several() {
                Instant::now() + deadline.saturating_duration_since(Instant::now()) * 3 / 5
            } else {
                deadline
            };
            let sent = replicas.send(Attempt { until, repeatable, not_to }, &parts, &bytes).await;
            let unanswered = match sent {
                Ok(response) => return Ok(response),
                Err(unanswered) => unanswered,
            };
            let pause = if unanswered.given_up {
                Duration::ZERO
            } else {
                Duration::from_millis(rand::random_range(10..50) << tries)
            };
            let again = tries < ATTEMPTS && (repeatable || unanswered.never_sent);
            if !again || Instant::now() + pause >= deadline {
                return Err(self.unanswered(&unanswered, deadline));
            }
            tokio::time::sleep(pause).await;
            tries += 1;
            not_to = unanswered.by;
        }
    }

    /// What is done until the deadline.
    async fn in_time<T>(&self, deadline: Instant, doing: impl Future<Output = T>) -> Result<T, Status> {
        tokio::time::timeout_at(deadline, doing).await.map_err(|_| too_late())
    }

    fn unanswered(&self, error: &Unanswered, deadline: Instant) -> Status {
        tracing::debug!(%error, role = %self.to, "a call to another role failed");
        if error.given_up && Instant::now() >= deadline { too_late() } else { self.unavailable() }
    }

    fn unavailable(&self) -> Status {
        Fault::unavailable(self.to.name()).into()
    }
}

fn too_late() -> Status {
    Fault::new(Reason::DeadlineExceeded, "the deadline has passed").into()
}

/// Whether a callee does not take the caller for another service of the mesh. Calls between services carry no
/// other identity, so this is never about the user on whose behalf it is.
fn refuses_us(response: &Response<Body>) -> bool {
    let status = response.headers().get(Status::GRPC_STATUS).map(HeaderValue::as_bytes);
    matches!(status, Some(b"16"))
}
