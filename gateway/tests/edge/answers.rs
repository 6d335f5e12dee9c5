//! From the method's answer to HTTP.

use axum::body::Body;
use serde_json::json;

use crate::support::{Answer, message, request, shop, shop_with};

#[tokio::test]
async fn fields_without_presence_are_always_printed() {
    let answer = shop().json("POST", "/v1/search/0", r#"{"innerPart":{}}"#).await.json();
    assert_eq!(answer["number"], 0);
    assert_eq!(answer["big"], "0");
    assert_eq!(answer["flag"], false);
    assert_eq!(answer["words"], json!([]));
    assert_eq!(answer["byName"], json!({}));
    assert_eq!(answer["kind"], "KIND_UNSPECIFIED");
    assert_eq!(answer["innerPart"], json!({"units": "0", "currencyCode": ""}));
    for absent in ["maybe", "time", "left", "right", "nested", "wrapped"] {
        assert!(answer.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn what_is_sent_comes_back_the_same() {
    let sent = json!({
        "number": 7, "big": "-9223372036854775808", "count": 4_294_967_295_u32, "huge": "18446744073709551615",
        "ratio": "NaN", "share": "-Infinity", "flag": true, "text": "é\u{1F600}\n\"", "data": "+/8=",
        "kind": "KIND_POEM", "kinds": ["KIND_NOVEL", 77], "words": ["a", ""], "maybe": 0,
        "innerPart": {"units": "1", "currencyCode": "EUR"}, "parts": [{"units": "1", "currencyCode": ""}],
        "byName": {"x": {"units": "2", "currencyCode": "B"}}, "byNumber": {"-3": "three"},
        "time": "2026-01-31T12:00:00.000000001Z", "length": "-1.500s", "mask": "a,bC.d", "wrapped": "0",
        "object": {"a": [1.5, null, {"b": true}]}, "value": null, "list": ["x", []],
        "any": {"@type": "type.googleapis.com/library.v1.Inner", "units": "9", "currencyCode": "C"},
        "right": {"units": "3", "currencyCode": ""}, "name": "n", "byText": {"": "e"}, "byFlag": {"true": "KIND_NOVEL"},
        "byTime": {"x": "2026-01-31T12:00:00Z"},
    });
    let answer = shop().json("POST", "/v1/search/7", sent.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json(), sent);
}

#[tokio::test]
async fn a_method_says_the_status_of_its_success() {
    let shop = shop_with(Default::default(), |call| match call.method.as_str() {
        "CreateBook" => Answer::Messages(vec![message("Book", json!({"id": "b1", "etag": "e 1"}))]),
        "ListTitles" => Answer::Messages(vec![message("Titles", json!({"titles": ["a", "b"]}))]),
        _ => Answer::Messages(call.messages.clone()),
    });
    let answer = shop.json("POST", "/v1/books", r#"{"title":"x"}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["id"]), (201, &json!("b1")));
    assert_eq!(answer.header("etag"), "", "an etag that cannot stand in quotes");
    let answer = shop.call("DELETE", "/v1/books/b").await;
    assert_eq!((answer.status.as_u16(), answer.bytes.len()), (204, 0));
    assert_eq!(shop.get("/v1/titles").await.json(), json!(["a", "b"]));
}

#[tokio::test]
async fn an_answers_etag_is_a_header() {
    let answer = shop().get("/v1/books/b?etag=e1").await;
    assert!(answer.header("etag").starts_with("\"e1."), "{}", answer.header("etag"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("idempotency-replayed"), "true");
    assert_eq!(answer.header("x-internal"), "");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn raw_bodies_go_through_as_they_are() {
    let shop = shop_with(Default::default(), |call| {
        let cover = call.messages[0].get_field_by_name("cover").unwrap();
        Answer::Messages(vec![cover.as_message().unwrap().clone()])
    });
    let body = Body::from(vec![0, 159, 146, 150]);
    let answer = shop.send(request("PUT", "/v1/books/b/cover", &[("content-type", "image/png")], body)).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/png"));
    assert_eq!(answer.bytes.as_ref(), [0, 159, 146, 150]);
    assert_eq!(shop.last().messages[0].get_field_by_name("id").unwrap().as_str(), Some("b"));
}

#[tokio::test]
async fn a_method_names_the_headers_of_its_answer_and_a_reader_who_has_it_gets_304() {
    let cover = json!({"contentType": "image/png", "data": "AAECAw=="});
    let shop = shop_with(Default::default(), move |_| {
        let desc = crate::support::POOL.get_message_by_name("google.api.HttpBody").unwrap();
        Answer::Messages(vec![prost_reflect::DynamicMessage::deserialize(desc, cover.clone()).unwrap()])
    });
    let get = |method: &'static str, have: &'static str| {
        shop.send(request(method, "/v1/books/b/cover", &[("if-none-match", have)], Body::empty()))
    };
    for (have, status) in [
        ("\"another\"", 200),
        ("\"of the cover", 200),
        ("\"of the cover\"", 304),
        ("\"another\", W/\"of the cover\"", 304),
        ("*", 304),
    ] {
        let answer = get("GET", have).await;
        assert_eq!(answer.status, status, "{have}");
        assert_eq!(answer.bytes.len(), if status == 200 { 4 } else { 0 });
        assert_eq!(
            (answer.header("etag"), answer.header("cache-control")),
            ("\"of the cover\"", "max-age=60")
        );
        assert_eq!(answer.header("content-type"), if status == 200 { "image/png" } else { "" });
    }
    assert_eq!(get("HEAD", "\"of the cover\"").await.status, 304);
    let other = shop_with(Default::default(), crate::support::echo).get("/v1/books/b").await;
    assert_eq!(
        (other.header("etag"), other.header("cache-control")),
        ("", "no-cache"),
        "of no method that names none"
    );
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let shop = shop();
    let get = shop.get("/v1/books/b?etag=e").await;
    let head = shop.call("HEAD", "/v1/books/b?etag=e").await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(head.header("content-length"), get.bytes.len().to_string());
    assert_eq!(shop.call("HEAD", "/nowhere").await.status, 404);
}

#[tokio::test]
async fn options_and_405_tell_the_methods_of_a_path() {
    let shop = shop();
    let answer = shop.call("OPTIONS", "/v1/books/b").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (204, "DELETE, GET, HEAD, OPTIONS, PATCH"));
    let answer = shop.call("PUT", "/v1/books/b").await;
    assert_eq!((answer.error().0, answer.json()["error"]["status"].as_str()), (405, Some("UNIMPLEMENTED")));
    assert_eq!(answer.header("allow"), "DELETE, GET, HEAD, OPTIONS, PATCH");
    assert_eq!(shop.call("OPTIONS", "/nowhere").await.error().0, 404);
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_ask() {
    let shop = shop();
    let gzip = [("accept-encoding", "gzip")];
    let long = format!("/v1/search?text={}", "x".repeat(4_000));
    let answer = shop.send(request("GET", &long, &gzip, Body::empty())).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert!(answer.bytes.len() < 1_000);
    let answer = shop.send(request("GET", "/v1/books/b", &gzip, Body::empty())).await;
    assert_eq!(answer.header("content-encoding"), "");
}

#[tokio::test]
async fn other_origins_are_let_in_only_if_configured() {
    let origin = ("origin", "https://shop.example");
    let answer = shop().send(request("GET", "/v1/books/b", &[origin], Body::empty())).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");

    let options = gateway::Options {
        cors_origins: vec!["https://shop.example".parse().unwrap()],
        ..Default::default()
    };
    let shop = shop_with(options, crate::support::echo);
    let answer = shop.send(request("GET", "/v1/books/b", &[origin], Body::empty())).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
    let preflight = [origin, ("access-control-request-method", "PATCH")];
    let answer = shop.send(request("OPTIONS", "/v1/books/b", &preflight, Body::empty())).await;
    assert_eq!((answer.status.as_u16(), answer.bytes.len()), (204, 0));
    assert!(answer.header("access-control-allow-methods").contains("PATCH"));
    assert!(answer.header("allow").contains("PATCH"));
    let foreign = [("origin", "https://evil.example")];
    let answer = shop.send(request("GET", "/v1/books/b", &foreign, Body::empty())).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
