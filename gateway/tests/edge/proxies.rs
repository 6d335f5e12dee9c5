//! Upstreams that do not answer as gRPC does: proxies before them, servers of something else, and what breaks off.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::StreamBody;
use prost::Message as _;
use serde_json::json;
use tokio::{io::AsyncReadExt as _, net::TcpListener};
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    support::{Answer, Shop, message, shop_of, shop_with},
    wire::remote,
};

/// A router before a server that answers every call so.
async fn before(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Shop {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Router::new().fallback(move || std::future::ready(answer()));
    tokio::spawn(async move { axum::serve(listener, server).await });
    shop_of(Default::default(), remote(&address), Arc::default())
}

const PAGE: &str = "<html><h1>nginx at 10.1.2.3</h1></html>";

#[tokio::test]
async fn an_http_status_without_one_of_grpc_says_what_became_of_the_call() {
    for (status, http, reason) in [
        (503, 503, "UPSTREAM_UNAVAILABLE"),
        (502, 503, "UPSTREAM_UNAVAILABLE"),
        (504, 503, "UPSTREAM_UNAVAILABLE"),
        (429, 503, "UPSTREAM_UNAVAILABLE"),
        (401, 401, "UNAUTHENTICATED"),
        (403, 403, "PERMISSION_DENIED"),
        (404, 501, "UNIMPLEMENTED"),
        (400, 500, "INTERNAL"),
        (302, 500, "INTERNAL"),
        (500, 500, "INTERNAL"),
        (200, 500, "INTERNAL"),
    ] {
        for (kind, body) in [
            ("text/html", PAGE),
            ("application/json", "{}"),
            ("text/plain", ""),
            ("application/grpc-web+proto", "\0\0\0\0\0"),
            ("", PAGE),
        ] {
            let shop = before(move || {
                let answer = Response::builder().status(status);
                let answer = if kind.is_empty() { answer } else { answer.header("content-type", kind) };
                answer.body(Body::from(body)).unwrap()
            })
            .await;
            for path in ["/v1/books/b", "/v1/books/b:watch"] {
                let answer = shop.get(path).await;
                assert_eq!(answer.error(), (http, reason.into(), String::new()), "{status} {kind} {path}");
                assert!(!answer.text().contains("10.1.2.3"));
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_claims_to_be_grpc_does_not_hide_a_bad_status() {
    let shop = before(|| {
        let answer = Response::builder().status(503).header("content-type", "application/grpc");
        answer.body(Body::from("upstream connect error")).unwrap()
    });
    assert_eq!(shop.await.get("/v1/books/b").await.error().0, 503);
    // What gRPC says counts, though.
    let shop = before(|| {
        let answer = Response::builder().status(503).header("content-type", "text/html");
        let answer = answer.header("grpc-status", "5").header("grpc-message", "gone");
        answer.body(Body::from(PAGE)).unwrap()
    });
    let answer = shop.await.get("/v1/books/b").await;
    assert_eq!((answer.error().0, &answer.json()["error"]["message"]), (404, &json!("gone")));
}

#[tokio::test]
async fn a_proxys_word_on_when_and_how_to_come_back_reaches_the_caller() {
    let shop = before(|| {
        let answer = Response::builder().status(503).header("content-type", "text/html");
        answer.header("retry-after", "17").header("server", "nginx").body(Body::from(PAGE)).unwrap()
    });
    let answer = shop.await.get("/v1/books/b").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after"), answer.header("server")),
        (503, "17", "")
    );
    let shop = before(|| {
        let answer = Response::builder().status(401).header("www-authenticate", "Negotiate");
        answer.header("www-authenticate", "Basic realm=\"x\"").body(Body::from(PAGE)).unwrap()
    });
    let answer = shop.await.get("/v1/books/b").await;
    let asked: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(answer.status, 401);
    assert_eq!(asked, ["Negotiate", "Basic realm=\"x\""]);
}

/// A gRPC answer of these frames.
fn grpc(frames: Vec<Result<Frame<Bytes>, std::io::Error>>) -> Response {
    let body = Body::new(StreamBody::new(stream::iter(frames)));
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

/// A message on the wire.
fn framed(message: &prost_reflect::DynamicMessage) -> Bytes {
    let bytes = message.encode_to_vec();
    [&[0][..], &(bytes.len() as u32).to_be_bytes(), &bytes].concat().into()
}

fn name() -> Bytes {
    framed(&message("BookName", json!({"name": "b"})))
}

#[tokio::test]
async fn an_answer_that_grpc_does_not_end_is_no_answer() {
    let trailers = |status: &'static str| {
        HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())])
    };
    let cut = || std::io::Error::other("cut");
    // No trailers; trailers without a status; a message that is cut short; no message at all.
    let shop = before(|| grpc(vec![Ok(Frame::data(name()))])).await;
    assert_eq!(shop.get("/v1/books/b").await.error(), (500, "INTERNAL".into(), String::new()));
    let shop = before(|| grpc(vec![Ok(Frame::data(name())), Ok(Frame::trailers(HeaderMap::new()))])).await;
    assert_eq!(shop.get("/v1/books/b").await.error().0, 500);
    let shop =
        before(move || grpc(vec![Ok(Frame::data(name().slice(..6))), Ok(Frame::trailers(trailers("0")))]))
            .await;
    assert_eq!(shop.get("/v1/books/b").await.error().0, 500);
    let shop = before(move || grpc(vec![Ok(Frame::trailers(trailers("0")))])).await;
    assert_eq!(shop.get("/v1/books/b").await.error().0, 500);
    // A code that nobody knows, and none at all.
    for status in ["77", "x", ""] {
        let shop =
            before(move || grpc(vec![Ok(Frame::data(name())), Ok(Frame::trailers(trailers(status)))])).await;
        assert_eq!(shop.get("/v1/books/b").await.error().0, 500, "{status}");
    }
    // It breaks off: before, within, and after its message.
    for length in [0, 6, name().len()] {
        let shop = before(move || grpc(vec![Ok(Frame::data(name().slice(..length))), Err(cut())])).await;
        let answer = shop.get("/v1/books/b").await;
        assert_eq!(answer.error(), (503, "UPSTREAM_UNAVAILABLE".into(), String::new()), "{length}");
    }
}

#[tokio::test]
async fn a_stream_without_trailers_ends_by_an_error() {
    let event = || framed(&message("Event", json!({"sequence": "1"})));
    let shop = before(move || grpc(vec![Ok(Frame::data(event())), Ok(Frame::data(event()))])).await;
    let answer = shop.get("/v1/books/b:watch").await;
    let lines: Vec<serde_json::Value> =
        answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[2]["error"]["status"]), (3, &json!("UNKNOWN")), "{}", answer.text());
}

#[tokio::test]
async fn an_upstream_that_closes_its_connections_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        // After something has come, or at once.
        for reads in [true, false].into_iter().cycle() {
            let (mut stream, _) = listener.accept().await.unwrap();
            if reads {
                let _ = stream.read(&mut [0; 64]).await;
            }
        }
    });
    let shop = shop_of(Default::default(), remote(&address), Arc::default());
    for _ in 0..4 {
        assert_eq!(
            shop.get("/v1/books/b").await.error(),
            (503, "UPSTREAM_UNAVAILABLE".into(), String::new())
        );
    }
}

/// A router before a service that fails so.
fn failing(status: impl Fn() -> Status + Send + Sync + 'static) -> Shop {
    shop_with(Default::default(), move |call| match call.method.as_str() {
        "Watch" => Answer::Stream(stream::iter([Err(status())]).boxed()),
        _ => Answer::Status(status()),
    })
}

#[tokio::test]
async fn when_to_come_back_is_told_of_any_error() {
    for code in [Code::Unavailable, Code::Internal, Code::ResourceExhausted, Code::Aborted, Code::NotFound] {
        for (explained, delay, told) in
            [(true, 1_500, "2"), (false, 1_500, "2"), (false, 0, "1"), (false, 60_000, "60")]
        {
            let shop = failing(move || {
                let mut details = ErrorDetails::with_retry_info(Some(Duration::from_millis(delay)));
                if explained {
                    details.set_error_info("BUSY", "library", []);
                }
                Status::with_error_details(code, "busy", details)
            });
            for path in ["/v1/books/b", "/v1/books/b:watch"] {
                let answer = shop.get(path).await;
                assert_eq!(answer.header("retry-after"), told, "{code:?} {explained} {path}");
                let all = answer.json()["error"]["details"].as_array().unwrap().clone();
                let all: Vec<_> = all.iter().map(|it| it["@type"].as_str().unwrap()).collect();
                assert_eq!(
                    all,
                    ["ErrorInfo", "RetryInfo"].map(|it| format!("type.googleapis.com/google.rpc.{it}"))
                );
            }
        }
    }
    // By metadata, of which the details are the more precise.
    let shop = |details: ErrorDetails| {
        failing(move || {
            let mut metadata = MetadataMap::new();
            metadata.insert("retry-after", "9".parse().unwrap());
            Status::with_error_details_and_metadata(
                Code::Unavailable,
                "busy",
                ErrorDetails::clone(&details),
                metadata,
            )
        })
    };
    assert_eq!(shop(ErrorDetails::new()).get("/v1/books/b").await.header("retry-after"), "9");
    let precise = ErrorDetails::with_retry_info(Some(Duration::from_secs(3)));
    assert_eq!(shop(precise).get("/v1/books/b").await.header("retry-after"), "3");
}

#[tokio::test]
async fn what_a_service_asks_callers_to_prove_is_asked_in_its_own_words() {
    for (code, http) in [(Code::Unauthenticated, 401), (Code::PermissionDenied, 403)] {
        let shop = failing(move || {
            let mut metadata = MetadataMap::new();
            metadata.append("www-authenticate", "DPoP algs=\"ES256\"".parse().unwrap());
            metadata.append("www-authenticate", "Bearer realm=\"library\"".parse().unwrap());
            metadata.insert("x-internal", "stays inside".parse().unwrap());
            Status::with_metadata(code, "who is it?", metadata)
        });
        let token = [("authorization", "Bearer x")];
        for headers in [&token[..], &[]] {
            for path in ["/v1/books/b", "/v1/books/b:watch"] {
                let answer = shop.send(crate::support::request("GET", path, headers, Body::empty())).await;
                let asked: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
                assert_eq!(asked, ["DPoP algs=\"ES256\"", "Bearer realm=\"library\""], "{path}");
                assert_eq!((answer.error().0, answer.header("x-internal")), (http, ""));
            }
        }
    }
}
