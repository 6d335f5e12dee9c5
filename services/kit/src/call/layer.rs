//! What every call passes before it reaches a handler, whichever way it came: request id, trace, panics,
//! identity, access, deadline.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use http::{Extensions, HeaderMap, HeaderValue, Request, Response};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tonic::{Code, Status, body::Body};
use tower::Service;
use tracing::Instrument;

use crate::{
    Fault, Identity, Reason,
    access::Methods,
    call::{
        Arrival,
        origin::{arrives, arrives_beside, arrives_first, caller, client},
    },
    client::{Client, Proxies},
    drain,
    headers::{self, GRPC_TIMEOUT, REQUEST_ID},
    limits::{Begins, Limiter},
    listen::{Crowded, Lane},
    refusals::Refusals,
    telemetry::{
        self, access,
        metrics::{figures, rpc::Rpc},
        spans,
    },
};

/// The longest deadline that is kept; a caller who names none gets it. A stream must only begin within it; a
/// request that trickles in is let go.
const LONGEST: Duration = Duration::from_secs(60);
/// The same for a stream of requests, which is answered after the last of them.
const LONGEST_UPLOAD: Duration = Duration::from_secs(24 * 3600);

/// How long a call waits for others of its connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is open to anybody and never ends by itself: health that is watched, and reflection, whichever version.
const ENDLESS: [&str; 2] = ["/grpc.health.v1.Health/Watch", "/ServerReflectionInfo"];

/// Puts the layers in front of a process's services.
#[derive(Clone)]
pub struct Front<S> {
    inner: S,
    checks: Checks,
}

/// What calls are judged by.
#[derive(Clone)]
struct Checks {
    methods: Methods,
    identity: Identity,
    proxies: Proxies,
    limits: Limiter,
    refusals: Refusals,
    /// How calls are measured that are of no method.
    others: Rpc,
}

impl<S> Front<S> {
    /// Layers around `inner`.
    pub fn new(inner: S, methods: Methods, identity: Identity) -> Self {
        let (proxies, limits, refusals) = (Proxies::default(), Limiter::default(), Refusals::default());
        let others = Rpc::default();
        Self { inner, checks: Checks { methods, identity, proxies, limits, refusals, others } }
    }

    /// The same behind reverse proxies, and with limits for those who are not of the mesh.
    pub fn open_to(mut self, proxies: Proxies, limits: Limiter) -> Self {
        (self.checks.proxies, self.checks.limits) = (proxies, limits);
        self
    }

    /// The same, noting there what is refused.
    pub fn noting(mut self, refusals: Refusals) -> Self {
        self.checks.refusals = refusals;
        self
    }
}

impl<S> Service<Request<Body>> for Front<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: std::fmt::Display,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Routes are always ready; a clone is called, so readiness could not be carried over anyway.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (mut inner, checks) = (self.inner.clone(), self.checks.clone());
        let request_id = headers::request_id(request.headers());
        let known = spans::on() && checks.methods.get(request.uri().path()).is_some();
        let span = telemetry::server_span(request.uri().path(), known, &request_id, request.headers());
        let trace = telemetry::Trace::of(&span, request.headers());
        request.extensions_mut().insert(trace);
        let answered_id = request_id.clone();
        let mut origin =
            access::is_wanted().then(|| access::Origin::default().with_trace(&span, request.headers()));
        let work = async move {
            let started = std::time::Instant::now();
            let path: Arc<str> = Arc::from(request.uri().path());
            let handled = handle(&mut inner, &checks, request, request_id, &mut origin);
            let done = AssertUnwindSafe(handled).catch_unwind().await;
            let mut response = match done {
                Ok(Ok(response)) => response,
                Ok(Err(fault)) => Status::from(fault).into_http(),
                Err(_) => Status::from(Fault::internal("a handler panicked")).into_http(),
            };
            let code = code(&response);
            let took = started.elapsed();
            // Only paths of the contract are distinguished: callers must not be able to create time series.
            match checks.methods.get(&path) {
                Some(method) => method.measured.served(&method.path, code, took),
                None => checks.others.served("_OTHER", code, took),
            }
            telemetry::served(code, took);
            // None of another role's: whoever called that has a line.
            if let Some(origin) = origin.filter(|origin| !origin.request_id.is_empty()) {
                access::call(&origin, &path, code, took);
            }
            if let Ok(value) = HeaderValue::from_str(&answered_id) {
                response.headers_mut().insert(REQUEST_ID, value);
            }
            Ok(response)
        };
        Box::pin(work.instrument(span))
    }
}

async fn handle<S>(
    inner: &mut S,
    Checks { methods, identity, proxies, limits, refusals, .. }: &Checks,
    mut request: Request<Body>,
    request_id: Arc<str>,
    origin: &mut Option<access::Origin>,
) -> Result<Response<Body>, Fault>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: std::fmt::Display,
{
    if request.extensions_mut().remove::<Crowded>().is_some() {
        figures::limited("answers");
        return Err(Fault::overloaded("too many answers wait to be read"));
    }
    let method = methods.get(request.uri().path());
    let longest = if method.is_some_and(|method| method.takes_stream) { LONGEST_UPLOAD } else { LONGEST };
    let deadline = deadline(request.headers(), longest)?;
    let (mut token, mut upload, mut open, mut lane, mut place) = (None, None, None, None, None);
    let mut watches = None;
    if let Some(method) = method {
        let counted = arrives_first(&request, identity, proxies, limits)?;
        let caller = caller(method, identity, request.headers(), request.extensions()).await;
        let (client, stranger) = client(&request, identity, caller.as_ref().ok(), proxies);
        Client::remove(request.headers_mut());
        telemetry::from_client(client.address);
        if let Some(origin) = origin.as_mut().filter(|_| stranger) {
            (origin.client, origin.request_id) = (client.address, request_id.to_string());
            if let Ok(caller) = &caller {
                origin.seen.is(caller.into());
            }
        }
        if stranger && !counted {
            arrives(&request, &client, limits)?;
        }
        let caller = caller?;
        let caller = method.admit(caller.clone()).inspect_err(|_| {
            refusals.note(method, &caller, &client, &request_id, identity.time());
        })?;
        if stranger {
            let ticket = limits.admit(method, &caller, client.address)?;
            if !method.takes_stream {
                request = request.map(|body| {
                    let (body, taken) = Begins::around(body, ticket);
                    place = Some(taken);
                    Body::new(body)
                });
            }
            lane = turn(request.extensions()).await?;
        }
        if let (true, true, Some(id)) = (method.streams, caller.is_user(), caller.user()) {
            open = Some(limits.open(id)?);
        }
        if method.streams && caller.is_user() {
            token = Some(request.headers().clone());
        }
        if method.takes_stream && caller.is_user() {
            upload = Some(request.headers().clone());
        }
        request.extensions_mut().insert(Arrival {
            caller,
            method: method.path.clone(),
            request_id,
            deadline,
            client,
        });
    } else if let Some(client) = arrives_beside(&request, identity, proxies, limits)? {
        lane = turn(request.extensions()).await?;
        if ENDLESS.iter().any(|endless| request.uri().path().ends_with(endless)) {
            watches = Some(limits.open_at(client.address)?);
        }
    }
    let limit = deadline.unwrap_or_else(|| Instant::now() + longest);
    let revoked = async {
        match upload {
            Some(headers) => identity.until_revoked(headers).await,
            None => futures::future::pending().await,
        }
    };
    let answer = tokio::select! {
        answer = tokio::time::timeout_at(limit, inner.call(request)) => answer,
        fault = revoked => return Err(fault),
    };
    drop((lane, place));
    match answer {
        Ok(Ok(response)) => Ok(match token {
            Some(headers) => {
                let identity = identity.clone();
                let refused = async move {
                    // For as long as the stream lives.
                    let _open = open;
                    identity.until_refused(headers).await
                };
                response.map(|body| drain::until(body, refused))
            }
            None => match watches {
                Some(open) => response.map(|body| {
                    drain::until(body, async {
                        let _open = open;
                        futures::future::pending().await
                    })
                }),
                None => response,
            },
        }),
        Ok(Err(error)) => Err(Fault::internal(error)),
        Err(_) => Err(Fault::new(Reason::DeadlineExceeded, "the deadline has passed")),
    }
}

/// A call's turn among those of its connection, where these are counted.
async fn turn(extensions: &Extensions) -> Result<Option<OwnedSemaphorePermit>, Fault> {
    let Some(Lane(calls)) = extensions.get::<Lane>().cloned() else { return Ok(None) };
    let turn = tokio::time::timeout(PATIENCE, calls.acquire_owned()).await;
    Ok(turn.map_err(|_| Fault::overloaded("too many calls on one connection"))?.ok())
}

/// The moment that `grpc-timeout` names, not later than the longest.
fn deadline(headers: &HeaderMap, longest: Duration) -> Result<Option<Instant>, Fault> {
    let timeout = headers::timeout(headers).map_err(|bad| Fault::invalid(GRPC_TIMEOUT, bad.to_string()))?;
    Ok(timeout.map(|timeout| Instant::now() + timeout.min(longest)))
}

/// The code of an answer that failed before its first message; `Ok` where that is still open.
pub(crate) fn code(response: &Response<Body>) -> Code {
    let status = response.headers().get(Status::GRPC_STATUS).and_then(|value| value.to_str().ok());
    status.and_then(|text| text.parse::<i32>().ok()).map_or(Code::Ok, Code::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn deadlines_are_read_and_nonsense_is_refused() {
        let left = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(GRPC_TIMEOUT, text.parse().unwrap());
            deadline(&headers, LONGEST).map(|at| at.unwrap() - Instant::now())
        };
        assert!(left("5S").unwrap() > Duration::from_secs(4));
        assert!(left("250m").unwrap() <= Duration::from_millis(250));
        assert!(left("99999999H").unwrap() <= LONGEST);
        assert_eq!(left("5s").unwrap_err().fields[0].0, "grpc-timeout");
        assert_eq!(deadline(&HeaderMap::new(), LONGEST).unwrap(), None);
    }
}
