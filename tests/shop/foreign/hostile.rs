//! Upstreams that are down, hang, contradict each other or describe what nobody can read.

use std::{
    fs,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use rustix::process::Signal;
use serde_json::json;
use tempfile::tempdir;
use tokio::net::TcpListener;
use tonic::transport::Identity;

use super::{Edge, Foreign, Reflects, gateway, server::contract};
use crate::{
    support::{Setup, process::Start, until},
    tls::certificate,
};

tests!(
    an_upstream_that_is_down_makes_nobody_else_asked_more_often,
    an_upstream_that_hangs_keeps_nobody_else_waiting,
    what_one_upstream_says_wrong_holds_back_nobody_else,
    other_certificates_count_after_a_hangup,
    a_contract_that_nobody_can_read_ends_nothing,
    what_is_asked_of_health_is_answered_in_its_form,
);

/// An address where nobody is.
async fn nowhere() -> String {
    Foreign::serve("books", Reflects::Not).await.stop().await
}

/// Covers: mesh.gateway.
async fn an_upstream_that_is_down_makes_nobody_else_asked_more_often(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::V1).await);
    let address = nowhere().await;
    let edge = Edge::start(&gateway(&[&books.url, &format!("http://{address}")], ""), folder.path());
    let asked = books.reflected.load(Ordering::Relaxed);
    // Once it is up it is found, by being asked again; the other was not asked meanwhile.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let _films = Foreign::serve_at(&address, "films", Reflects::V1).await;
    until("the new routes", || async { (edge.status("/films/f1").await == 200).then_some(()) }).await;
    assert_eq!(books.reflected.load(Ordering::Relaxed), asked);
    assert_eq!(edge.process.stderr().matches("contract.not_loaded").count(), 1, "it is said once");
}

/// Covers: mesh.gateway.
async fn an_upstream_that_hangs_keeps_nobody_else_waiting(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::V1).await);
    let hangs = nowhere().await;
    let upstreams = [&*books.url, &format!("http://{hangs}")];
    let edge = Edge::start(&gateway(&upstreams, "--poll-interval 1s"), folder.path());
    // It takes connections and says nothing.
    let _silent = TcpListener::bind(&hangs).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let address = books.stop().await;
    let _films = Foreign::serve_at(&address, "films", Reflects::V1).await;
    let since = Instant::now();
    until("the new routes", || async { (edge.status("/films/f1").await == 200).then_some(()) }).await;
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
}

/// Covers: mesh.gateway.
async fn what_one_upstream_says_wrong_holds_back_nobody_else(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::V1).await);
    let (second, third) = (nowhere().await, nowhere().await);
    let upstreams = [&*books.url, &format!("http://{second}"), &format!("http://{third}")];
    let edge = Edge::start(&gateway(&upstreams, "--poll-interval 1s"), folder.path());
    // Its route is one of books'.
    let _others = Foreign::serve_at(&second, "others", Reflects::V1).await;
    edge.logs("same route").await;
    let _films = Foreign::serve_at(&third, "films", Reflects::V1).await;
    until("the third's routes", || async { (edge.status("/films/f1").await == 200).then_some(()) }).await;
    assert_eq!(edge.json("/books/b1").await["id"], "b1");
    // Once the route is free, whoever wanted it has it.
    let address = books.stop().await;
    let _books = Foreign::serve_at(&address, "plays", Reflects::V1).await;
    until("the route", || async {
        (edge.get("/books/b1").await.text().await.unwrap().contains("name")).then_some(())
    })
    .await;
    assert_eq!(edge.json("/plays/p1").await["id"], "p1");
}

/// Covers: mesh.gateway, mesh.tls.
async fn other_certificates_count_after_a_hangup(_: Setup) {
    let (folder, other) = (tempdir().unwrap(), tempdir().unwrap());
    let pem = certificate(folder.path());
    let key = fs::read(folder.path().join("key.pem")).unwrap();
    let books = Foreign::serve_by_tls("books", Identity::from_pem(&pem, key)).await;
    let authority = folder.path().join("authority.pem");
    fs::write(&authority, certificate(other.path())).unwrap();
    let config = format!("upstream = [\"{}\"]\nupstream-ca = \"authority.pem\"\n", books.url);
    fs::write(folder.path().join("gateway.toml"), config).unwrap();
    let flags = "gateway --listen 127.0.0.1:0 --log-format text --config gateway.toml";
    let edge = Edge::start(&Start::of(flags), folder.path());
    assert_eq!(edge.status("/books/b1").await, 503);
    fs::write(&authority, &pem).unwrap();
    edge.process.signal(Signal::HUP);
    until("its contract", || async { (edge.status("/books/b1").await == 200).then_some(()) }).await;
}

/// Covers: mesh.gateway.
async fn a_contract_that_nobody_can_read_ends_nothing(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::Not).await);
    let file = folder.path().join("contract.bin");
    fs::write(&file, contract("books")).unwrap();
    let edge = Edge::start(&gateway(&[&books.url], "--descriptors contract.bin"), folder.path());
    let of = |name: &str, syntax: &str| {
        let file = FileDescriptorProto {
            name: Some(name.to_owned()),
            syntax: Some(syntax.to_owned()),
            ..Default::default()
        };
        FileDescriptorSet { file: vec![file] }.encode_to_vec()
    };
    for (number, broken) in [
        // An edition, which is no syntax that is known; and what says so at length, in a file of a strange name.
        of("a.proto", "editions"),
        of(&"\x1b[31m\n".repeat(3_000), "proto9"),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&file, broken).unwrap();
        until("it is refused", || async {
            (edge.process.stderr().matches("contract.not_loaded").count() > number).then_some(())
        })
        .await;
        assert_eq!(edge.json("/books/b1").await["id"], "b1", "the old contract counts");
    }
    let log = edge.process.stderr();
    assert!(!log.contains("panicked") && !log.contains('\u{1b}') && log.len() < 20_000, "{log}");
    fs::write(&file, contract("films")).unwrap();
    until("the new routes", || async { (edge.status("/books/b3").await == 404).then_some(()) }).await;
}

/// Covers: mesh.gateway.
async fn what_is_asked_of_health_is_answered_in_its_form(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::V1).await);
    let edge = Edge::start(&gateway(&[&books.url], ""), folder.path());
    let answer = edge.get("/healthz?service=a&service=b").await;
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap(), json!({"status": "SERVICE_UNKNOWN"}));
}
