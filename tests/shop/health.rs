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
    what_is_not_known_is_watched_until_the_end_and_all_is_listed,
    reflection_lists_what_is_served,
    reflection_goes_on_after_an_error_and_knows_extensions,
    in_six_processes_each_answers_for_its_own,
);

const SERVICES: [&str; 12] = [
    "feira.user.v1.UserService",
    "feira.user.v1.AuthService",
    "feira.user.v1.AuditService",
    "feira.user.v1.PasskeyService",
    "feira.article.v1.ArticleService",
    "feira.article.v1.StockService",
    "feira.order.v1.OrderService",
    "feira.payment.v1.PaymentService",
    "feira.mesh.v1.MeshService",
    "feira.mesh.v1.NodeService",
    "feira.event.v1.EventService",
    "feira.event.v1.WebhookService",
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

/// Covers: mesh.health.
async fn what_is_not_known_is_watched_until_the_end_and_all_is_listed(setup: Setup) {
    use contracts::health::{HealthListRequest, health_client};

    let mesh = setup.start().await;
    let mut client = HealthClient::new(channel(&mesh.grpc_url("feira-0")));
    let watch = client.watch(HealthCheckRequest { service: "feira.shoe.v1.ShoeService".into() }).await;
    let mut watch = watch.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    let more = tokio::time::timeout(std::time::Duration::from_millis(300), watch.next()).await;
    assert!(more.is_err(), "it goes on: {more:?}");

    let mut all = health_client::HealthClient::new(channel(&mesh.grpc_url("feira-0")));
    let listed = all.list(HealthListRequest {}).await.unwrap().into_inner().statuses;
    for service in SERVICES.into_iter().chain([""]) {
        assert_eq!(listed[service].status as i32, ServingStatus::Serving as i32, "{service}");
    }
}

macro_rules! goes_on {
    ($version:ident, $url:expr) => {{
        use tonic_reflection::pb::$version::{
            ExtensionRequest, ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest as Ask,
            server_reflection_response::MessageResponse as Said,
        };
        let mut client = ServerReflectionClient::new(channel(&$url));
        let options = "google.protobuf.MethodOptions";
        let extension = |extension_number| {
            let containing_type = options.into();
            Ask::FileContainingExtension(ExtensionRequest { containing_type, extension_number })
        };
        let asked = [
            (Ask::FileContainingSymbol("no.such.Thing".into()), None),
            (Ask::FileByFilename("no/such/file.proto".into()), None),
            (extension(1), None),
            (Ask::AllExtensionNumbersOfType("no.such.Thing".into()), None),
            (Ask::FileContainingSymbol("google.api.http".into()), Some("google/api/annotations.proto")),
            (Ask::FileContainingSymbol("feira.order.v1.ORDER_STATE_PAID".into()), Some("order.proto")),
            (Ask::FileContainingSymbol("feira.order.v1.OrderService.Checkout".into()), Some("order.proto")),
            (Ask::FileContainingSymbol("feira.order.v1.Order.total".into()), Some("order.proto")),
            (Ask::FileByFilename("google/api/annotations.proto".into()), Some("annotations.proto")),
            (extension(72_295_728), Some("annotations.proto")),
            (Ask::AllExtensionNumbersOfType(options.into()), Some("72295728")),
        ];
        let requests = asked
            .clone()
            .map(|(ask, _)| ServerReflectionRequest { host: "here".into(), message_request: Some(ask) });
        let answers = client.server_reflection_info(futures::stream::iter(requests)).await.unwrap();
        let mut answers = answers.into_inner();
        for (ask, expected) in asked {
            let answer = answers.next().await.expect("it goes on").expect("no end by an error");
            assert_eq!(answer.original_request.unwrap().message_request.as_ref(), Some(&ask));
            match (answer.message_response.unwrap(), expected) {
                (Said::ErrorResponse(error), None) => assert_eq!(error.error_code, Code::NotFound as i32),
                (Said::FileDescriptorResponse(file), Some(name)) => {
                    let file = String::from_utf8_lossy(&file.file_descriptor_proto[0]).into_owned();
                    assert!(file.contains(name), "{ask:?}");
                }
                (Said::AllExtensionNumbersResponse(found), Some(number)) => {
                    assert!(found.extension_number.contains(&number.parse().unwrap()), "{found:?}");
                }
                (other, _) => panic!("{ask:?}: {other:?}"),
            }
        }
        assert!(answers.next().await.is_none());
    }};
}

/// Covers: mesh.reflection.
async fn reflection_goes_on_after_an_error_and_knows_extensions(setup: Setup) {
    let mesh = setup.start().await;
    goes_on!(v1, mesh.grpc_url("feira-0"));
    goes_on!(v1alpha, mesh.grpc_url("feira-0"));
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
    for service in SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
        assert!(new.contains(service) && old.contains(service), "{service}: {new:?} {old:?}");
    }
    // Health knows each of them, by every way to ask.
    let mut client = HealthClient::new(channel(&mesh.grpc_url("feira-0")));
    let mut all = contracts::health::health_client::HealthClient::new(channel(&mesh.grpc_url("feira-0")));
    let known = all.list(contracts::health::HealthListRequest {}).await.unwrap().into_inner().statuses;
    for service in new {
        assert_eq!(check(&mesh, "feira-0", &service).await, Ok(ServingStatus::Serving), "{service}");
        let watch = client.watch(HealthCheckRequest { service: service.clone() }).await.unwrap();
        let first = watch.into_inner().next().await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::Serving, "{service}");
        assert!(known.contains_key(&service), "{service}");
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
