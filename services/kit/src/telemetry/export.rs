//! Traces and metrics by OTLP, as OpenTelemetry's own environment variables ask for.
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::time::Duration;

use opentelemetry::{KeyValue, Value, trace::TracerProvider};
use opentelemetry_otlp::{
    self as otlp, MetricExporter, SpanExporter, WithExportConfig, WithTonicConfig,
    tonic_types::transport::ClientTlsConfig,
};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use super::{
    log::OURS,
    metrics::{self, Reader},
    place::{self, Places},
    spans,
};

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
        // By the standard's default, and by all samplers that are called after it.
        let sampler = variable("OTEL_TRACES_SAMPLER").unwrap_or_default();
        let follows_callers = !["always_on", "always_off", "traceidratio"].contains(&sampler.as_str());
        place::export_by(self.traces.as_ref()?.tracer("feira"), follows_callers);
        let ours = Targets::new()
            .with_targets(OURS.map(|name| (name, LevelFilter::INFO)))
            .with_target(spans::TARGET, LevelFilter::INFO)
            // Never ends while the process runs: what is done in it would be one trace without end.
            .with_target(spans::KEPT, LevelFilter::OFF);
        Some(Places.with_filter(ours).boxed())
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
    if variable(&format!("OTEL_{signal}_EXPORTER")).is_some_and(|exporter| exporter == "none") {
        return Ok(false);
    }
    if of_signal(signal, "ENDPOINT").is_none() {
        return Ok(false);
    }
    of_signal(signal, "PROTOCOL").as_deref().map_or(Ok(()), |word| Protocol::read(word).map(|_| ()))?;
    Ok(true)
}

/// What a variable says for a signal, or for all of them.
fn of_signal(signal: &str, what: &str) -> Option<String> {
    variable(&format!("OTEL_EXPORTER_OTLP_{signal}_{what}"))
        .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{what}")))
}

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Grpc,
    Http,
}

impl Protocol {
    fn read(word: &str) -> Result<Self, String> {
        match word {
            "grpc" => Ok(Self::Grpc),
            "http/protobuf" => Ok(Self::Http),
            _ => Err(format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL: {word:?} is not built in, only \"http/protobuf\" and \"grpc\" are"
            )),
        }
    }

    /// Of a signal; the standard's default, where nothing is said.
    fn of(signal: &str) -> Result<Self, String> {
        of_signal(signal, "PROTOCOL").map_or(Ok(Self::Http), |word| Self::read(&word))
    }
}

/// TLS for a collector that is reached by it over gRPC: the system's authorities count.
fn tls(signal: &str) -> Option<ClientTlsConfig> {
    let by_tls = of_signal(signal, "ENDPOINT").is_some_and(|url| url.starts_with("https:"));
    by_tls.then(|| ClientTlsConfig::new().with_enabled_roots())
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
    let exporter = SpanExporter::builder();
    let exporter = match (Protocol::of("TRACES")?, tls("TRACES")) {
        (Protocol::Http, _) => exporter.with_http().with_protocol(otlp::Protocol::HttpBinary).build(),
        (Protocol::Grpc, None) => exporter.with_tonic().build(),
        (Protocol::Grpc, Some(tls)) => exporter.with_tonic().with_tls_config(tls).build(),
    };
    let exporter = exporter.map_err(|error| format!("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {error}"))?;
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// One provider for all who read.
fn meters(resource: Resource, sends: bool, reader: Option<Reader>) -> Result<SdkMeterProvider, String> {
    let mut provider = SdkMeterProvider::builder().with_resource(resource);
    if sends {
        let exporter = MetricExporter::builder();
        let exporter = match (Protocol::of("METRICS")?, tls("METRICS")) {
            (Protocol::Http, _) => exporter.with_http().with_protocol(otlp::Protocol::HttpBinary).build(),
            (Protocol::Grpc, None) => exporter.with_tonic().build(),
            (Protocol::Grpc, Some(tls)) => exporter.with_tonic().with_tls_config(tls).build(),
        };
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
