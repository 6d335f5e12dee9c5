//! Standard health and reflection.

use std::collections::BTreeSet;

use futures::StreamExt;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{Mesh, Setup, mesh::channel, until};

tests!(
    each_service_has_its_health,
    a_process_that_drains_says_so,
    reflection_lists_what_is_served,
    in_six_processes_each_answers_for_its_own,
);

const SERVICES: [&str; 7] = [
    "feira.user.v1.UserService",
    "feira.user.v1.AuthService",
    "feira.article.v1.ArticleService",
    "feira.article.v1.StockService",
    "feira.order.v1.OrderService",
    "feira.payment.v1.PaymentService",
    "feira.mesh.v1.MeshService",
];

async fn check(mesh: &Mesh, process: &str, service: &str) -> Result<ServingStatus, Code> {
    let mut client = HealthClient::new(channel(&mesh.grpc_url(process)));
    let answer = client.check(HealthCheckRequest { service: service.into() }).await;
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

/// Covers: mesh.health.
async fn each_service_has_its_health(setup: Setup) {
    let mesh = setup.start().await;
    for service in SERVICES.into_iter().chain([""]) {
        until(&format!("{service:?} serves"), || async {
            (check(&mesh, "feira-0", service).await == Ok(ServingStatus::Serving)).then_some(())
        })
        .await;
    }
    assert_eq!(check(&mesh, "feira-0", "feira.shoe.v1.ShoeService").await, Err(Code::NotFound));
}

/// Covers: mesh.health, mesh.drain.
async fn a_process_that_drains_says_so(setup: Setup) {
    let mesh = setup.env("FEIRA_DRAIN_DELAY", "500ms").start().await;
    let mut client = HealthClient::new(channel(&mesh.grpc_url("feira-0")));
    let watch = client.watch(HealthCheckRequest { service: String::new() }).await.unwrap();
    let mut watch = watch.into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    mesh.main().ask_to_stop();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    // Until then it goes on serving.
    assert_eq!(check(&mesh, "feira-0", "feira.order.v1.OrderService").await, Ok(ServingStatus::NotServing));
    drop((watch, client));
    mesh.stop("feira-0");
}

macro_rules! listed {
    ($version:ident, $url:expr) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let mut client = ServerReflectionClient::new(channel(&$url));
        let ask = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        let requests = [
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol("feira.order.v1.OrderService".into())),
            // So that tools show the details of errors.
            ask(MessageRequest::FileContainingSymbol("google.rpc.ErrorInfo".into())),
        ];
        let answers =
            client.server_reflection_info(futures::stream::iter(requests)).await.unwrap().into_inner();
        let answers =
            answers.map(|answer| answer.unwrap().message_response.unwrap()).collect::<Vec<_>>().await;
        let [
            MessageResponse::ListServicesResponse(services),
            MessageResponse::FileDescriptorResponse(ours),
            MessageResponse::FileDescriptorResponse(details),
        ] = &answers[..]
        else {
            panic!("{answers:?}");
        };
        assert!(!ours.file_descriptor_proto.is_empty() && !details.file_descriptor_proto.is_empty());
        services.service.iter().map(|service| service.name.clone()).collect::<BTreeSet<String>>()
    }};
}

/// Covers: mesh.reflection.
async fn reflection_lists_what_is_served(setup: Setup) {
    let mesh = setup.start().await;
    let new = listed!(v1, mesh.grpc_url("feira-0"));
    let old = listed!(v1alpha, mesh.grpc_url("feira-0"));
    for service in SERVICES.into_iter().chain(["grpc.health.v1.Health", "feira.mesh.v1.NodeService"]) {
        assert!(new.contains(service) && old.contains(service), "{service}: {new:?} {old:?}");
    }
}

/// Covers: mesh.health, mesh.split.
async fn in_six_processes_each_answers_for_its_own(setup: Setup) {
    let mesh = setup.split().start().await;
    for (process, service, other) in [
        ("user", "feira.user.v1.UserService", "feira.order.v1.OrderService"),
        ("article", "feira.article.v1.StockService", "feira.user.v1.UserService"),
        ("order", "feira.order.v1.OrderService", "feira.payment.v1.PaymentService"),
        ("payment", "feira.payment.v1.PaymentService", "feira.order.v1.OrderService"),
        ("mesh", "feira.mesh.v1.MeshService", "feira.order.v1.OrderService"),
    ] {
        for name in [service, ""] {
            assert_eq!(check(&mesh, process, name).await, Ok(ServingStatus::Serving), "{process} {name}");
        }
        assert_eq!(check(&mesh, process, other).await, Err(Code::NotFound), "{process} {other}");
    }
    assert_eq!(check(&mesh, "gateway", "").await, Ok(ServingStatus::Serving));
}
