//! Traces and metrics by OTLP, as OpenTelemetry's own environment variables ask for.
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::{sync::OnceLock, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context, KeyValue, Value,
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

use super::{
    log::OURS,
    metrics::{self, Reader},
};

/// A process has one subscriber, hence one of these too.
static SPANS: OnceLock<()> = OnceLock::new();

/// What exports.
#[derive(Clone)]
pub(super) struct Export {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    /// What reads the metrics on request.
    pub reader: Option<Reader>,
}

impl Export {
    /// Exporters of what the environment asks for, and with `reads` a reader of the metrics; none if nobody asks for
    /// anything.
    pub(super) fn start(service: &str, reads: bool) -> Result<Option<Self>, String> {
        let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let (sends_traces, sends_metrics) = match disabled {
            true => (false, false),
            false => (wanted("TRACES")?, wanted("METRICS")?),
        };
        if !sends_traces && !sends_metrics && !reads {
            return Ok(None);
        }
        let resource = resource(service);
        let traces = if sends_traces { Some(traces(resource.clone())?) } else { None };
        let reader = reads.then(Reader::default);
        let metrics = match sends_metrics || reads {
            true => Some(meters(resource, sends_metrics, reader.clone())?),
            false => None,
        };
        Ok(Some(Self { traces, metrics, reader }))
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
    let mut attributes =
        named.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect::<Vec<_>>();
    if unknown {
        attributes.retain(|attribute| attribute.key.as_str() != "service.name");
        attributes.push(KeyValue::new("service.name", service.to_owned()));
    }
    if named.get(&"service.instance.id".into()).is_none() {
        attributes.push(KeyValue::new("service.instance.id", uuid::Uuid::now_v7().to_string()));
    }
    Resource::builder_empty().with_attributes(attributes).build()
}

fn traces(resource: Resource) -> Result<SdkTracerProvider, String> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build();
    let exporter = exporter.map_err(|error| format!("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {error}"))?;
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// One provider for all who read.
fn meters(resource: Resource, sends: bool, reader: Option<Reader>) -> Result<SdkMeterProvider, String> {
    let mut provider = SdkMeterProvider::builder().with_resource(resource);
    if sends {
        let exporter = opentelemetry_otlp::MetricExporter::builder().with_tonic().build();
        let exporter = exporter.map_err(|error| format!("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: {error}"))?;
        provider = provider.with_periodic_exporter(exporter);
    }
    if let Some(reader) = reader {
        provider = provider.with_reader(reader);
    }
    let provider = provider.build();
    metrics::start(&provider);
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

/// The trace and the span that the current one is, where it is exported, in hexadecimal.
pub(super) fn sampled() -> Option<(String, String)> {
    let context = Span::current().context();
    let place = context.span().span_context().clone();
    (place.is_valid() && place.is_sampled())
        .then(|| (place.trace_id().to_string(), place.span_id().to_string()))
}

/// Says in the span of a call how it was answered.
pub(super) fn served(code: Code) {
    if active() {
        let span = Span::current();
        span.record("rpc.grpc.status_code", code as i64);
        if super::is_server_fault(code) {
            span.record("otel.status_code", "ERROR");
        }
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
