//! gRPC, gRPC-Web and Connect at the paths that gRPC gives methods, before an upstream that speaks gRPC alone.

use axum::body::Body;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::{BufMut as _, BytesMut};
use futures::{StreamExt as _, stream};
use http::{Request, Version};
use http_body_util::BodyExt as _;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};
use tonic::Status;

use crate::support::{Answer, Answered, POOL, Shop, echo, message, request, shop, shop_with};

const JSON: (&str, &str) = ("content-type", "application/json");

fn path(method: &str) -> String {
    format!("/library.v1.Library/{method}")
}

fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.put_u8(flag);
    out.put_u32(message.len() as u32);
    out.put_slice(message);
    out.to_vec()
}

/// The flags and messages of a body.
fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut out = Vec::new();
    while let [flag, a, b, c, d, rest @ ..] = body {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        out.push((*flag, rest[..length].to_vec()));
        body = &rest[length..];
    }
    assert!(body.is_empty(), "what is left is no message: {body:?}");
    out
}

fn read(kind: &str, bytes: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(POOL.get_message_by_name(&format!("library.v1.{kind}")).unwrap(), bytes).unwrap()
}

fn events() -> Answer {
    let event = |sequence: i64| Ok(message("Event", json!({"sequence": sequence.to_string()})));
    Answer::Stream(stream::iter([event(1), event(2), Err(Status::aborted("no more"))]).boxed())
}

async fn post(shop: &Shop, method: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answered {
    shop.send(request("POST", &path(method), headers, body.into())).await
}

/// A gRPC call: its messages, and what its trailers say of its end.
async fn grpc(shop: &Shop, method: &str, body: Vec<u8>) -> (Vec<Vec<u8>>, String, String) {
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let mut request: Request<Body> = request("POST", &path(method), &headers, Body::from(body));
    *request.version_mut() = Version::HTTP_2;
    let response = shop.open(request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    let head = response.headers().clone();
    let whole = response.into_body().collect().await.unwrap();
    let end = whole.trailers().cloned().unwrap_or(head);
    let text = |name: &str| end.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let messages = frames(&whole.to_bytes()).into_iter().map(|(_, message)| message).collect();
    (messages, text("grpc-status"), text("grpc-message"))
}

#[tokio::test]
async fn a_method_without_a_route_is_called_with_json_at_its_path() {
    let shop = shop();
    let answer = post(&shop, "Hidden", &[JSON, ("x-request-id", "r-1")], r#"{"name":"b"}"#).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.json(), json!({"name": "b", "etag": "", "copies": 0}));
    assert_eq!(answer.header("x-request-id"), "r-1");
    assert!(answer.headers.get("x-internal").is_none(), "only what is named comes back");
    assert_eq!(shop.last().metadata["x-request-id"], "r-1");
    assert_eq!(shop.last().json(), json!({"name": "b"}));
    // The same in protobuf.
    let bytes = message("BookName", json!({"name": "b"})).encode_to_vec();
    let answer = post(&shop, "Hidden", &[("content-type", "application/proto")], bytes.clone()).await;
    assert_eq!((answer.header("content-type"), &answer.bytes[..]), ("application/proto", &bytes[..]));
}

#[tokio::test]
async fn connect_says_errors_in_its_own_form() {
    let shop = shop_with(Default::default(), |call| match call.method.as_str() {
        "GetBook" => Answer::Status(Status::not_found("no such book")),
        "Enter" => Answer::Status(Status::internal("at 10.0.0.7")),
        _ => Answer::Never,
    });
    let answer = post(&shop, "GetBook", &[JSON], "{}").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        (&answer.json()["code"], &answer.json()["message"]),
        (&json!("not_found"), &json!("no such book"))
    );
    let detail = &answer.json()["details"][0];
    assert_eq!(detail["type"], "google.rpc.ErrorInfo");
    assert_eq!(detail["debug"]["reason"], "NOT_FOUND");
    assert!(!detail["value"].as_str().unwrap().is_empty());
    // What only operators may know stays in the log.
    let answer = post(&shop, "Enter", &[JSON], "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (500, &json!("internal")));
    assert!(!answer.text().contains("10.0.0.7"));
    // Time is up.
    let answer = post(&shop, "ReadBook", &[JSON, ("connect-timeout-ms", "20")], "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (504, &json!("deadline_exceeded")));
    let asked = shop.count();
    for (headers, body) in [
        (&[JSON][..], r#"{"nobody":1}"#),
        (&[JSON], "nonsense"),
        (&[JSON, ("connect-protocol-version", "2")], "{}"),
        (&[JSON, ("connect-timeout-ms", "1s")], "{}"),
        (&[JSON, ("connect-timeout-ms", "12345678901")], "{}"),
        (&[("content-type", "application/connect+json")], "{}"),
    ] {
        let answer = post(&shop, "GetBook", headers, body).await;
        assert!(answer.text().contains("invalid_argument"), "{headers:?} {body}: {}", answer.text());
    }
    assert_eq!(shop.count(), asked, "none of them was called");
}

#[tokio::test]
async fn a_body_has_the_limits_that_it_has_over_rest() {
    let shop = shop();
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(8 << 20));
    for (kind, body) in [
        ("application/json", long.clone()),
        ("application/proto", long.clone()),
        ("application/grpc-web", long.clone()),
        ("application/grpc-web-text", long.clone()),
    ] {
        let answer = post(&shop, "Hidden", &[("content-type", kind)], body).await;
        let said = [answer.text().to_owned(), answer.header("grpc-message").to_owned()].concat();
        assert!(said.contains("larger"), "{kind}: {said}");
    }
    assert_eq!(shop.count(), 0);
}

#[tokio::test]
async fn a_get_is_for_what_changes_nothing() {
    let shop = shop();
    for query in ["connect=v1&encoding=json&message=%7B%7D", "encoding=proto&message=&base64=1"] {
        let answer = shop.get(&format!("{}?{query}", path("Hidden"))).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (501, &json!("unimplemented")));
    }
    let ask = async |query: &str| shop.get(&format!("{}?{query}", path("Peek"))).await;
    let answer = ask("connect=v1&encoding=json&message=%7B%22name%22%3A%22b%22%7D").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"name": "b", "etag": "", "copies": 0})));
    let bytes = message("BookName", json!({"name": "?>"})).encode_to_vec();
    let text = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&bytes);
    let answer = ask(&format!("connect=v1&encoding=proto&base64=1&message={text}")).await;
    assert_eq!(&answer.bytes[..], &bytes[..]);
    for wrong in [
        "encoding=json",
        "encoding=json&message=%7B%7D&other=1",
        "encoding=json&base64=1&message=!",
        "encoding=json&message=%7B%7D&compression=br",
    ] {
        let answer = ask(wrong).await;
        assert!(answer.status.as_u16() >= 400, "{wrong}");
        assert!(answer.json()["code"].is_string(), "{wrong}");
    }
}

#[tokio::test]
async fn a_stream_of_connect_ends_by_saying_how() {
    let shop = shop_with(Default::default(), |_| events());
    for codec in ["json", "proto"] {
        let body = match codec {
            "json" => frame(0, br#"{"id":"b"}"#),
            _ => frame(0, &message("WatchRequest", json!({"id": "b"})).encode_to_vec()),
        };
        let kind = format!("application/connect+{codec}");
        let answer =
            post(&shop, "Watch", &[("content-type", &kind), ("accept-encoding", "gzip")], body).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind.as_str()));
        let all = frames(&answer.bytes);
        assert_eq!(all.iter().map(|(flag, _)| *flag).collect::<Vec<_>>(), [0, 0, 2], "{codec}");
        match codec {
            "json" => {
                let second: Json = serde_json::from_slice(&all[1].1).unwrap();
                assert_eq!(second, json!({"sequence": "2", "note": ""}));
            }
            _ => assert_eq!(read("Event", &all[1].1), message("Event", json!({"sequence": "2"}))),
        }
        let end: Json = serde_json::from_slice(&all[2].1).unwrap();
        assert_eq!((&end["error"]["code"], &end["error"]["message"]), (&json!("aborted"), &json!("no more")));
        assert_eq!(shop.last().json(), json!({"id": "b"}));
    }
    let refused =
        post(&shop, "Watch", &[("content-type", "application/connect+json")], frame(0, b"nonsense")).await;
    let end: Json = serde_json::from_slice(&frames(&refused.bytes)[0].1).unwrap();
    assert_eq!((refused.status.as_u16(), &end["error"]["code"]), (200, &json!("invalid_argument")));
}

#[tokio::test]
async fn a_stream_of_requests_is_taken_whole_or_not() {
    let count = |call: &crate::support::Call| {
        Answer::Messages(vec![message("Imported", json!({"count": call.messages.len()}))])
    };
    let shop = shop_with(Default::default(), count);
    let kind = [("content-type", "application/connect+json")];
    let whole = [frame(0, br#"{"id":"a"}"#), frame(0, br#"{"id":"b"}"#)].concat();
    let all = frames(&post(&shop, "Import", &kind, whole.clone()).await.bytes);
    assert_eq!(serde_json::from_slice::<Json>(&all[0].1).unwrap()["count"], 2);
    assert_eq!((all[1].0, &all[1].1[..]), (2, &b"{}"[..]));
    for (bad, says) in [
        ([&whole[..], &frame(0, br#"{"nobody":1}"#)].concat(), "nobody"),
        ([&whole[..], &frame(1, b"x")].concat(), "compressed"),
        (whole[..whole.len() - 1].to_vec(), "cut off"),
    ] {
        let all = frames(&post(&shop, "Import", &kind, bad).await.bytes);
        let end: Json = serde_json::from_slice(&all.last().unwrap().1).unwrap();
        assert!(end["error"]["message"].as_str().unwrap().contains(says), "{end}");
        assert!(shop.last().broken, "the service saw that it was not all");
    }
}

#[tokio::test]
async fn grpc_web_has_its_trailers_in_the_body() {
    let shop = shop_with(Default::default(), |call| match call.method.as_str() {
        "Watch" => events(),
        "GetBook" => Answer::Status(Status::not_found("no")),
        _ => echo(call),
    });
    let bytes = message("BookName", json!({"name": "b"})).encode_to_vec();
    // Nothing is asked for after its end, as what would compress it does.
    let kind = [("content-type", "application/grpc-web+proto"), ("accept-encoding", "gzip")];
    let plain = post(&shop, "Hidden", &kind, frame(0, &bytes)).await;
    assert_eq!(plain.header("content-type"), "application/grpc-web+proto");
    let all = frames(&plain.bytes);
    assert_eq!(all[0], (0, bytes.clone()));
    assert_eq!((all[1].0, std::str::from_utf8(&all[1].1).unwrap()), (0x80, "grpc-status: 0\r\n"));
    // In base64, whose pieces may be padded each.
    let body = BASE64_STANDARD.encode(frame(0, &bytes));
    let text = post(&shop, "Hidden", &[("content-type", "application/grpc-web-text")], body).await;
    let mut decoded = Vec::new();
    for four in text.bytes.chunks(4) {
        decoded.extend(BASE64_STANDARD.decode(four).unwrap());
    }
    assert_eq!(frames(&decoded), all);
    let stream = post(&shop, "Watch", &[("content-type", "application/grpc-web")], frame(0, b"")).await;
    let all = frames(&stream.bytes);
    let end = std::str::from_utf8(&all[2].1).unwrap();
    assert!(end.contains("grpc-status: 10\r\n") && end.contains("grpc-message: no%20more\r\n"), "{end}");
    let refused = post(&shop, "GetBook", &[("content-type", "application/grpc-web")], frame(0, b"")).await;
    let told =
        [refused.header("grpc-status").to_owned(), String::from_utf8_lossy(&refused.bytes).into()].concat();
    assert!(told.contains('5'), "{told}");
}

#[tokio::test]
async fn grpc_passes_as_it_is() {
    let shop = shop_with(Default::default(), |call| match call.method.as_str() {
        "Watch" => events(),
        "GetBook" => Answer::Transport(Status::unavailable("10.0.0.7 is down")),
        _ => echo(call),
    });
    let bytes = message("BookName", json!({"name": "b"})).encode_to_vec();
    assert_eq!(grpc(&shop, "Hidden", frame(0, &bytes)).await, (vec![bytes], "0".to_owned(), String::new()));
    let (messages, status, said) = grpc(&shop, "Watch", frame(0, b"")).await;
    assert_eq!((messages.len(), &*status, &*said), (2, "10", "no%20more"));
    let (_, status, said) = grpc(&shop, "GetBook", frame(0, b"")).await;
    assert_eq!((&*status, said.contains("10.0.0.7")), ("14", false), "{said}");
    let books: Vec<u8> =
        (0..3).flat_map(|_| frame(0, &message("Book", json!({"id": "a"})).encode_to_vec())).collect();
    assert_eq!(grpc(&shop, "Chat", books).await.0.len(), 3, "streams in both directions");
    // gRPC takes HTTP/2.
    let old = post(&shop, "Hidden", &[("content-type", "application/grpc")], frame(0, b"")).await;
    assert_eq!(old.header("grpc-status"), "3");
}

#[tokio::test]
async fn what_is_no_method_or_no_protocol_is_answered_as_before() {
    let shop = shop();
    let answer = post(&shop, "Nobody", &[JSON], "{}").await;
    assert_eq!(answer.error().0, 404);
    // Who can speak nothing else is answered in kind.
    let answer = post(&shop, "Nobody", &[("content-type", "application/grpc-web")], frame(0, b"")).await;
    assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, "12"));
    let answer = post(&shop, "Hidden", &[("content-type", "text/plain")], "{}").await;
    assert_eq!(answer.error().0, 415);
    let answer = shop.call("DELETE", &path("Hidden")).await;
    assert_eq!((answer.error().0, answer.header("allow")), (405, "POST"));
    assert_eq!(shop.count(), 0);
}
