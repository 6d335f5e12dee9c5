//! Traces by OTLP: one request, one trace, through every hop.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::support::{Edge, Reply, Setup, eur, shop::new_order, transcode, until};

tests!(a_request_is_one_trace_in_one_process, a_request_is_one_trace_across_six_processes);

/// What a collector has received: spans with the name of the service that sent them.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.0.lock().unwrap();
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let name =
                attributes.into_iter().find(|it| it.key == "service.name").and_then(|it| it.value?.value);
            let Some(Value::StringValue(name)) = name else { panic!("the service has a name") };
            let sent = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(sent.map(|span| (name.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Starts one; its URL.
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(TraceServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        url
    }

    fn of_trace(&self, trace: &str) -> Vec<(String, Span)> {
        let spans = self.0.lock().unwrap();
        spans.iter().filter(|(_, span)| hex::encode(&span.trace_id) == trace).cloned().collect()
    }
}

/// Covers: mesh.trace.
async fn a_request_is_one_trace_in_one_process(setup: Setup) {
    one_trace(setup, 1).await;
}

/// Covers: mesh.trace.
async fn a_request_is_one_trace_across_six_processes(setup: Setup) {
    one_trace(setup.split(), 4).await;
}

/// Places an order under a trace of our own; its spans come from at least so many services.
async fn one_trace(setup: Setup, services: usize) {
    let collector = Collector::default();
    let url = collector.start().await;
    let setup = setup
        .over(Edge::Rest)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .env("OTEL_METRICS_EXPORTER", "none")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let request = transcode::request(&new_order(&article.id, 1, "sim_approve"), &["/v1/orders"], "*");
    let http = ada.http().with("traceparent", &format!("00-{trace}-{parent}-01"));
    Reply::read(http.request(http::Method::POST, &request.path).json(request.json())).await.expect(201);

    let spans = until("the spans of every hop arrive", || async {
        let spans = collector.of_trace(trace);
        let has = |word: &str| spans.iter().any(|(_, span)| span.name.contains(word));
        let from = spans.iter().map(|(service, _)| service).collect::<BTreeSet<_>>();
        let root = spans.iter().any(|(_, span)| hex::encode(&span.parent_span_id) == parent);
        let hops =
            has("CreateOrder") && has("BatchGetArticles") && has("ReserveStock") && has("CreatePayment");
        (root && hops && from.len() >= services).then_some(spans)
    })
    .await;
    let ids = spans.iter().map(|(_, span)| hex::encode(&span.span_id)).collect::<BTreeSet<_>>();
    let strangers =
        spans.iter().map(|(_, span)| hex::encode(&span.parent_span_id)).filter(|it| !ids.contains(it));
    assert_eq!(strangers.collect::<BTreeSet<_>>(), [parent.to_owned()].into(), "every span has its parent");
}
