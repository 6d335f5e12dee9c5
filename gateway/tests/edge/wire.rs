//! The same over HTTP/2 connections instead of calls within this process.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request};
use futures::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc},
};
use tonic::{Status, transport::Channel};
use tower::ServiceExt as _;

use crate::support::{Answer, Call, Shop, message, request, shop_of, upstream};

/// A router before an upstream on a port of its own.
pub async fn shop_with(handler: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Shop {
    shop_noticing(Arc::default(), handler).await
}

/// The same, that tells when a call has begun.
async fn shop_noticing(
    begun: Arc<Notify>,
    handler: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Shop {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let conn = upstream(calls.clone(), Arc::new(handler));
    let server = Router::new().fallback(move |request: Request| async move {
        begun.notify_one();
        match conn.oneshot(request.map(tonic::body::Body::new)).await {
            Ok(response) => response.map(Body::new),
            Err(status) => status.into_http(),
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, server).await });
    shop_of(Default::default(), remote(&address.to_string()), calls)
}

/// A transport to a server at an address.
pub fn remote(address: &str) -> kit::Conn {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    kit::Conn::new(channel.map_err(|error| Status::from_error(error.into())))
}

fn event(sequence: i64) -> prost_reflect::DynamicMessage {
    message("Event", json!({"sequence": sequence.to_string()}))
}

#[tokio::test]
async fn calls_streams_and_errors_cross_the_wire() {
    let shop = shop_with(|call| match call.method.as_str() {
        "Watch" => Answer::Stream(stream::iter([Ok(event(1)), Err(Status::aborted("x"))]).boxed()),
        "DeleteBook" => Answer::Status(Status::permission_denied("no")),
        _ => Answer::Messages(call.messages.clone()),
    })
    .await;
    assert!(shop.get("/v1/books/b?etag=e").await.header("etag").starts_with("\"e."));
    assert_eq!(shop.get("/v1/books/b:watch").await.text().lines().count(), 2);
    assert_eq!(shop.call("DELETE", "/v1/books/b").await.error().0, 403);
}

#[tokio::test]
async fn nobody_learns_where_an_unreachable_upstream_would_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let shop = shop_of(Default::default(), remote(&address), Arc::default());
    for path in ["/v1/books/b", "/v1/books/b:watch"] {
        let answer = shop.get(path).await;
        assert_eq!(answer.error(), (503, "UPSTREAM_UNAVAILABLE".into(), String::new()));
        assert!(!answer.text().contains("127.0.0.1") && !answer.text().contains(&address));
    }
}

#[tokio::test]
async fn a_deadline_is_a_deadline_whoever_notices_first() {
    let shop = shop_with(|_| Answer::Never).await;
    let short = request("GET", "/v1/books/b", &[("grpc-timeout", "50m")], Body::empty());
    assert_eq!(shop.send(short).await.error(), (504, "DEADLINE_EXCEEDED".into(), String::new()));
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_call_at_the_upstream() {
    let (open, mut closed) = mpsc::channel::<()>(1);
    let open = Mutex::new(Some(open));
    let shop = shop_with(move |_| {
        let held = open.lock().unwrap().take();
        let forever = stream::pending::<()>().map(move |()| {
            let _ = &held;
            Ok(event(0))
        });
        Answer::Stream(stream::iter([Ok(event(1))]).chain(forever).boxed())
    })
    .await;
    let watch = request("GET", "/v1/books/b:watch", &[], Body::empty());
    let mut body = shop.open(watch).await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    drop(body);
    let closed = tokio::time::timeout(Duration::from_secs(10), closed.recv()).await;
    assert_eq!(closed, Ok(None), "the upstream's stream was dropped");
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_never_taken_for_a_whole_one() {
    let (seen, mut calls) = mpsc::unbounded_channel();
    let begun = Arc::new(Notify::new());
    let shop = shop_noticing(begun.clone(), move |call| {
        seen.send(call.broken).unwrap();
        Answer::Messages(vec![message("Imported", json!({"count": call.messages.len()}))])
    })
    .await;
    let lines = [("content-type", "application/x-ndjson")];
    let first = stream::iter([Ok::<_, std::io::Error>("{}\n")]);
    let second = stream::once({
        let begun = begun.clone();
        async move {
            begun.notified().await;
            Ok("{\"id\":1}\n")
        }
    });
    let bad = Body::from_stream(first.chain(second));
    let answer = shop.send(request("POST", "/v1/books:import", &lines, bad)).await;
    assert_eq!(answer.bad_field(), "id");
    assert_eq!(calls.recv().await, Some(true), "bad");

    let endless = stream::iter([Ok::<_, std::io::Error>("{}\n")]).chain(stream::pending());
    tokio::select! {
        _ = shop.open(request("POST", "/v1/books:import", &lines, Body::from_stream(endless))) => panic!("it has no end"),
        () = begun.notified() => {}
    }
    assert_eq!(calls.recv().await, Some(true), "the client has gone");

    let whole = Body::from("{}\n{}\n");
    assert_eq!(shop.send(request("POST", "/v1/books:import", &lines, whole)).await.json()["count"], 2);
    assert_eq!(calls.recv().await, Some(false), "whole");
}
