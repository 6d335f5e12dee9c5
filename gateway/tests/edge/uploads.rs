//! Uploads: bodies that become streams of messages.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use gateway::Options;
use http_body_util::BodyExt as _;
use prost_reflect::DynamicMessage;
use serde_json::json;
use tonic::Status;
use tower::service_fn;

use crate::streams::{event, streaming, watch};
use crate::support::{Answer, Shop, message, request, shop_of, shop_with};

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

pub fn importing() -> Shop {
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
    let text = [("content-type", "text/plain")];
    assert_eq!(shop.send(request("POST", "/v1/books:import", &text, Body::from("{}"))).await.error().0, 415);
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
        ("/v1/books:import", "application/json"),
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
