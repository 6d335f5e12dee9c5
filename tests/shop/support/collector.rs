//! A collector of OpenTelemetry, over gRPC and over HTTP: what it has received.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::ExportMetricsServiceRequest,
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    service::Routes,
    transport::{Identity, Server, ServerTlsConfig},
};

/// Spans with the name of the service that sent them, and metrics with their units.
#[derive(Clone, Default)]
pub struct Collector(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    spans: Vec<(String, Span)>,
    resources: BTreeSet<String>,
    metrics: BTreeSet<(String, String)>,
}

fn text(attributes: &[KeyValue]) -> String {
    let value = |it: &KeyValue| match it.value.clone().and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    attributes.iter().map(|it| format!("{}={}\n", it.key, value(it))).collect()
}

/// A span's name and attributes, and those of its events.
pub fn text_of(span: &Span) -> String {
    let events: String =
        span.events.iter().map(|event| format!("{}\n{}", event.name, text(&event.attributes))).collect();
    format!("{}\n{}{events}", span.name, text(&span.attributes))
}

impl Collector {
    /// Starts one over gRPC; its URL.
    pub async fn by_grpc(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(TraceServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        url
    }

    /// Starts one over HTTP; its URL.
    pub async fn by_http(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = self.router();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(self.clone())
    }

    /// Starts one by TLS, which speaks both on its port; its URL, and the certificate of the authority that it has its own of.
    pub async fn by_tls(&self) -> (String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let key = || KeyPair::generate().unwrap();
        let (mut authority, authority_key, own_key) = (CertificateParams::default(), key(), key());
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority.self_signed(&authority_key).unwrap();
        let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let own = own.signed_by(&own_key, &Issuer::new(authority, authority_key)).unwrap();
        let identity = Identity::from_pem(own.pem(), own_key.serialize_pem());
        let mut server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        let services = Routes::from(self.router()).add_service(TraceServiceServer::new(self.clone()));
        let server = server.add_routes(services);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (url, root.pem())
    }

    fn take(&self, request: ExportTraceServiceRequest) {
        let mut received = self.0.lock().unwrap();
        for resource in request.resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let about = text(&attributes);
            let name = about.lines().find_map(|line| line.strip_prefix("service.name="));
            let name = name.expect("the service has a name").to_owned();
            received.resources.insert(about);
            let sent = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            received.spans.extend(sent.map(|span| (name.clone(), span)));
        }
    }

    /// The spans of a trace, by its id in hexadecimal.
    pub fn of_trace(&self, trace: &str) -> Vec<(String, Span)> {
        let received = self.0.lock().unwrap();
        received.spans.iter().filter(|(_, span)| hex::encode(&span.trace_id) == trace).cloned().collect()
    }

    /// The ids of all traces.
    pub fn traces(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().spans.iter().map(|(_, span)| hex::encode(&span.trace_id)).collect()
    }

    /// What sent spans.
    pub fn resources(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().resources.clone()
    }

    /// The names of metrics, and their units.
    pub fn metrics(&self) -> BTreeSet<(String, String)> {
        self.0.lock().unwrap().metrics.clone()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.take(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn traces(State(collector): State<Collector>, body: Bytes) {
    collector.take(ExportTraceServiceRequest::decode(body).unwrap());
}

async fn metrics(State(collector): State<Collector>, body: Bytes) {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    let sent = scopes.flat_map(|scope| scope.metrics).map(|metric| (metric.name, metric.unit));
    collector.0.lock().unwrap().metrics.extend(sent);
}
