//! Traces and metrics by OTLP: one request, one trace, through every hop and down to the commit.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::trace::v1::Span;

use crate::support::{
    Backend, Edge, Reply, Setup, Shopper,
    collector::{Collector, text_of},
    eur,
    scrape::Scrape,
    shop::new_order,
    transcode, until,
};

tests!(
    a_request_is_one_trace_in_one_process,
    a_request_is_one_trace_across_six_processes,
    a_trace_is_kept_as_a_whole_or_not_at_all,
    a_collector_by_tls_is_known_by_the_systems_authorities,
);
each!(over_rest: Setup::default().over(Edge::Rest);
    a_trace_goes_from_the_route_to_the_commit_and_names_no_value,
    what_is_not_sampled_is_not_exported,
    metrics_are_sent_by_http_too);
each!(on_servers: Setup::default().over(Edge::Rest).on(Backend::Postgres);
    a_trace_goes_from_the_route_to_the_commit_and_names_no_value);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
/// OpenTelemetry's kinds of spans.
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// Covers: mesh.trace.
async fn a_request_is_one_trace_in_one_process(setup: Setup) {
    one_trace(setup, 1).await;
}

/// Covers: mesh.trace.
async fn a_request_is_one_trace_across_six_processes(setup: Setup) {
    let spans = one_trace(setup.split(), 4).await;
    let of = |kind: i32| spans.iter().filter(move |(_, span)| span.kind == kind).map(|(_, span)| span);
    let reserve = |span: &&Span| span.name == "feira.article.v1.StockService/ReserveStock";
    let asked = of(CLIENT).find(reserve).expect("the call of another process has a span on each side");
    let served = of(SERVER).find(reserve).expect("the other one");
    assert_eq!(served.parent_span_id, asked.span_id);
}

fn traced(setup: Setup, url: &str) -> Setup {
    setup
        .over(Edge::Rest)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        .env("OTEL_METRICS_EXPORTER", "none")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .env("FEIRA_ADMIN_LISTEN", "127.0.0.1:0")
}

/// Places an order under a trace of our own.
async fn order(ada: &Shopper, article: &str, flags: &str) -> contracts::order::Order {
    let request = transcode::request(&new_order(article, 1, "sim_approve"), &["/v1/orders"], "*");
    let http = ada.http().with("traceparent", &format!("00-{TRACE}-{PARENT}-{flags}"));
    let reply = Reply::read(http.request(http::Method::POST, &request.path).json(request.json())).await;
    let order = reply.expect(201);
    contracts::order::Order { id: order["id"].as_str().unwrap().to_owned(), ..Default::default() }
}

/// Places an order; its spans come from at least so many services.
async fn one_trace(setup: Setup, services: usize) -> Vec<(String, Span)> {
    let collector = Collector::default();
    let url = collector.by_grpc().await;
    let mesh = traced(setup, &url).env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    order(&ada, &article.id, "01").await;
    until("the spans of every hop arrive, and every span's parent", || async {
        let spans = collector.of_trace(TRACE);
        let has = |word: &str| spans.iter().any(|(_, span)| span.name.contains(word));
        let from = spans.iter().map(|(service, _)| service).collect::<BTreeSet<_>>();
        let hops =
            has("CreateOrder") && has("BatchGetArticles") && has("ReserveStock") && has("CreatePayment");
        (hops && from.len() >= services && is_one_tree(&spans)).then_some(spans)
    })
    .await
}

/// Whether every span but the first has its parent among them, and that one ours.
fn is_one_tree(spans: &[(String, Span)]) -> bool {
    let ids = spans.iter().map(|(_, span)| hex::encode(&span.span_id)).collect::<BTreeSet<_>>();
    let parents = spans.iter().map(|(_, span)| hex::encode(&span.parent_span_id));
    parents.filter(|parent| !ids.contains(parent)).collect::<Vec<_>>() == [PARENT]
}

/// Covers: mesh.trace, mesh.metrics.
async fn a_trace_goes_from_the_route_to_the_commit_and_names_no_value(setup: Setup) {
    let collector = Collector::default();
    // The protocol that counts where none is named.
    let url = collector.by_http().await;
    // With the access log, which must not keep spans from their exporter.
    let mesh = traced(setup, &url).env("FEIRA_LOG", "info,feira::access=info").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let order = order(&ada, &article.id, "01").await;
    let spans = until("the whole tree arrives", || async {
        let spans = collector.of_trace(TRACE);
        let has = |name: &str| spans.iter().any(|(_, span)| span.name == name);
        (has("simulated authorize") && has("POST /v1/orders") && is_one_tree(&spans)).then_some(spans)
    })
    .await;
    let by_id: BTreeMap<_, _> = spans.iter().map(|(_, span)| (span.span_id.clone(), span)).collect();
    let way = |name: &str| -> Vec<&str> {
        let mut span = spans.iter().map(|(_, span)| span).find(|span| span.name == name).unwrap();
        let mut way = vec![span.name.as_str()];
        while let Some(parent) = by_id.get(&span.parent_span_id) {
            span = parent;
            way.push(&span.name);
        }
        way
    };
    let (rest, create) = ("POST /v1/orders", "feira.order.v1.OrderService/CreateOrder");
    let pay = "feira.payment.v1.PaymentService/CreatePayment";
    assert_eq!(way("INSERT orders"), ["INSERT orders", create, rest]);
    assert_eq!(way("simulated authorize"), ["simulated authorize", pay, create, rest]);
    assert!(spans.iter().any(|(_, span)| span.name == "COMMIT" && span.kind == CLIENT));
    let text: String = spans.iter().map(|(_, span)| text_of(span)).collect();
    assert!(text.contains("db.collection.name=orders") && text.contains("rpc.response.status_code=OK"));
    for value in [&order.id, &article.id, &ada.user.id, "Rua Augusta"] {
        assert!(!text.contains(value), "{value} is in a span");
    }
    assert!(collector.resources().iter().all(|it| it.contains("service.instance.id=")));

    let (_, open) = Scrape::read(&mesh.main().admin(), "application/openmetrics-text;version=1.0.0").await;
    let exemplar = format!("# {{trace_id=\"{TRACE}\",span_id=\"");
    for (name, of) in [("http_server_request", "http_route=\"/v1/orders\""), ("rpc_server_call", create)] {
        let bucket = format!("{name}_duration_seconds_bucket{{");
        let is = |line: &&str| line.starts_with(&bucket) && line.contains(of) && line.contains(&exemplar);
        assert!(open.text.lines().any(|line| is(&line)), "{name} has the call's trace as an exemplar");
    }
    assert!(!mesh.scrape().await.text.contains("trace_id"), "the plain text has none");
}

/// Covers: mesh.trace.
async fn what_is_not_sampled_is_not_exported(setup: Setup) {
    let collector = Collector::default();
    let url = collector.by_http().await;
    let mesh = traced(setup, &url).env("OTEL_TRACES_SAMPLER", "parentbased_always_off").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    order(&ada, &article.id, "00").await;
    assert_eq!(mesh.http().get("/v1/articles").await.status, 200);
    order(&ada, &article.id, "01").await;
    until("what the caller has sampled arrives", || async {
        is_one_tree(&collector.of_trace(TRACE)).then_some(())
    })
    .await;
    let creates = collector.of_trace(TRACE);
    let creates = creates.iter().filter(|(_, span)| span.name.ends_with("/CreateOrder")).count();
    assert_eq!(creates, 1, "the one that was not sampled is not there");
    assert!(collector.traces().iter().all(|trace| trace == TRACE));
}

/// Covers: mesh.trace.
async fn a_trace_is_kept_as_a_whole_or_not_at_all(setup: Setup) {
    let collector = Collector::default();
    let url = collector.by_http().await;
    let half = [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.5")];
    let setup = half.iter().fold(traced(setup.split(), &url), |setup, (name, value)| setup.env(name, value));
    let mesh = setup.start().await;
    let sent = 30;
    for _ in 0..sent {
        assert_eq!(mesh.http().get("/v1/articles").await.status, 200);
    }
    // What a process has sent before that has arrived before it.
    let last = mesh.http().with("traceparent", &format!("00-{TRACE}-{PARENT}-01"));
    assert_eq!(last.get("/v1/articles").await.status, 200);
    let (edge, call) = ("GET /v1/articles", "feira.article.v1.ArticleService/ListArticles");
    until("the last one arrives from both processes", || async {
        let spans = collector.of_trace(TRACE);
        let has = |name: &str| spans.iter().any(|(_, span)| span.name == name && span.kind == SERVER);
        (has(edge) && has(call)).then_some(())
    })
    .await;
    let traces = collector.traces();
    let with = |name: &str| -> BTreeSet<&String> {
        let has = |trace: &&String| collector.of_trace(trace).iter().any(|(_, span)| span.name == name);
        traces.iter().filter(has).collect()
    };
    let kept = with(edge).len();
    assert_eq!(with(edge), with(call), "nobody decides anew further on");
    assert!((2..=sent).contains(&kept), "some of {sent} and the last one: {kept}");
}

/// Covers: mesh.metrics.
async fn metrics_are_sent_by_http_too(setup: Setup) {
    let collector = Collector::default();
    let url = collector.by_http().await;
    let setup = setup
        .env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &format!("{url}/v1/metrics"))
        .env("OTEL_METRIC_EXPORT_INTERVAL", "200");
    let mesh = setup.start().await;
    assert_eq!(mesh.http().get("/v1/articles").await.status, 200);
    until("the request's duration arrives, in seconds", || async {
        let metrics = collector.metrics();
        let has = |name: &str, unit: &str| metrics.contains(&(name.to_owned(), unit.to_owned()));
        (has("http.server.request.duration", "s")
            && has("rpc.server.call.duration", "s")
            && has("process.resident_memory", "By"))
        .then_some(())
    })
    .await;
}

/// Covers: mesh.trace, mesh.metrics.
async fn a_collector_by_tls_is_known_by_the_systems_authorities(setup: Setup) {
    let folder = tempfile::tempdir().unwrap();
    for protocol in ["http/protobuf", "grpc"] {
        let collector = Collector::default();
        let (url, authority) = collector.by_tls().await;
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, authority).unwrap();
        let by_tls = traced(setup.clone(), &url).env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
        // To whom no authority vouches for it, nothing is sent, and the shop sells all the same.
        let mesh = by_tls.clone().start().await;
        let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
        let article = staff.stocked(eur(100), 5).await;
        order(&ada, &article.id, "01").await;
        mesh.stop("feira-0");
        assert!(collector.traces().is_empty(), "{protocol}: sent to a stranger");

        let mesh = by_tls.env("SSL_CERT_FILE", roots.to_str().unwrap()).start().await;
        let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
        let article = staff.stocked(eur(100), 5).await;
        order(&ada, &article.id, "01").await;
        until(protocol, || async { is_one_tree(&collector.of_trace(TRACE)).then_some(()) }).await;
    }
}
