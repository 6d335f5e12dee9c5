//! Streams of answers as one JSON array and as a sequence (RFC 7464).

use std::time::Duration;

use axum::body::Body;
use futures::{StreamExt as _, stream};
use gateway::Options;
use http_body_util::BodyExt as _;
use serde_json::{Value as Json, json};
use tonic::Status;

use crate::{
    ports::Port,
    streams::{event, streaming, watch},
    support::{Answer, shop_with},
};

const ARRAY: (&str, &str) = ("accept", "application/json");
const SEQUENCE: (&str, &str) = ("accept", "application/json-seq");

/// What came of a body, and whether it ended well.
async fn drain(mut body: Body) -> (String, bool) {
    let mut text = Vec::new();
    loop {
        match body.frame().await {
            Some(Ok(frame)) => text.extend_from_slice(&frame.into_data().unwrap()),
            Some(Err(_)) => return (String::from_utf8(text).unwrap(), false),
            None => return (String::from_utf8(text).unwrap(), true),
        }
    }
}

#[tokio::test]
async fn a_stream_is_one_array_for_those_who_want_json() {
    let answer = streaming(|| vec![Ok(event(1)), Ok(event(2))]).send(watch(&[ARRAY])).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    assert_eq!(
        answer.text(),
        "[\n{\"sequence\":\"1\",\"note\":\"n\"},\n{\"sequence\":\"2\",\"note\":\"n\"}\n]\n"
    );
    assert_eq!(answer.json().as_array().unwrap().len(), 2);
    let answer = streaming(Vec::new).send(watch(&[ARRAY])).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!([])));
    let refused = streaming(|| vec![Err(Status::not_found("gone"))]);
    assert_eq!(refused.send(watch(&[ARRAY])).await.error().0, 404, "before the first element");
}

#[tokio::test]
async fn an_array_that_a_failure_ends_can_be_taken_for_no_whole_one() {
    let shop = streaming(|| vec![Ok(event(1)), Err(Status::aborted("x"))]);
    let (text, whole) = drain(shop.open(watch(&[ARRAY])).await.into_body()).await;
    assert!(!whole, "it breaks off");
    assert!(serde_json::from_str::<Json>(&text).is_err(), "nor is it JSON: {text}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "["));
    let told: Json = serde_json::from_str(lines[2]).unwrap();
    assert_eq!(told["error"]["status"], "ABORTED", "a person sees why");

    // By a connection: the last chunk does not come.
    let port = Port::of(&shop).await;
    let answer =
        port.ask("GET /v1/books/b:watch HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\r\n").await;
    assert!(answer.contains("\"error\":{\"code\":409,"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    let lines = "GET /v1/books/b:watch HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert!(port.ask(lines).await.ends_with("0\r\n\r\n"), "lines tell it within a whole answer");
}

#[tokio::test]
async fn a_sequence_has_a_separator_before_each_text() {
    let shop = streaming(|| vec![Ok(event(1)), Err(Status::aborted("x"))]);
    let (text, whole) = drain(shop.open(watch(&[SEQUENCE])).await.into_body()).await;
    assert!(whole, "its last text tells the failure");
    let texts: Vec<_> = text.split('\u{1e}').collect();
    assert_eq!((texts.len(), texts[0]), (3, ""));
    assert_eq!(texts[1], "{\"result\":{\"sequence\":\"1\",\"note\":\"n\"}}\n");
    assert_eq!(serde_json::from_str::<Json>(texts[2]).unwrap()["error"]["code"], 409);
    let answer = shop.open(watch(&[SEQUENCE])).await;
    assert_eq!(answer.headers()["content-type"], "application/json-seq");
}

#[tokio::test]
async fn elements_go_out_as_they_come_whatever_their_reader_can_unpack() {
    for accept in [ARRAY, SEQUENCE] {
        let shop = shop_with(Options::default(), |_| {
            Answer::Stream(stream::iter([Ok(event(1)), Ok(event(2))]).chain(stream::pending()).boxed())
        });
        let response = shop.open(watch(&[accept, ("accept-encoding", "gzip, br, zstd")])).await;
        assert!(!response.headers().contains_key("content-encoding"));
        let (mut body, mut text) = (response.into_body(), Vec::new());
        while text.iter().filter(|byte| **byte == b'}').count() < 2 {
            text.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_says_nothing_keeps_quiet_streams_alive() {
    for (accept, start, end) in [(ARRAY, "[\n\n\n{", "\n]\n"), (SEQUENCE, "\u{1e}\u{1e}\u{1e}{", "}}\n")] {
        let shop = shop_with(Options::default(), |_| {
            let later = stream::once(async {
                tokio::time::sleep(Duration::from_secs(40)).await;
                Ok(event(1))
            });
            Answer::Stream(later.boxed())
        });
        let (text, whole) = drain(shop.open(watch(&[accept])).await.into_body()).await;
        assert!(whole && text.starts_with(start) && text.ends_with(end), "{text:?}");
        if accept == ARRAY {
            assert_eq!(serde_json::from_str::<Json>(&text).unwrap().as_array().unwrap().len(), 1);
        }
    }
}
