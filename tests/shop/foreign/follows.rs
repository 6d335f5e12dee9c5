//! What it follows while it runs: contracts, settings, the health of what is behind it.

use std::fs;

use rustix::process::Signal;
use serde_json::json;
use tempfile::tempdir;

use super::{Edge, Foreign, Reflects, gateway, server::contract};
use crate::support::{Setup, until};

tests!(
    a_new_contract_counts_at_once_and_a_broken_one_does_not,
    a_contract_is_asked_for_again,
    an_upstream_may_come_later_and_readiness_follows_its_health,
    headers_pass_that_are_named_and_a_hangup_names_others,
);

/// Covers: mesh.gateway.
async fn a_new_contract_counts_at_once_and_a_broken_one_does_not(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::Not).await);
    let file = folder.path().join("contract.bin");
    fs::write(&file, contract("books")).unwrap();
    let flags = "--descriptors contract.bin --request-header x-wait";
    let edge = Edge::start(&gateway(&[&books.url], flags), folder.path());
    // A call that is under way while the contract changes ends as it began.
    let waiting = edge.client.get(format!("{}/books/b1", edge.url)).header("x-wait", "1").send();
    let waiting = tokio::spawn(waiting);
    books.begun.notified().await;
    fs::write(&file, "this is none").unwrap();
    edge.logs("contract.not_loaded").await;
    assert_eq!(edge.json("/books/b2").await["id"], "b2", "the old contract counts");
    fs::write(&file, contract("films")).unwrap();
    until("the new routes", || async { (edge.status("/books/b3").await == 404).then_some(()) }).await;
    assert!(edge.json("/openapi.json").await["paths"]["/films/{id}"].is_object());
    books.go.send(true).unwrap();
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["id"], "b1");
}

/// Covers: mesh.gateway.
async fn a_contract_is_asked_for_again(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::V1).await);
    let edge = Edge::start(&gateway(&[&books.url], "--poll-interval 1s"), folder.path());
    assert_eq!(edge.json("/books/b1").await["id"], "b1");
    let address = books.stop().await;
    let _films = Foreign::serve_at(&address, "films", Reflects::V1).await;
    until("the new routes", || async { (edge.status("/films/f1").await == 200).then_some(()) }).await;
    assert_eq!(edge.status("/books/b1").await, 404);
}

/// Covers: mesh.gateway.
async fn an_upstream_may_come_later_and_readiness_follows_its_health(_: Setup) {
    let folder = tempdir().unwrap();
    let address = Foreign::serve("books", Reflects::V1).await.stop().await;
    let films = Foreign::serve("films", Reflects::V1).await;
    let url = format!("http://{address}");
    let edge = Edge::start(&gateway(&[&url, &films.url], ""), folder.path());
    // Whether there is such a path nobody knows yet; the others' are there.
    let unknown = edge.get("/books/b1").await;
    assert_eq!(unknown.status(), 503);
    assert!(!unknown.text().await.unwrap().contains(&address), "where it would be is nobody's business");
    assert_eq!((edge.status("/films/f1").await, edge.status("/livez").await), (200, 200));
    let waits = edge.get("/healthz").await;
    assert_eq!(
        (waits.status().as_u16(), waits.json::<serde_json::Value>().await.unwrap()),
        (503, json!({"status": "NOT_SERVING"}))
    );
    let books = Foreign::serve_at(&address, "books", Reflects::V1).await;
    until("the upstream", || async { (edge.status("/books/b1").await == 200).then_some(()) }).await;
    until("ready", || async { (edge.status("/healthz").await == 200).then_some(()) }).await;
    // One of two that does not serve is told of, and does not take the other down.
    let of_books = "/healthz?service=books.v1.Books";
    until("its health", || async { (edge.status(of_books).await == 200).then_some(()) }).await;
    books.set_healthy(false).await;
    until("its health", || async { (edge.status(of_books).await == 503).then_some(()) }).await;
    assert_eq!(edge.status("/healthz").await, 200);
    films.set_healthy(false).await;
    until("nothing serves", || async { (edge.status("/healthz").await == 503).then_some(()) }).await;
    assert_eq!((edge.status("/livez").await, edge.status("/healthz?service=nobody").await), (200, 404));
    films.set_healthy(true).await;
    until("ready again", || async { (edge.status("/healthz").await == 200).then_some(()) }).await;
    assert!(edge.process.stderr().contains("upstream.not_ready"));
}

/// Covers: mesh.gateway.
async fn headers_pass_that_are_named_and_a_hangup_names_others(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::V1).await);
    let file = folder.path().join("gateway.toml");
    let config = |headers: &str| format!("upstream = [\"{}\"]\nlisten-of-nobody = 1\n{headers}\n", books.url);
    fs::write(&file, config("")).unwrap();
    let start = crate::support::process::Start::of(
        "gateway --listen 127.0.0.1:0 --log-format text --config gateway.toml",
    );
    let ended = start.run(folder.path());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("there is no setting") && ended.stderr.contains("feira gateway --help"));
    let config = |headers: &str| config(headers).replace("listen-of-nobody = 1\n", "");
    fs::write(&file, config("request-header = [\"x-tenant\"]\nresponse-header = [\"x-room\"]")).unwrap();
    let edge = Edge::start(&start, folder.path());
    let ask = || async {
        let request = edge.client.get(format!("{}/books/b1", edge.url));
        let request = request.header("x-tenant", "t").header("x-other", "o").header("cookie", "c=1");
        request
            .header("authorization", "Bearer a")
            .header("x-forwarded-for", "10.9.8.7")
            .send()
            .await
            .unwrap()
    };
    let answer = ask().await;
    assert_eq!(books.header("x-tenant"), "t");
    assert_eq!(
        (books.header("authorization"), books.header("x-forwarded-for")),
        ("Bearer a".into(), "127.0.0.1".into())
    );
    assert_eq!([books.header("x-other"), books.header("cookie")], ["", ""]);
    assert!(!books.header("x-request-id").is_empty() && books.header("x-feira-client-address").is_empty());
    assert_eq!(answer.headers()["x-room"], "7");
    assert!(!answer.headers().contains_key("x-secret"));

    fs::write(&file, config("request-header = [\"x-*\"]")).unwrap();
    edge.process.signal(Signal::HUP);
    edge.logs("settings.reloaded").await;
    let answer = ask().await;
    assert_eq!([books.header("x-other"), books.header("cookie")], ["o", ""]);
    assert!(!answer.headers().contains_key("x-room"));
    // What cannot be read changes nothing.
    fs::write(&file, config("request-header = [\"host\"]")).unwrap();
    edge.process.signal(Signal::HUP);
    edge.logs("settings.not_reloaded").await;
    ask().await;
    assert_eq!(books.header("x-other"), "o");
}
