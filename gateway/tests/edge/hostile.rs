//! Callers and upstreams that keep to no rule.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use gateway::{Extras, Forward, Options, Served, Way};
use http::Response;
use prost::Message as _;
use serde_json::json;
use tower::{ServiceExt as _, service_fn};

use crate::support::{POOL, echo, message, request, shop, shop_of, upstream};

const PEEK: &str = "/library.v1.Library/Peek";

#[tokio::test]
async fn the_message_of_a_get_may_be_any_bytes_and_is_told_once() {
    let shop = shop();
    // A length above 127 is no UTF-8.
    let bytes = message("BookName", json!({"name": "é ".repeat(70)})).encode_to_vec();
    let text: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    let answer = shop.get(&format!("{PEEK}?encoding=proto&message={text}")).await;
    assert_eq!((answer.status.as_u16(), &answer.bytes[..]), (200, &bytes[..]));
    let asked = shop.count();
    for wrong in [
        "encoding=json&message=%7B%7D&message=%7B%7D",
        "encoding=json&message=%7B%7D&base64=1&base64=",
        "encoding=json&message=%7B%7D&connect=v2",
        "encoding=json&message=%7B%7D&compression=br",
        "encoding=json&message=%7B%7",
        "encoding=json&message=%ff",
    ] {
        let answer = shop.get(&format!("{PEEK}?{wrong}")).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (400, &json!("invalid_argument")),
            "{wrong}"
        );
    }
    assert_eq!(shop.count(), asked);
}

#[tokio::test]
async fn what_is_no_grpc_is_no_answer() {
    let conn = kit::Conn::new(service_fn(|_| async {
        let page = Response::builder().header("content-type", "text/html");
        Ok(page.body(tonic::body::Body::new("<!DOCTYPE html>".to_owned())).unwrap())
    }));
    let shop = shop_of(Options::default(), conn, Arc::default());
    let headers = [("content-type", "application/grpc-web")];
    let answer = shop.send(request("POST", PEEK, &headers, Body::from(&[0_u8; 5][..]))).await;
    let told = String::from_utf8_lossy(&answer.bytes);
    assert!(told.contains("grpc-status: 2\r\n") && !told.contains("html"), "{told}");
    let answer = shop.json("POST", PEEK, "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (500, &json!("unknown")));
    assert!(!answer.text().contains("html"), "{}", answer.text());
}

#[tokio::test]
async fn a_header_that_is_the_connections_alone_ends_here() {
    let shop = shop();
    let ask = async |connection: &'static str| {
        let headers = [("connection", connection), ("authorization", "Bearer a"), ("x-request-id", "r-1")];
        shop.send(request("GET", "/v1/books/b", &headers, Body::empty())).await;
        shop.last().metadata
    };
    assert_eq!(ask("close").await["authorization"], "Bearer a");
    let metadata = ask("close, Authorization").await;
    assert!(metadata.get("authorization").is_none() && metadata["x-request-id"] == "r-1");
}

#[tokio::test]
async fn pages_of_elsewhere_send_and_see_what_is_named() {
    let calls = Arc::<Mutex<Vec<_>>>::default();
    let forward = Forward {
        request: vec!["x-tenant".parse().unwrap(), "x-more-*".parse().unwrap()],
        response: vec!["x-internal".parse().unwrap()],
        foreign: true,
    };
    let way = Way { conn: upstream(calls.clone(), Arc::new(echo)), forward: Arc::new(forward) };
    let service = POOL.get_service_by_name("library.v1.Library").unwrap();
    let options =
        Options { cors_origins: vec!["https://app.example".parse().unwrap()], ..Options::default() };
    let router = gateway::router_of(&options, vec![Served { service, way }], Extras::default()).unwrap();
    let send = |request| router.clone().oneshot(request);
    let list = |answer: &Response<Body>, name: &str| answer.headers()[name].to_str().unwrap().to_lowercase();
    let origin = ("origin", "https://app.example");
    let preflight = [origin, ("access-control-request-method", "GET")];
    let answer = send(request("OPTIONS", "/v1/books/b", &preflight, Body::empty())).await.unwrap();
    let sent = list(&answer, "access-control-allow-headers");
    assert!(sent.contains("x-tenant") && sent.contains("authorization") && !sent.contains('*'), "{sent}");
    let answer =
        send(request("GET", "/v1/books/b", &[origin, ("x-tenant", "t")], Body::empty())).await.unwrap();
    let seen = list(&answer, "access-control-expose-headers");
    assert!(seen.contains("x-internal") && seen.contains("trailer-x-internal"), "{seen}");
    assert_eq!(answer.headers()["x-internal"], "stays inside");
    assert_eq!(calls.lock().unwrap().last().unwrap().metadata["x-tenant"], "t");
}
