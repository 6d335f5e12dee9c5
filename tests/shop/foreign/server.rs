//! A server that is not ours: it answers with what it was asked, and has the reflection that a test gives it.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use futures::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use prost_reflect::DescriptorPool;
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot, watch},
    task::JoinHandle,
};
use tonic::{
    Status,
    service::Routes,
    transport::{Identity, Server, ServerTlsConfig, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server::Builder;

/// Which reflection it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reflects {
    V1,
    V1Alpha,
    Not,
}

/// A contract of an edition.
pub const EDITION: &str = "case";

/// A running server.
pub struct Foreign {
    pub url: String,
    /// The paths and headers of the calls that it got.
    pub calls: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    /// How often it was asked for its contract.
    pub reflected: Arc<AtomicUsize>,
    /// Calls with `x-wait` wait until they are let go.
    pub begun: Arc<Notify>,
    pub go: watch::Sender<bool>,
    health: HealthReporter,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// The contract of a folder's proto files, as a `FileDescriptorSet`; of one of an edition, as protobuf's own compiler
/// made it.
pub fn contract(folder: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    if folder == EDITION {
        return std::fs::read(format!("{root}/gateway/tests/edge/editions/{EDITION}.bin")).unwrap();
    }
    let here = format!("{root}/tests/shop/foreign/contracts/{folder}");
    let mut compiler = protox::Compiler::new([here.as_str(), &format!("{root}/proto")]).unwrap();
    compiler.include_imports(true).open_file(format!("{folder}.proto")).unwrap();
    compiler.encode_file_descriptor_set()
}

impl Foreign {
    /// Serves the contract of a folder, anywhere.
    pub async fn serve(folder: &str, reflects: Reflects) -> Self {
        Self::serve_at("127.0.0.1:0", folder, reflects).await
    }

    /// Serves it at an address.
    pub async fn serve_at(address: &str, folder: &str, reflects: Reflects) -> Self {
        Self::start(address, folder, reflects, None).await
    }

    /// Serves it by TLS.
    pub async fn serve_by_tls(folder: &str, identity: Identity) -> Self {
        Self::start("127.0.0.1:0", folder, Reflects::V1, Some(identity)).await
    }

    async fn start(address: &str, folder: &str, reflects: Reflects, tls: Option<Identity>) -> Self {
        let set = contract(folder);
        let pool = gateway::Contract::of_set(&set).unwrap().pool().clone();
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut routes = Routes::new(health_service);
        let own: Vec<_> = pool.services().map(|service| service.full_name().to_owned()).collect();
        let builder = || {
            let builder = Builder::configure().register_encoded_file_descriptor_set(&set);
            own.iter().fold(builder, |builder, name| builder.with_service_name(name.clone()))
        };
        match reflects {
            Reflects::V1 => routes = routes.add_service(builder().build_v1().unwrap()),
            Reflects::V1Alpha => routes = routes.add_service(builder().build_v1alpha().unwrap()),
            Reflects::Not => {}
        }
        let (calls, begun, (go, going)) =
            (Arc::<Mutex<Vec<_>>>::default(), Arc::new(Notify::new()), watch::channel(false));
        let (seen, begins) = (calls.clone(), begun.clone());
        let router: Router = routes.into_axum_router().fallback(move |request: Request| {
            answer(pool.clone(), seen.clone(), begins.clone(), going.clone(), request)
        });
        let reflected = Arc::<AtomicUsize>::default();
        let counter = reflected.clone();
        let router = router.layer(axum::middleware::map_request(move |request: Request| {
            let reflects = request.uri().path().starts_with("/grpc.reflection.");
            counter.fetch_add(usize::from(reflects), Ordering::Relaxed);
            std::future::ready(request)
        }));
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut server = Server::builder();
        if let Some(identity) = tls {
            server = server.tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        }
        let (end, ends) = oneshot::channel::<()>();
        let ended = async {
            // Also where nobody is left who could say so.
            let _ = ends.await;
        };
        let server = server.add_routes(Routes::from(router));
        let serving = server.serve_with_incoming_shutdown(TcpIncoming::from(listener), ended);
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Self { url: format!("{scheme}://{address}"), calls, reflected, begun, go, health, end, task }
    }

    /// Says whether it serves.
    pub async fn set_healthy(&self, healthy: bool) {
        let status = if healthy { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.health.set_service_status("", status).await;
    }

    /// Ends it and all of its connections; answers where it was.
    pub async fn stop(self) -> String {
        self.end.send(()).unwrap();
        self.task.await.unwrap();
        self.url.trim_start_matches("http://").to_owned()
    }

    /// The header of the last call.
    pub fn header(&self, name: &str) -> String {
        let calls = self.calls.lock().unwrap();
        let headers = &calls.last().expect("it was called").1;
        headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
    }
}

async fn answer(
    pool: DescriptorPool,
    calls: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    begun: Arc<Notify>,
    mut go: watch::Receiver<bool>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let described = pool.get_service_by_name(service);
    let described = described.and_then(|service| service.methods().find(|there| there.name() == method));
    let waits = parts.headers.contains_key("x-wait");
    let Some(described) = described else { return Status::unimplemented("no such method").into_http() };
    calls.lock().unwrap().push((path.clone(), parts.headers));
    let asked = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if waits {
        begun.notify_one();
        let _ = go.wait_for(|go| *go).await;
    }
    let count = if described.is_server_streaming() { 3 } else { 1 };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers.insert("x-shelf", HeaderValue::from_static("in the trailers"));
    let messages = std::iter::repeat_n(asked, count).map(Frame::data).chain([Frame::trailers(trailers)]);
    let frames = stream::iter(messages).map(Ok::<Frame<Bytes>, Infallible>);
    let mut response = Response::new(Body::new(StreamBody::new(frames)));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response.headers_mut().insert("x-room", HeaderValue::from_static("7"));
    response.headers_mut().insert("x-secret", HeaderValue::from_static("stays inside"));
    response
}
