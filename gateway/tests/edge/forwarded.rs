//! What services that are not Feira's are told of a request's client, and of where it reaches the edge.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use gateway::{Extras, Forward, Options, Served, Way};
use http::HeaderMap;
use kit::listen::Peer;
use tower::ServiceExt as _;

use crate::support::{POOL, echo, request, upstream};

const PROXY: &str = "127.0.0.1:40000";
const STRANGER: &str = "192.0.2.1:40000";
const SAID: [(&str, &str); 5] = [
    ("x-forwarded-for", "203.0.113.5"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"),
    ("x-forwarded-prefix", "/api"),
    ("forwarded", "for=203.0.113.5;host=shop.example;proto=https"),
];

/// What an upstream got of a request with these headers.
async fn told(options: &Options, foreign: bool, peer: &str, headers: &[(&str, &str)]) -> HeaderMap {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let forward = Forward { request: vec!["*".parse().unwrap()], foreign, ..Forward::default() };
    let way = Way { conn: upstream(calls.clone(), Arc::new(echo)), forward: Arc::new(forward) };
    let service = POOL.get_service_by_name("library.v1.Library").unwrap();
    let router = gateway::router_of(options, vec![Served { service, way }], Extras::default()).unwrap();
    let headers = [headers, &[("host", "10.0.0.1:8080")]].concat();
    let mut request = request("GET", "/v1/books/b", &headers, Body::empty());
    request.extensions_mut().insert(Peer(peer.parse().unwrap()));
    assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
    let calls = calls.lock().unwrap();
    calls[0].metadata.clone()
}

fn all(metadata: &HeaderMap) -> [&str; 5] {
    SAID.map(|(name, _)| metadata.get(name).map_or("", |value| value.to_str().unwrap()))
}

#[tokio::test]
async fn a_foreign_service_is_told_what_is_believed_and_nothing_else() {
    let trusting = Options { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..Options::default() };
    let stranger = told(&trusting, true, STRANGER, &SAID).await;
    let own = "for=192.0.2.1;host=\"10.0.0.1:8080\";proto=http";
    assert_eq!(all(&stranger), ["192.0.2.1", "http", "10.0.0.1:8080", "", own]);
    let proxied = told(&trusting, true, PROXY, &SAID).await;
    let shop = "for=203.0.113.5;host=\"shop.example\";proto=https";
    assert_eq!(all(&proxied), ["203.0.113.5", "https", "shop.example", "/api", shop]);
    // Most proxies hand on the host as it was sent.
    let usual = told(&trusting, true, PROXY, &SAID[..2]).await;
    assert_eq!(all(&usual)[..4], ["203.0.113.5", "https", "10.0.0.1:8080", ""]);
    let public = Options { public_url: "https://books.example/x".parse().ok(), ..Options::default() };
    let told_by_operator = told(&public, true, STRANGER, &SAID).await;
    assert_eq!(all(&told_by_operator)[..4], ["192.0.2.1", "https", "books.example", "/x"]);
}

#[tokio::test]
async fn our_own_services_are_told_by_headers_of_their_own() {
    let own = told(&Options::default(), false, STRANGER, &SAID).await;
    assert_eq!(all(&own), ["", "", "", "", ""]);
    assert_eq!(own["x-feira-client-address"], "192.0.2.1");
}
