//! Traces and metrics by OTLP, as OpenTelemetry's own environment variables ask for.
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::{sync::OnceLock, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context, KeyValue, Value,
    metrics::{Counter, Histogram, MeterProvider},
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{TraceContextExt, TracerProvider},
};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator, trace::SdkTracerProvider,
};
use tonic::Code;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use super::log::OURS;

/// A process has one subscriber, hence one of these too.
static SPANS: OnceLock<()> = OnceLock::new();
static CALLS: OnceLock<Histogram<f64>> = OnceLock::new();
static TASKS: OnceLock<Histogram<f64>> = OnceLock::new();
static LIMITED: OnceLock<Counter<u64>> = OnceLock::new();

/// What exports.
#[derive(Clone)]
pub(super) struct Export {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

impl Export {
    /// Exporters of what the environment asks for; none if it asks for nothing.
    pub(super) fn start(service: &str) -> Result<Option<Self>, String> {
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let (wants_traces, wants_metrics) = (wanted("TRACES")?, wanted("METRICS")?);
        if !wants_traces && !wants_metrics {
            return Ok(None);
        }
        let resource = resource(service);
        let traces = if wants_traces { Some(traces(resource.clone())?) } else { None };
        let metrics = if wants_metrics { Some(metrics(resource)?) } else { None };
        Ok(Some(Self { traces, metrics }))
    }

    /// Hands our own spans to the exporter, whatever is logged.
    pub(super) fn layer<S>(&self) -> Option<Box<dyn Layer<S> + Send + Sync>>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer = self.traces.as_ref()?.tracer("feira");
        let _ = SPANS.set(());
        let ours = Targets::new().with_targets(OURS.map(|name| (name, tracing::Level::INFO)));
        let layer =
            tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        Some(layer.with_filter(ours).boxed())
    }

    /// Sends what is left, traces and metrics at the same time; blocks so long at most where the exporters
    /// keep their time.
    pub(super) fn shut_down(self, limit: Duration) {
        let results = std::thread::scope(|scope| {
            let traces = scope.spawn(|| self.traces.map(|traces| traces.shutdown_with_timeout(limit)));
            let metrics = self.metrics.map(|metrics| metrics.shutdown_with_timeout(limit));
            [traces.join().unwrap_or_default(), metrics]
        });
        for error in results.into_iter().flatten().filter_map(Result::err) {
            tracing::warn!(%error, "telemetry.not_sent");
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "OpenTelemetry's settings are its own, not keys of our configuration"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether a signal is to be exported.
fn wanted(signal: &str) -> Result<bool, String> {
    let either = |of_signal: String, of_all: &str| variable(&of_signal).or_else(|| variable(of_all));
    if variable(&format!("OTEL_{signal}_EXPORTER")).is_some_and(|exporter| exporter == "none") {
        return Ok(false);
    }
    if either(format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"), "OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
        return Ok(false);
    }
    match either(format!("OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL") {
        Some(protocol) if protocol != "grpc" => {
            Err(format!("OTEL_EXPORTER_OTLP_PROTOCOL: {protocol:?} is not built in, only \"grpc\" is"))
        }
        _ => Ok(true),
    }
}

fn resource(service: &str) -> Resource {
    let found =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let named = found.build();
    let unknown = match named.get(&"service.name".into()) {
        Some(Value::String(name)) => name.as_str().starts_with("unknown_service"),
        _ => true,
    };
    if !unknown {
        return named;
    }
    let attributes =
        named.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect::<Vec<_>>();
    Resource::builder_empty().with_attributes(attributes).with_service_name(service.to_owned()).build()
}

fn traces(resource: Resource) -> Result<SdkTracerProvider, String> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build();
    let exporter = exporter.map_err(|error| format!("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {error}"))?;
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

fn metrics(resource: Resource) -> Result<SdkMeterProvider, String> {
    let exporter = opentelemetry_otlp::MetricExporter::builder().with_tonic().build();
    let exporter = exporter.map_err(|error| format!("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: {error}"))?;
    let provider =
        SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(exporter).build();
    let calls = provider
        .meter("feira")
        .f64_histogram("rpc.server.duration")
        .with_unit("ms")
        .with_description("How long calls took, by method and code")
        .build();
    let _ = CALLS.set(calls);
    let tasks = provider
        .meter("feira")
        .f64_histogram("feira.task.duration")
        .with_unit("ms")
        .with_description("How long runs of background tasks took, by task and whether they failed")
        .build();
    let _ = TASKS.set(tasks);
    let limited = provider
        .meter("feira")
        .u64_counter("feira.calls.limited")
        .with_description("Calls refused by a limit on their rate, by limit")
        .build();
    let _ = LIMITED.set(limited);
    Ok(provider)
}

/// Whether spans are exported.
pub(super) fn active() -> bool {
    SPANS.get().is_some()
}

/// Makes a span a child of the one that headers name.
pub(super) fn child_of(span: &Span, headers: &HeaderMap) {
    if active() {
        span.record("otel.kind", "server");
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
        if parent.span().span_context().is_valid() {
            // Fails only for a span that is filtered out, and then nothing is lost.
            let _ = span.set_parent(parent);
        }
    }
}

/// The headers that name a span's place in its trace; `None` where spans are not exported.
pub(super) fn place(span: &Span) -> Option<HeaderMap> {
    if !active() {
        return None;
    }
    let context = span.context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut headers = HeaderMap::with_capacity(2);
    TraceContextPropagator::new().inject_context(&context, &mut HeadersMut(&mut headers));
    Some(headers)
}

/// A span's trace id in hexadecimal.
pub(super) fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let place = context.span().span_context().clone();
    place.is_valid().then(|| place.trace_id().to_string())
}

/// Counts a call that was answered, and says so in its span.
pub(super) fn served(path: &str, code: Code, took: Duration) {
    if active() {
        let span = Span::current();
        span.record("rpc.grpc.status_code", code as i64);
        if super::is_server_fault(code) {
            span.record("otel.status_code", "ERROR");
        }
    }
    let Some(calls) = CALLS.get() else { return };
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    // Paths that nobody serves are the callers' invention, so they must not become series.
    let (service, method) =
        if code == Code::Unimplemented { ("_OTHER", "_OTHER") } else { (service, method) };
    let attributes = [
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", service.to_owned()),
        KeyValue::new("rpc.method", method.to_owned()),
        KeyValue::new("rpc.grpc.status_code", code as i64),
    ];
    calls.record(took.as_secs_f64() * 1e3, &attributes);
}

/// A background task ran.
pub(super) fn task(name: &str, well: bool, took: Duration) {
    let Some(tasks) = TASKS.get() else { return };
    let attributes = [KeyValue::new("task", name.to_owned()), KeyValue::new("failed", !well)];
    tasks.record(took.as_secs_f64() * 1e3, &attributes);
}

/// Counts a call that a limit refused.
pub(super) fn limited(limit: &'static str) {
    if let Some(limited) = LIMITED.get() {
        limited.add(1, &[KeyValue::new("limit", limit)]);
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

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
