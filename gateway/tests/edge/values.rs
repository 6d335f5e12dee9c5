//! Uploads as JSON arrays, concatenated JSON and sequences (RFC 7464).

use axum::body::Body;
use futures::{StreamExt as _, stream};
use serde_json::json;

use crate::{
    support::{Answered, Call, Shop, request},
    uploads::importing,
};

async fn send(shop: &Shop, kind: &str, body: impl Into<Body>) -> Answered {
    shop.send(request("POST", "/v1/books:import", &[("content-type", kind)], body.into())).await
}

fn ids(call: &Call) -> Vec<String> {
    let id = |message: &prost_reflect::DynamicMessage| {
        message.get_field_by_name("id").unwrap().as_str().unwrap().to_owned()
    };
    call.messages.iter().map(id).collect()
}

#[tokio::test]
async fn arrays_and_concatenated_json_become_streams_of_messages() {
    const JSON: &str = "application/json; charset=utf-8";
    let shop = importing();
    for (kind, body) in [
        (JSON, "[{\"id\":\"a\"},{\"id\":\"b\"}]"),
        (JSON, "\u{feff} [ {\"id\":\"a\"} ,\n{\n\"id\":\"b\"}\n] \n"),
        (JSON, "{\"id\":\"a\"}{\"id\":\"b\"}"),
        (JSON, "{\n  \"id\": \"a\"\n}\n{\n  \"id\": \"b\"\n}\n"),
        ("application/json-seq", "\u{1e}{\"id\":\"a\"}\n\u{1e}\u{1e}{\"id\":\"b\"}\n\u{1e}"),
        // As a stream was answered.
        ("application/json-seq", "\u{1e}{\"result\":{\"id\":\"a\"}}\n\u{1e}{\"result\":{\"id\":\"b\"}}\n"),
    ] {
        let answer = send(&shop, kind, body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["count"]), (200, &json!(2)), "{body}");
        let call = shop.last();
        assert!(!call.broken);
        assert_eq!(ids(&call), ["a", "b"], "{body}");
    }
    for body in ["", "[]", " [ ] "] {
        assert_eq!(send(&shop, JSON, body).await.json()["count"], 0, "{body}");
    }
    assert_eq!(send(&shop, JSON, "{}").await.json()["count"], 1);
}

#[tokio::test]
async fn what_is_wrong_names_its_element_and_breaks_the_upload_off() {
    let shop = importing();
    for (body, number, field) in [
        ("[{\"id\":\"a\"},{\"price\":{\"units\":\"x\"}}]", 2, "price.units"),
        ("{\"id\":\"a\"}{\"id\":\"b\"}{\"none\":1}", 3, "none"),
        ("[{\"id\":\"a\"},{\"id\":\"b\"}", 3, ""),
        ("[{\"id\":\"a\"}{\"id\":\"b\"}]", 2, ""),
        ("[{\"id\":\"a\"}],{}", 2, ""),
        ("{\"id\":\"a\"},{\"id\":\"b\"}", 2, ""),
        ("{\"id\":\"a\"}{\"id\":\"b", 2, ""),
        ("[{\"id\":\"a\"},1]", 2, ""),
    ] {
        let answer = send(&shop, "application/json", body).await;
        assert_eq!(answer.bad_field(), field, "{body}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("element {number}: ")), "{body}: {message}");
    }
    let half = "[\n{\"id\":\"a\"}\n{\"error\":{\"code\":503}}\n";
    assert_eq!(send(&shop, "application/json", half).await.error().0, 400, "half of an answer is sent on");
    assert!(shop.calls.lock().unwrap().iter().all(|call| call.broken), "never taken for a whole upload");
}

#[tokio::test]
async fn a_service_that_wants_to_be_is_told_of_bad_elements() {
    let shop = importing();
    let body = "[{\"id\":\"a\",\"count\":1},{\"count\":\"x\"},7,{\"id\":\"c\"}]";
    let kind = [("content-type", "application/json")];
    let answer = shop.send(request("POST", "/v1/books:restock", &kind, Body::from(body))).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["count"]), (200, &json!(4)));
    let told = |message: &prost_reflect::DynamicMessage| {
        let bad = message.get_field_by_name("bad_line").unwrap();
        !bad.as_message().unwrap().get_field_by_name("description").unwrap().as_str().unwrap().is_empty()
    };
    assert_eq!(shop.last().messages.iter().map(told).collect::<Vec<_>>(), [false, true, true, false]);
}

#[tokio::test]
async fn an_array_has_no_limit_but_its_elements_have() {
    let shop = importing();
    let element = format!("{{\"title\":\"{}\"}},", "x".repeat(1024 * 1024));
    let elements = stream::repeat(element).take(6);
    let body = stream::iter(["[".to_owned()]).chain(elements).chain(stream::iter(["{}]".to_owned()]));
    let body = Body::from_stream(body.map(Ok::<_, std::io::Error>));
    assert_eq!(send(&shop, "application/json", body).await.json()["count"], 7);
    for (first, piece) in [("[{\"title\":\"", "x"), ("", "["), ("[", "1"), ("[", " ")] {
        let pieces = stream::repeat(piece.repeat(1024 * 1024)).take(6);
        let body = stream::iter([first.to_owned()]).chain(pieces).map(Ok::<_, std::io::Error>);
        let answer = send(&shop, "application/json", Body::from_stream(body)).await;
        // White space is nothing to be kept.
        assert_eq!(answer.error().0, if piece == " " { 400 } else { 413 }, "{piece}");
    }
}
