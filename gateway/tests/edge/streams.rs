//! Streams of answers.

use std::time::Duration;

use axum::body::Body;
use futures::{FutureExt as _, StreamExt as _, stream};
use gateway::Options;
use http_body_util::BodyExt as _;
use prost_reflect::DynamicMessage;
use serde_json::json;
use tokio::sync::oneshot;
use tonic::Status;

use crate::support::{Answer, Shop, message, request, shop_with};

const EVENTS: (&str, &str) = ("accept", "text/event-stream");

pub fn event(sequence: i64) -> DynamicMessage {
    message("Event", json!({"sequence": sequence.to_string(), "note": "n"}))
}

pub fn streaming(items: impl Fn() -> Vec<Result<DynamicMessage, Status>> + Send + Sync + 'static) -> Shop {
    shop_with(Options::default(), move |_| Answer::Stream(stream::iter(items()).boxed()))
}

pub fn watch(headers: &[(&str, &str)]) -> http::Request<Body> {
    request("GET", "/v1/books/b:watch?after=1", headers, Body::empty())
}

#[tokio::test]
async fn a_stream_is_lines_of_json() {
    let shop = streaming(|| vec![Ok(event(1)), Ok(event(2))]);
    let answer = shop.send(watch(&[])).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/x-ndjson"));
    assert_eq!(answer.header("idempotency-replayed"), "true");
    assert_eq!(
        answer.text(),
        "{\"result\":{\"sequence\":\"1\",\"note\":\"n\"}}\n{\"result\":{\"sequence\":\"2\",\"note\":\"n\"}}\n"
    );
    assert!(!shop.last().metadata.contains_key("grpc-timeout"));
}

#[tokio::test]
async fn a_failure_is_the_last_line() {
    let shop = streaming(|| vec![Ok(event(1)), Err(Status::not_found("gone"))]);
    let answer = shop.send(watch(&[])).await;
    let last: serde_json::Value = serde_json::from_str(answer.text().lines().last().unwrap()).unwrap();
    assert_eq!((answer.status.as_u16(), &last["error"]["status"]), (200, &json!("NOT_FOUND")));
    assert_eq!(last["error"]["details"][0]["reason"], "NOT_FOUND");
}

#[tokio::test]
async fn a_failure_before_the_first_message_is_the_answer() {
    let shop = streaming(|| vec![Err(Status::not_found("gone"))]);
    assert_eq!(shop.send(watch(&[])).await.error().0, 404);
    assert_eq!(shop.send(watch(&[EVENTS])).await.error().0, 404);
    let shop = shop_with(Options::default(), |_| Answer::Status(Status::permission_denied("no")));
    assert_eq!(shop.send(watch(&[])).await.error().0, 403);
}

#[tokio::test]
async fn an_empty_stream_is_an_empty_answer() {
    let answer = streaming(Vec::new).send(watch(&[])).await;
    assert_eq!((answer.status.as_u16(), answer.bytes.len()), (200, 0));
}

#[tokio::test]
async fn a_stream_is_written_as_its_reader_wants_it_most() {
    const LINES: &str = "application/x-ndjson";
    const EVENT: &str = "text/event-stream";
    const TABLE: &str = "text/csv; charset=utf-8";
    const ARRAY: &str = "application/json";
    for (accept, kind) in [
        ("application/x-ndjson, text/event-stream;q=0.1", LINES),
        ("text/csv;q=0.2, application/x-ndjson", LINES),
        ("text/csv;q=0.2, application/x-ndjson;q=0.1", TABLE),
        ("text/csv;q=0.5, text/event-stream; q=0.6", EVENT),
        ("application/x-ndjson;q=0, text/csv;q=0.001", TABLE),
        ("text/event-stream;q=0.000, */*;q=0.1", LINES),
        ("text/csv, */*", TABLE),
        ("text/csv;q=0.5, */*", LINES),
        ("application/json", ARRAY),
        ("application/json, text/plain, */*", ARRAY),
        ("application/json, application/x-ndjson", LINES),
        ("application/json, application/json-seq", "application/json-seq"),
        ("application/*", LINES),
        ("application/x-ndjson;q=0, application/*", ARRAY),
        ("image/png", LINES),
        ("", LINES),
    ] {
        let answer = streaming(|| vec![Ok(event(1))]).send(watch(&[("accept", accept)])).await;
        assert_eq!(answer.header("content-type"), kind, "{accept}");
    }
    let style = "text/csv;delimiter=comma;q=0.3;bom=none, text/csv;bom=none;delimiter=semicolon;q=0.5";
    let answer = streaming(|| vec![Ok(event(1))]).send(watch(&[("accept", style)])).await;
    assert_eq!(answer.text(), "sequence;note\r\n1;n\r\n");
}

#[tokio::test]
async fn those_who_accept_them_get_server_sent_events() {
    let shop = streaming(|| vec![Ok(event(7)), Err(Status::aborted("x"))]);
    let answer = shop.send(watch(&[("accept", "text/html, text/event-stream;q=0.9")])).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let (retry, events) = answer.text().split_once("\n\n").unwrap();
    assert_eq!(retry, "retry: 2000");
    let (first, second) = events.split_once("\n\n").unwrap();
    assert_eq!(first, "id: 7\nevent: message\ndata: {\"sequence\":\"7\",\"note\":\"n\"}");
    assert!(second.starts_with("event: error\ndata: {\"error\":{\"code\":409,"), "{second}");
    assert!(second.ends_with("}\n\n"));
}

#[tokio::test]
async fn a_reader_that_comes_back_goes_on_after_its_last_event() {
    let shop = streaming(|| vec![Ok(event(8))]);
    shop.send(watch(&[EVENTS, ("last-event-id", "7")])).await;
    assert_eq!(shop.last().json(), json!({"id": "b", "after": "7"}));
    assert_eq!(shop.send(watch(&[("last-event-id", "x")])).await.bad_field(), "after");
    let over = streaming(Vec::new);
    assert_eq!(over.send(watch(&[EVENTS, ("last-event-id", "7")])).await.status, 204, "no more retries");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_begins_and_stays_alive() {
    let shop = shop_with(Options::default(), |_| {
        let later = stream::once(async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            Ok(event(1))
        });
        Answer::Stream(later.boxed())
    });
    let started = tokio::time::Instant::now();
    let response = shop.open(watch(&[EVENTS])).await;
    assert_eq!((response.status().as_u16(), started.elapsed().as_secs()), (200, 1));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.starts_with("retry: 2000\n\n:\n\n:\n\nid: 1\nevent: message\n"), "{text}");
    let response = shop.open(watch(&[])).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"\n\n{\"result\""), "lines that are empty");
    let response = shop.open(watch(&[("accept", "text/csv")])).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    let rows = text.split("\r\n").collect::<Vec<_>>();
    assert!(rows.len() == 5 && rows[1].is_empty() && rows[2].is_empty(), "{rows:?}");
    // What compresses a stream asks it again after its end.
    let response = shop.open(watch(&[("accept", "text/csv"), ("accept-encoding", "gzip")])).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_the_callers_deadline() {
    let shop = shop_with(Options::default(), |_| {
        Answer::Stream(stream::iter([Ok(event(1))]).chain(stream::pending()).boxed())
    });
    let started = tokio::time::Instant::now();
    let answer = shop.send(watch(&[("grpc-timeout", "20S")])).await;
    assert_eq!(started.elapsed().as_secs(), 20);
    assert!(answer.text().lines().last().unwrap().contains("DEADLINE_EXCEEDED"));
    assert_eq!(shop.last().metadata["grpc-timeout"], "20000000u");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_call() {
    let (gone, mut seen) = oneshot::channel::<()>();
    let gone = std::sync::Mutex::new(Some(gone));
    let shop = shop_with(Options::default(), move |_| {
        let held = gone.lock().unwrap().take();
        let forever = stream::pending::<()>().map(move |()| {
            let _ = &held;
            Ok(event(0))
        });
        Answer::Stream(stream::iter([Ok(event(1))]).chain(forever).boxed())
    });
    let mut body = shop.open(watch(&[])).await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert!((&mut seen).now_or_never().is_none(), "still open");
    drop(body);
    assert!(seen.await.is_err(), "the upstream's stream was dropped");
}
