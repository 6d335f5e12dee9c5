//! Streams, both ways.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream};
use gateway::Options;
use http_body_util::BodyExt as _;
use prost_reflect::DynamicMessage;
use serde_json::json;
use tokio::sync::oneshot;
use tonic::Status;
use tower::service_fn;

use crate::support::{Answer, Shop, message, request, shop_of, shop_with};

const EVENTS: (&str, &str) = ("accept", "text/event-stream");

fn event(sequence: i64) -> DynamicMessage {
    message("Event", json!({"sequence": sequence.to_string(), "note": "n"}))
}

fn streaming(items: impl Fn() -> Vec<Result<DynamicMessage, Status>> + Send + Sync + 'static) -> Shop {
    shop_with(Options::default(), move |_| Answer::Stream(stream::iter(items()).boxed()))
}

fn watch(headers: &[(&str, &str)]) -> http::Request<Body> {
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
    for (accept, kind) in [
        ("application/x-ndjson, text/event-stream;q=0.1", LINES),
        ("text/csv;q=0.2, application/x-ndjson", LINES),
        ("text/csv;q=0.2, application/x-ndjson;q=0.1", TABLE),
        ("text/csv;q=0.5, text/event-stream; q=0.6", EVENT),
        ("application/x-ndjson;q=0, text/csv;q=0.001", TABLE),
        ("text/event-stream;q=0.000, */*;q=0.1", LINES),
        ("text/csv, */*", TABLE),
        ("text/csv;q=0.5, */*", LINES),
        ("application/json", LINES),
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

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

fn importing() -> Shop {
    shop_with(Options::default(), |call| {
        Answer::Messages(vec![message("Imported", json!({"count": call.messages.len()}))])
    })
}

#[tokio::test]
async fn lines_of_a_body_become_a_stream_of_messages() {
    let shop = importing();
    let pieces = ["{\"id\":\"a\"}\r\n\n{\"id\":", "\"b\"}\n", "{\"id\":\"c\"}"];
    let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let answer = shop.send(request("POST", "/v1/books:import", &[LINES], body)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["count"]), (200, &json!(3)));
    assert!(!shop.last().broken);
    let answer = shop.send(request("POST", "/v1/books:import", &[LINES], Body::empty())).await;
    assert_eq!(answer.json()["count"], 0);
    let json = [("content-type", "application/json")];
    assert_eq!(shop.send(request("POST", "/v1/books:import", &json, Body::from("{}"))).await.error().0, 415);
}

#[tokio::test]
async fn a_bad_line_breaks_the_upload_off() {
    let shop = importing();
    let body = Body::from("{\"id\":\"a\"}\n{\"price\":{\"units\":\"x\"}}\n");
    let answer = shop.send(request("POST", "/v1/books:import", &[LINES], body)).await;
    assert_eq!(answer.bad_field(), "price.units");
    assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with("line 2: "));
    let calls = shop.calls.lock().unwrap();
    assert!(calls.iter().all(|call| call.broken), "never taken for a whole upload");
}

#[tokio::test]
async fn a_service_that_wants_to_be_is_told_of_bad_lines() {
    let shop = importing();
    let lines = [
        "{\"id\":\"a\",\"count\":1}",
        "{\"count\":\"x\"}",
        "{\"id\":\"b\",\"nothing\":1}",
        "not json",
        "\u{1}",
        "{\"id\":\"c\"}",
    ];
    let answer =
        shop.send(request("POST", "/v1/books:restock", &[LINES], Body::from(lines.join("\n")))).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["count"]), (200, &json!(6)));
    let call = shop.last();
    assert!(!call.broken);
    let told: Vec<_> = call
        .messages
        .iter()
        .map(|message| {
            let bad = message.get_field_by_name("bad_line").unwrap();
            let bad = bad.as_message().unwrap();
            let text = |name| bad.get_field_by_name(name).unwrap().as_str().unwrap().to_owned();
            (text("field"), !text("description").is_empty())
        })
        .collect();
    let expected = [("", false), ("count", true), ("nothing", true), ("", true), ("", true), ("", false)];
    assert_eq!(told, expected.map(|(field, bad)| (field.to_owned(), bad)));
    // What is wrong with the call itself is not the lines' fault.
    let answer = shop.send(request("POST", "/v1/books:restock?x=1", &[LINES], Body::from("{}"))).await;
    assert_eq!(answer.bad_field(), "x");
}

#[tokio::test]
async fn lines_are_taken_as_files_have_them() {
    let shop = importing();
    let send =
        |lines: &'static str| shop.send(request("POST", "/v1/books:import", &[LINES], Body::from(lines)));
    let answer = send("\u{feff}{\"id\":\"a\"}\r\n\r\n  {\"id\":\"b\"}  \n \t\n").await;
    assert_eq!(answer.json()["count"], 2, "{}", answer.text());
    assert_eq!(send("\u{feff}").await.json()["count"], 0);
    let answer = send("{\"id\":\"a\"}\n\u{feff}{\"id\":\"b\"}").await;
    assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with("line 2: "));
}

#[tokio::test]
async fn a_table_becomes_a_stream_of_messages_and_a_stream_a_table() {
    const TABLE: (&str, &str) = ("content-type", "text/csv; charset=UTF-8");
    let shop = importing();
    let table = "\u{feff}id;title;price.units\r\na;\"A; \"\"b\"\"\";5\r\n;;\r\nb;C;\r\n";
    let answer = shop.send(request("POST", "/v1/books:import", &[TABLE], Body::from(table))).await;
    assert_eq!(answer.json()["count"], 2, "{}", answer.text());
    let title = shop.last().messages[0].get_field_by_name("title").unwrap().as_str().unwrap().to_owned();
    assert_eq!(title, "A; \"b\"");
    let send = |path: &'static str, table: &'static str| {
        shop.send(request("POST", path, &[TABLE], Body::from(table)))
    };
    assert_eq!(send("/v1/books:import", "id,name\n").await.bad_field(), "name");
    let answer = send("/v1/books:import", "id,price.units\na,1\nb,x\n").await;
    assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with("line 2: "));
    assert_eq!(answer.bad_field(), "price.units");
    assert_eq!(send("/v1/books:restock", "id,count\na,1\nb,x\n").await.json()["count"], 2);
    let latin = [("content-type", "text/csv; charset=windows-1252")];
    let answer = shop.send(request("POST", "/v1/books:import", &latin, Body::from("id\n"))).await;
    assert_eq!(answer.error().0, 415);

    let answer = streaming(|| vec![Ok(event(1)), Ok(event(2))]).send(watch(&[("accept", "text/csv")])).await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(answer.text(), "\u{feff}sequence,note\r\n1,n\r\n2,n\r\n");
    let answer = streaming(Vec::new).send(watch(&[("accept", "text/csv; bom=none")])).await;
    assert_eq!(answer.text(), "sequence,note\r\n", "an empty table has its header");
    let headless = [("accept", "text/csv; bom=none; header=absent; delimiter=tab")];
    let answer = streaming(|| vec![Ok(event(1))]).send(watch(&headless)).await;
    assert_eq!(answer.text(), "1\tn\r\n");
    let broken = streaming(|| vec![Ok(event(1)), Err(Status::aborted("x"))]);
    let body = broken.open(watch(&[("accept", "text/csv")])).await.into_body();
    assert!(body.collect().await.is_err(), "half a table is never taken for a whole one");
}

#[tokio::test]
async fn what_a_stream_answered_can_be_sent_again_unless_it_failed() {
    let shop = importing();
    let send =
        |lines: &'static str| shop.send(request("POST", "/v1/books:import", &[LINES], Body::from(lines)));
    let answer =
        send("{\"result\":{\"id\":\"a\"}}\n{\"result\":{\"id\":\"b\",\"price\":{\"units\":\"1\"}}}\n").await;
    assert_eq!(answer.json()["count"], 2);
    let ids = |call: crate::support::Call| {
        let id =
            |message: &DynamicMessage| message.get_field_by_name("id").unwrap().as_str().unwrap().to_owned();
        call.messages.iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(ids(shop.last()), ["a", "b"]);
    let answer = send("{\"result\":{\"id\":\"a\"}}\n{\"error\":{\"code\":503}}\n").await;
    assert_eq!(answer.error().0, 400);
    assert!(shop.calls.lock().unwrap().iter().skip(1).all(|call| call.broken));
    assert_eq!(send("{\"result\":{\"id\":\"a\"},\"id\":\"b\"}\n").await.error().0, 400);
}

#[tokio::test]
async fn an_upload_has_no_limit_but_its_lines_have() {
    let shop = importing();
    let line = format!("{{\"title\":\"{}\"}}\n", "x".repeat(1024 * 1024));
    let body = Body::from_stream(stream::iter((0..6).map(move |_| Ok::<_, std::io::Error>(line.clone()))));
    let answer = shop.send(request("POST", "/v1/books:import", &[LINES], body)).await;
    assert_eq!(answer.json()["count"], 6);
    let body =
        Body::from_stream(stream::iter((0..6).map(|_| Ok::<_, std::io::Error>("x".repeat(1024 * 1024)))));
    assert_eq!(shop.send(request("POST", "/v1/books:import", &[LINES], body)).await.error().0, 413);
}

#[tokio::test(start_paused = true)]
async fn whom_the_service_refuses_is_told_so_before_a_byte_of_the_upload_came() {
    let refusing = kit::Conn::new(service_fn(|_: http::Request<tonic::body::Body>| async {
        Ok(Status::unauthenticated("who is it?").into_http())
    }));
    let shop = shop_of(Options::default(), refusing, Default::default());
    for kind in ["application/x-ndjson", "text/csv"] {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let sent = shop.send(request("POST", "/v1/books:import", &[("content-type", kind)], never));
        let answer = tokio::time::timeout(Duration::from_secs(60), sent).await.expect(kind);
        assert_eq!(answer.error().0, 401, "{kind}");
    }
}

/// What is looked at again with every piece takes minutes; what is kept with every piece, a gigabyte.
#[tokio::test]
async fn a_body_in_pieces_of_a_byte_is_read_as_quickly_as_a_whole_one() {
    let shop = importing();
    for (path, kind) in [
        ("/v1/books:import", "text/csv"),
        ("/v1/books:import", "application/x-ndjson"),
        ("/v1/books", "application/json"),
    ] {
        let bytes = stream::iter((0..1_500_000).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"x"))));
        let started = std::time::Instant::now();
        let answer =
            shop.send(request("POST", path, &[("content-type", kind)], Body::from_stream(bytes))).await;
        assert_eq!(answer.error().0, 400, "{kind}");
        assert!(started.elapsed() < Duration::from_secs(30), "{kind}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn streams_in_both_directions_are_for_grpc() {
    let answer = importing().send(request("POST", "/v1/chat", &[LINES], Body::empty())).await;
    assert_eq!(answer.error(), (501, "UNIMPLEMENTED".into(), String::new()));
}
