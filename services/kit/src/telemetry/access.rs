//! The access log: a line for each request over REST and each call over gRPC that comes from outside. It is off unless the
//! filter names its target (`info,feira::access=info`), as it costs more than what most calls do besides.

use std::{
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contracts::errors::code_name;
use http::{HeaderMap, Method, StatusCode};
use tonic::Code;
use tracing::Span;

use super::{export, trace_id};
use crate::{Caller, headers::TRACEPARENT};

/// What its lines are filtered by.
pub(super) const TARGET: &str = "feira::access";

/// Whether the filter lets it through. Kept apart: asked of the subscriber (`enabled!`), a filter that answers no for the one
/// layer would leave that in the thread for the next span.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Whether somebody wants it.
pub fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// Somebody does, or not any more.
pub(super) fn want(wanted: bool) {
    WANTED.store(wanted, Ordering::Relaxed);
}

/// Who calls, as far as a line says it.
#[derive(Debug, Clone, Default)]
pub struct Who {
    kind: &'static str,
    id: String,
}

impl From<&Caller> for Who {
    fn from(caller: &Caller) -> Self {
        let (kind, id) = match caller {
            Caller::Anonymous => ("anonymous", String::new()),
            Caller::User { id, .. } => ("user", id.to_string()),
            Caller::ApiKey { key, .. } => ("api_key", key.to_string()),
            Caller::Service { role, .. } => ("service", role.name().to_owned()),
        };
        Self { kind, id }
    }
}

/// Where a layer further in leaves who calls, once that is known.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<OnceLock<Who>>);

impl Seen {
    /// It is them.
    pub fn is(&self, who: Who) {
        let _ = self.0.set(who);
    }

    fn who(&self) -> Who {
        self.0.get().cloned().unwrap_or(Who { kind: "unknown", id: String::new() })
    }
}

/// What a line says of where its call comes from, taken while its headers are there.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub seen: Seen,
    pub client: Option<IpAddr>,
    pub request_id: String,
    pub trace_id: String,
}

impl Origin {
    /// The trace of a span, or of the headers that came in.
    pub fn with_trace(mut self, span: &Span, headers: &HeaderMap) -> Self {
        let own = if export::active() { export::trace_id(span) } else { None };
        let given = || headers.get(TRACEPARENT).and_then(trace_id).map(str::to_owned);
        self.trace_id = own.or_else(given).unwrap_or_default();
        self
    }
}

/// A request over HTTP was answered, with so many bytes where that is known.
pub fn request(
    from: &Origin,
    (method, route): (&Method, &str),
    status: StatusCode,
    took: Duration,
    bytes: Option<u64>,
) {
    let Who { kind, id } = from.seen.who();
    tracing::info!(
        target: TARGET,
        parent: None,
        %method,
        route,
        status = status.as_u16(),
        duration_ms = took.as_secs_f64() * 1e3,
        bytes,
        caller = kind,
        caller_id = id,
        client.address = from.client.map(tracing::field::display),
        request_id = from.request_id,
        trace_id = from.trace_id,
        "request"
    );
}

/// A call over gRPC was answered.
pub fn call(from: &Origin, path: &str, code: Code, took: Duration) {
    let Who { kind, id } = from.seen.who();
    tracing::info!(
        target: TARGET,
        parent: None,
        route = path,
        status = code_name(code),
        duration_ms = took.as_secs_f64() * 1e3,
        caller = kind,
        caller_id = id,
        client.address = from.client.map(tracing::field::display),
        request_id = from.request_id,
        trace_id = from.trace_id,
        "call"
    );
}
