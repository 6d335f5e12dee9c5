//! The contracts as a file, for where reflection is off.

use std::process::{Command, Stdio};

use prost_reflect::DescriptorPool;
use tempfile::tempdir;
use tonic::Code;

use crate::support::{Setup, mesh::channel, process::Start};

tests!(
    descriptors_hold_everything_that_is_served,
    descriptors_that_cannot_be_written_are_one_line,
    without_reflection_it_serves_all_the_same,
);

/// Covers: mesh.program, mesh.reflection.
async fn descriptors_hold_everything_that_is_served(_: Setup) {
    let folder = tempdir().unwrap();
    let ended = Start::of("descriptors --output shop.binpb").run(folder.path());
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""), "{ended:?}");
    let set = std::fs::read(folder.path().join("shop.binpb")).unwrap();

    let pool = DescriptorPool::decode(&set[..]).expect("it is whole: every import is there");
    for service in [
        "feira.user.v1.UserService",
        "feira.user.v1.AuthService",
        "feira.article.v1.ArticleService",
        "feira.article.v1.StockService",
        "feira.order.v1.OrderService",
        "feira.payment.v1.PaymentService",
        "feira.mesh.v1.MeshService",
        "feira.event.v1.EventService",
        "feira.event.v1.WebhookService",
        "grpc.health.v1.Health",
    ] {
        assert!(pool.get_service_by_name(service).is_some(), "{service}");
    }
    for detail in ["google.rpc.ErrorInfo", "google.rpc.BadRequest", "google.rpc.RetryInfo"] {
        assert!(pool.get_message_by_name(detail).is_some(), "{detail}");
    }
    let mut names = pool.files().map(|file| file.name().to_owned()).collect::<Vec<_>>();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "each file once");

    let order = pool.get_service_by_name("feira.order.v1.OrderService").unwrap();
    let watch = order.methods().find(|method| method.name() == "WatchOrder").unwrap();
    assert!(watch.is_server_streaming());
    let path = pool.get_extension_by_name("google.api.http").unwrap();
    assert!(watch.options().has_extension(&path), "options are kept");
    let file = order.parent_file();
    let comments = file.file_descriptor_proto().source_code_info.as_ref().expect("comments are kept");
    assert!(comments.location.iter().any(|it| it.leading_comments().contains("`open` stands for")));

    let mut piped = Command::new(env!("CARGO_BIN_EXE_feira"));
    assert_eq!(
        piped.arg("descriptors").stdin(Stdio::null()).output().unwrap().stdout,
        set,
        "standard output gets the same"
    );
}

/// Covers: mesh.program.
async fn descriptors_that_cannot_be_written_are_one_line(_: Setup) {
    let folder = tempdir().unwrap();
    let ended = Start::of("descriptors --output nowhere/shop.binpb").run(folder.path());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.trim_end().lines().count() == 1 && ended.stderr.contains("nowhere/shop.binpb"));
    let ended = Start::of("descriptors --format xml").run(folder.path());
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

/// Covers: mesh.reflection.
async fn without_reflection_it_serves_all_the_same(setup: Setup) {
    let mesh = setup.env("FEIRA_REFLECTION", "false").start().await;
    let url = mesh.grpc_url("feira-0");

    use tonic_reflection::pb::{
        v1::server_reflection_client::ServerReflectionClient as New,
        v1alpha::server_reflection_client::ServerReflectionClient as Old,
    };
    let refused = New::new(channel(&url)).server_reflection_info(futures::stream::empty()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
    let refused = Old::new(channel(&url)).server_reflection_info(futures::stream::empty()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused}");

    let health = Start::of("health").arg("--url", &url).run(mesh.folder());
    assert_eq!((health.code, health.stdout.trim()), (Some(0), "SERVING"));
    let ada = mesh.shopper().await;
    assert!(ada.tokens.expires_in > 0, "it serves");
}
