//! Where spans are in their traces, as far as traces are exported.
//!
//! Whether a trace is exported is decided where it begins in this process, before anything of it is recorded. A span of one that is
//! not has a place all the same, which says so to all who are called; what is done within it makes no spans.

use std::{borrow::Cow, fmt, sync::OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{
        Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, Tracer as _,
    },
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{SdkTracer, Span as Recorded},
};
use tracing::{
    Dispatch, Event, Level, Span, Subscriber, dispatcher,
    field::{Field, Visit},
    span::{Id, Record},
};
use tracing_subscriber::{
    Layer, Registry, layer,
    registry::{LookupSpan, SpanRef},
};

use crate::headers::{TRACEPARENT, TRACESTATE};

/// A process has one subscriber, hence one of these too. None, where traces are not exported.
static EXPORT: OnceLock<Export> = OnceLock::new();

struct Export {
    tracer: SdkTracer,
    /// Whether callers decide of the traces that begin with them.
    follows_callers: bool,
}

/// Has spans exported from now on.
pub(super) fn export_by(tracer: SdkTracer, follows_callers: bool) {
    let _ = EXPORT.set(Export { tracer, follows_callers });
}

/// Whether spans are exported.
pub(super) fn active() -> bool {
    EXPORT.get().is_some()
}

/// A place in a trace, which ends and is handed to the exporter when it is dropped.
pub(crate) struct Place(Recorded);

impl Place {
    /// A child of what headers name, or the first of a trace. None where nothing is exported, and where the caller's place is
    /// handed on as it came because that is not.
    pub fn after(
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        headers: Option<&HeaderMap>,
    ) -> Option<Self> {
        let Export { tracer, follows_callers } = EXPORT.get()?;
        let root = Context::new();
        let parent = match headers.filter(|headers| headers.contains_key(TRACEPARENT)) {
            Some(headers) => TraceContextPropagator::new().extract_with_context(&root, &Headers(headers)),
            None => root,
        };
        let decided = parent.has_active_span() && !parent.span().span_context().is_sampled();
        (!decided || !follows_callers).then(|| begin(tracer, name, kind, &parent))
    }

    /// A child of the current span; none unless that is exported.
    pub fn below(name: impl FnOnce() -> Cow<'static, str>, kind: SpanKind) -> Option<Self> {
        let tracer = &EXPORT.get()?.tracer;
        let parent = current(|place| place.is_recorded().then(|| place.context().clone()))??;
        Some(begin(tracer, name(), kind, &Context::new().with_remote_span_context(parent)))
    }

    /// Whether what is noted of it goes anywhere.
    pub fn is_recorded(&self) -> bool {
        self.0.is_recording()
    }

    pub fn context(&self) -> &SpanContext {
        self.0.span_context()
    }

    pub fn note(&mut self, name: &'static str, value: impl Into<opentelemetry::Value>) {
        self.0.set_attribute(KeyValue::new(name, value));
    }

    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        self.0.update_name(name);
    }

    /// What it is of has failed.
    pub fn failed(&mut self) {
        self.0.set_status(Status::error(""));
    }

    /// Makes it the place of a span.
    pub fn of(self, span: &Span) {
        let mut place = Some(self);
        span.with_subscriber(|(id, dispatch)| {
            if let (Some(data), Some(place)) = (data(dispatch, id), place.take()) {
                data.extensions_mut().replace(place);
            }
        });
    }
}

fn begin(tracer: &SdkTracer, name: impl Into<Cow<'static, str>>, kind: SpanKind, parent: &Context) -> Place {
    Place(tracer.build_with_context(SpanBuilder::from_name(name).with_kind(kind), parent))
}

fn data<'d>(dispatch: &'d Dispatch, id: &Id) -> Option<SpanRef<'d, Registry>> {
    dispatch.downcast_ref::<Registry>()?.span(id)
}

/// Asks the place of a span, or of the first around it that has one.
fn ask<R, T>(span: SpanRef<'_, R>, work: impl FnOnce(&mut Place) -> T) -> Option<T>
where
    R: for<'a> LookupSpan<'a>,
{
    let mut span = span;
    while span.extensions().get::<Place>().is_none() {
        span = span.parent()?;
    }
    let mut extensions = span.extensions_mut();
    extensions.get_mut::<Place>().map(work)
}

/// Asks the place of the current span.
pub(super) fn current<T>(work: impl FnOnce(&mut Place) -> T) -> Option<T> {
    if !active() {
        return None;
    }
    let mut work = Some(work);
    dispatcher::get_default(|dispatch| {
        let span = data(dispatch, dispatch.current_span().id()?)?;
        ask(span, work.take()?)
    })
}

/// Asks the place of a span.
pub(super) fn of<T>(span: &Span, work: impl FnOnce(&mut Place) -> T) -> Option<T> {
    if !active() {
        return None;
    }
    let mut work = Some(work);
    span.with_subscriber(|(id, dispatch)| ask(data(dispatch, id)?, work.take()?)).flatten()
}

/// The trace id of a span in hexadecimal.
pub(super) fn trace_id(span: &Span) -> Option<String> {
    of(span, |place| place.context().is_valid().then(|| place.context().trace_id().to_string()))?
}

/// The trace and the span that the current one is, where it is exported, in hexadecimal.
pub(super) fn sampled() -> Option<(String, String)> {
    let ids =
        |place: &mut Place| (place.context().trace_id().to_string(), place.context().span_id().to_string());
    current(|place| place.is_recorded().then(|| ids(place)))?
}

/// Writes a place into the headers of whoever is called.
pub(super) fn write(context: &SpanContext, headers: &mut HeaderMap) {
    let flags = (context.trace_flags() & TraceFlags::SAMPLED).to_u8();
    let parent = format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id());
    let Ok(parent) = HeaderValue::try_from(parent) else { return };
    headers.insert(TRACEPARENT, parent);
    match HeaderValue::try_from(context.trace_state().header()) {
        Ok(state) if !state.is_empty() => headers.insert(TRACESTATE, state),
        _ => headers.remove(TRACESTATE),
    };
}

/// Tells places what is recorded in their spans, and what is logged in them.
pub(super) struct Places;

impl<S> Layer<S> for Places
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_record(&self, id: &Id, values: &Record<'_>, context: layer::Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if let Some(place) = extensions.get_mut::<Place>().filter(|place| place.is_recorded()) {
            values.record(&mut Notes(|name, value: opentelemetry::Value| place.note(name, value)));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: layer::Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        ask(span, |place| {
            if !place.is_recorded() {
                return;
            }
            let (mut name, level) = (String::new(), event.metadata().level());
            let mut notes = vec![KeyValue::new("level", level.as_str())];
            event.record(&mut Notes(|field, value: opentelemetry::Value| match field {
                "message" => name = value.as_str().into_owned(),
                _ => notes.push(KeyValue::new(field, value)),
            }));
            place.0.add_event(name, notes);
            if *level == Level::ERROR {
                place.failed();
            }
        });
    }

    fn on_close(&self, id: Id, context: layer::Context<'_, S>) {
        // It ends when the lock is let go: whoever takes it may log.
        let place = context.span(&id).and_then(|span| span.extensions_mut().remove::<Place>());
        drop(place);
    }
}

/// Hands on fields by their names.
struct Notes<N>(N);

impl<N: FnMut(&'static str, opentelemetry::Value)> Visit for Notes<N> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0(field.name(), value.to_owned().into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.0(field.name(), value.into()),
            Err(_) => self.0(field.name(), value.to_string().into()),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0(field.name(), format!("{value:?}").into());
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
