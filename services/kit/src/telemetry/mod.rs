//! Logs, traces and metrics.
//!
//! Logs always go to standard error. Traces and metrics are exported by OTLP as soon as the standard
//! `OTEL_*` variables ask for it, and metrics are read where there is an admin listener; without them nothing is
//! recorded, and the caller's trace context is still handed on from hop to hop.

pub mod access;
mod export;
mod json;
mod log;
pub mod metrics;
mod place;
pub mod spans;
mod writer;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::PanicHookInfo,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanKind};
use tonic::Code;
use tracing::Span;
use tracing_subscriber::{Layer, layer::SubscriberExt, reload, util::SubscriberInitExt};

use self::place::Place;
use crate::headers::{CLIENT_ADDRESS, REQUEST_ID, TRACEPARENT, TRACESTATE};

pub use log::{Format, Level, LogFormat, LogOptions};
pub use spans::{from_client, served, server_span};
pub use writer::{say, written};

/// What a process logs to and exports to, for as long as it runs.
#[derive(Default)]
pub struct Telemetry {
    export: Option<export::Export>,
    level: Option<SetLevel>,
}

type Setter = dyn Fn(&Level) -> Result<(), String> + Send + Sync;

/// What sets the level, and which it is.
struct SetLevel {
    set: Box<Setter>,
    now: Mutex<Level>,
}

impl Telemetry {
    /// Starts logging and, where the environment asks for it, exporting. `service` is the service's name
    /// unless `OTEL_SERVICE_NAME` says another; with `reads`, metrics can be read. Needs the runtime.
    pub fn start(options: &LogOptions, service: &str, reads: bool) -> Result<Self, String> {
        let export = export::Export::start(service, reads)?;
        let spans = export.as_ref().and_then(export::Export::layer);
        let (filter, handle) = reload::Layer::new(options.log_level.filter());
        tracing_subscriber::registry()
            .with(spans)
            .with(options.layer().with_filter(filter))
            .try_init()
            .map_err(|error| error.to_string())?;
        // The one that Rust comes with waits for whoever reads standard error.
        std::panic::set_hook(Box::new(panicked));
        access::want(options.log_level.has_access_log());
        let now = Mutex::new(options.log_level.clone());
        let set =
            Box::new(move |level: &Level| handle.reload(level.filter()).map_err(|error| error.to_string()));
        Ok(Self { export, level: Some(SetLevel { set, now }) })
    }

    /// Logs by another level from now on.
    pub fn set_level(&self, level: &Level) -> Result<(), String> {
        let Some(SetLevel { set, now }) = &self.level else { return Ok(()) };
        let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
        set(level)?;
        access::want(level.has_access_log());
        level.clone_into(&mut now);
        Ok(())
    }

    /// By which level it logs.
    pub fn level(&self) -> String {
        let Some(SetLevel { now, .. }) = &self.level else { return String::new() };
        now.lock().unwrap_or_else(PoisonError::into_inner).to_string()
    }

    /// All metrics as they are now, as whoever sends this `accept` takes them: the media type, and the text.
    pub fn metrics(&self, accept: &str) -> Result<(&'static str, String), String> {
        let reader = self.export.as_ref().and_then(|export| export.reader.as_ref());
        reader.ok_or("metrics are not kept")?.read(accept)
    }

    /// Sends what is not sent yet, as far as that can be done in so much time.
    pub async fn flush(&self, limit: Duration) {
        let Some(export) = self.export.clone() else { return };
        let sending = tokio::task::spawn_blocking(move || export.shut_down(limit));
        // What waits for a collector that does not answer is left behind.
        let _ = tokio::time::timeout(limit, sending).await;
    }
}

/// Logs a panic.
fn panicked(panic: &PanicHookInfo<'_>) {
    let said = panic.payload_as_str().unwrap_or("(no message)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => tracing::error!(%backtrace, "panicked at {place}: {said}"),
        _ => tracing::error!("panicked at {place}: {said}"),
    }
}

/// A place in a distributed trace (W3C Trace Context), carried along with a call.
#[derive(Debug, Clone, Default)]
pub struct Trace(Option<Carried>);

#[derive(Debug, Clone)]
enum Carried {
    /// A span of ours.
    Own(SpanContext),
    /// As a caller gave it.
    Given { parent: HeaderValue, state: Option<HeaderValue> },
}

impl Trace {
    /// What travels on from here: the span's own place where spans are exported, else what came in.
    pub fn of(span: &Span, headers: &HeaderMap) -> Self {
        let own = place::of(span, |place| place.context().clone()).filter(SpanContext::is_valid);
        Self(own.map(Carried::Own).or_else(|| given(headers)))
    }

    fn write(&self, headers: &mut HeaderMap) {
        match &self.0 {
            None => {}
            Some(Carried::Own(context)) => place::write(context, headers),
            Some(Carried::Given { parent, state }) => {
                headers.insert(TRACEPARENT, parent.clone());
                match state {
                    Some(state) => headers.insert(TRACESTATE, state.clone()),
                    None => headers.remove(TRACESTATE),
                };
            }
        }
    }
}

/// What headers say, if that is well-formed and said once.
fn given(headers: &HeaderMap) -> Option<Carried> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let parent = parents.next().filter(|parent| parents.next().is_none() && trace_id(parent).is_some())?;
    let state = headers.get(TRACESTATE).filter(|state| !state.is_empty()).cloned();
    Some(Carried::Given { parent: parent.clone(), state })
}

/// The 32 hexadecimal digits of a well-formed `traceparent`: version, trace id, parent id, flags.
fn trace_id(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?;
    let mut parts = text.split('-');
    let lengths = [2, 32, 16, 2];
    let hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    let well_formed = lengths.into_iter().all(|length| parts.next().is_some_and(|part| hex(part, length)));
    (well_formed && (parts.next().is_none() || !text.starts_with("00"))).then(|| &text[3..35])
}

/// Makes the span of a request over HTTP a child of the one that its headers name, or the first of a trace. To be done before the
/// span is entered.
pub fn child_of(span: &Span, headers: &HeaderMap) {
    let Some(mut place) = Place::after("HTTP", SpanKind::Server, Some(headers)) else { return };
    if place.is_recorded() {
        let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        for (name, value) in [("request_id", said(REQUEST_ID)), ("client.address", said(CLIENT_ADDRESS))] {
            value.into_iter().for_each(|value| place.note(name, value));
        }
    }
    place.of(span);
}

/// Whether a code says that the server failed, not that the caller asked for the wrong thing.
fn is_server_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown | Code::DeadlineExceeded | Code::Internal | Code::Unavailable | Code::DataLoss
    )
}

/// Writes the trace context into a call that goes out: the current span's where spans are exported, else
/// what the call that it belongs to came with. What the headers say already stays where there is neither.
pub fn inject(headers: &mut HeaderMap, carried: Option<&Trace>) {
    let own = place::current(|place| place.context().clone()).filter(SpanContext::is_valid);
    match (own, carried) {
        (Some(own), _) => place::write(&own, headers),
        (None, Some(trace)) => trace.write(headers),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(parents: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for parent in parents {
            headers.append(TRACEPARENT, parent.parse().unwrap());
        }
        headers.insert(TRACESTATE, "a=1".parse().unwrap());
        headers
    }

    #[test]
    fn without_an_exporter_the_callers_place_is_handed_on_as_it_came() {
        let trace = Trace::of(&Span::none(), &headers(&[PARENT]));
        let mut out = HeaderMap::new();
        inject(&mut out, Some(&trace));
        assert_eq!(out.get(TRACEPARENT).unwrap(), PARENT);
        assert_eq!(out.get(TRACESTATE).unwrap(), "a=1");
    }

    #[test]
    fn a_malformed_or_repeated_place_is_not_handed_on() {
        let short = PARENT.replace("4bf9", "");
        let upper = PARENT.to_uppercase();
        let more = format!("{PARENT}-00");
        for parents in [vec![PARENT, PARENT], vec![&short], vec![&upper], vec![&more], vec![""], vec![]] {
            let mut out = HeaderMap::new();
            inject(&mut out, Some(&Trace::of(&Span::none(), &headers(&parents))));
            assert!(out.is_empty(), "{parents:?}");
        }
    }
}
