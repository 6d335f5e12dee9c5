//! From HTTP to the method's request.

use axum::body::Body;
use serde_json::json;

use crate::support::{request, shop};

#[tokio::test]
async fn a_path_sets_fields_of_the_request() {
    let shop = shop();
    assert_eq!(shop.get("/v1/shelves/1/books/a%2Fb").await.json()["name"], "shelves/1/books/a%2Fb");
    assert_eq!(shop.get("/v1/books/a%2Fb%3Ac").await.json()["name"], "a/b:c");
    assert_eq!(shop.get("/v1/files/a/b/c").await.json()["name"], "a/b/c");
    let answer = shop.get("/v1/search/-7/KIND_POEM").await.json();
    assert_eq!((&answer["number"], &answer["kind"]), (&json!(-7), &json!("KIND_POEM")));
    assert_eq!(shop.get("/v1/search/x/KIND_POEM").await.bad_field(), "number");
    assert_eq!(shop.get("/v1/search/1/poem").await.bad_field(), "kind");
    shop.get("/v1/books/first").await;
    assert_eq!(shop.last().method, "GetFirst");
}

#[tokio::test]
async fn a_query_sets_every_kind_of_field() {
    let shop = shop();
    let query = "number=-5&big=9007199254740993&count=7&huge=18446744073709551615&ratio=1.5e3&share=-0.5&flag=true\
        &text=a+b%26c&data=AQI%3D&kind=KIND_NOVEL&kinds=KIND_POEM&kinds=1&words=x&words=&maybe=0\
        &innerPart.units=5&inner_part.currencyCode=EUR&time=2026-01-31T12:00:00Z&length=1.5s\
        &mask=innerPart.units,currency_code&wrapped=12&left=l&nested.nested.text=deep&name=";
    let answer = shop.get(&format!("/v1/search?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        shop.last().json(),
        json!({
            "number": -5, "big": "9007199254740993", "count": 7, "huge": "18446744073709551615", "ratio": 1500.0,
            "share": -0.5, "flag": true, "text": "a b&c", "data": "AQI=", "kind": "KIND_NOVEL",
            "kinds": ["KIND_POEM", "KIND_NOVEL"], "words": ["x", ""], "maybe": 0,
            "innerPart": {"units": "5", "currencyCode": "EUR"}, "time": "2026-01-31T12:00:00Z", "length": "1.500s",
            "mask": "innerPart.units,currencyCode", "wrapped": "12", "left": "l",
            "nested": {"nested": {"text": "deep"}}, "name": "",
        })
    );
}

#[tokio::test]
async fn a_query_that_does_not_fit_names_the_field() {
    let shop = shop();
    for (query, field) in [
        ("colour=1", "colour"),
        ("innerPart.colour=1", "innerPart.colour"),
        ("number.x=1", "number.x"),
        ("number=1&number=1", "number"),
        ("innerPart.units=1&inner_part.units=1", "inner_part.units"),
        ("number=1.5", "number"),
        ("number=2147483648", "number"),
        ("number=%2B1", "number"),
        ("number=+1", "number"),
        ("number=", "number"),
        ("big=9223372036854775808", "big"),
        ("count=-1", "count"),
        ("flag=yes", "flag"),
        ("flag", "flag"),
        ("kind=NOVEL", "kind"),
        ("kinds=KIND_NOVEL&kinds=x", "kinds"),
        ("time=yesterday", "time"),
        ("length=1.0000000001s", "length"),
        ("innerPart=5", "inner_part"),
        ("parts.units=5", "parts.units"),
        ("byName.x=5", "byName.x"),
        ("byName=5", "by_name"),
        ("object=5", "object"),
        ("left=a&right.units=1", "right.units"),
        ("right.units=1&left=a", "left"),
        ("data=*", "data"),
        ("share=1e39", "share"),
    ] {
        assert_eq!(shop.get(&format!("/v1/search?{query}")).await.bad_field(), field, "{query}");
    }
    assert_eq!(shop.get("/v1/search?text=%zz").await.bad_field(), "");
    let deep = "nested.".repeat(1_000) + "text=x";
    assert_eq!(shop.get(&format!("/v1/search?{deep}")).await.status, 400);
    assert_eq!(shop.count(), 0);
}

#[tokio::test]
async fn a_query_may_not_set_what_the_path_or_the_body_sets() {
    let shop = shop();
    assert_eq!(shop.get("/v1/search/1/1?number=1").await.bad_field(), "number");
    assert_eq!(shop.json("POST", "/v1/search/1?text=x", "{}").await.bad_field(), "text");
    assert_eq!(shop.json("POST", "/v1/books?book.title=x", "{}").await.bad_field(), "book.title");
    shop.json("POST", "/v1/books?validateOnly=true", "{}").await;
    assert_eq!(shop.last().json(), json!({"book": {}, "validateOnly": true}));
}

#[tokio::test]
async fn a_body_must_be_json_and_say_so() {
    let shop = shop();
    let send = async |headers: &[(&str, &str)], body: &'static str| {
        shop.send(request("POST", "/v1/search/1", headers, Body::from(body))).await
    };
    for kind in [
        "application/json",
        "APPLICATION/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        // What it says has no meaning: JSON is UTF-8.
        "application/json; charset=latin1; odata=verbose",
    ] {
        assert_eq!(send(&[("content-type", kind)], "{}").await.status, 200, "{kind}");
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/merge-patch+json",
        "",
        "application/jsonx",
    ] {
        let answer = send(&[("content-type", kind)], "{}").await;
        assert_eq!(
            (answer.error().0, answer.json()["error"]["status"].as_str()),
            (415, Some("INVALID_ARGUMENT"))
        );
    }
    assert_eq!(send(&[], "{}").await.status, 415);
    assert_eq!(send(&[], "").await.status, 200);
    for body in [
        "{",
        "[]",
        "null",
        "1",
        "{} {}",
        "{\"text\":\"\\ud800\"}",
        "{'text':1}",
        "{\"text\":\"\u{1}\"}",
        "{,}",
    ] {
        let answer = send(&[("content-type", "application/json")], body).await;
        assert_eq!(answer.error().0, 400, "{body}");
    }
    let answer = shop.json("GET", "/v1/search", "{}").await;
    assert_eq!(answer.error().0, 400, "a body where none is taken");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_announced_or_not() {
    let shop = shop();
    let text = |length: usize| format!("{{\"text\":\"{}\"}}", "x".repeat(length));
    let just = gateway::BODY_LIMIT - text(0).len();
    assert_eq!(shop.json("POST", "/v1/search/1", text(just)).await.status, 200);
    let answer = shop.json("POST", "/v1/search/1", text(just + 1)).await;
    assert_eq!(
        (answer.error().0, answer.json()["error"]["status"].as_str()),
        (413, Some("RESOURCE_EXHAUSTED"))
    );
    let chunks = futures::stream::iter((0..5).map(|_| Ok::<_, std::io::Error>("x".repeat(1024 * 1024))));
    let headers = [("content-type", "application/json")];
    let answer = shop.send(request("POST", "/v1/search/1", &headers, Body::from_stream(chunks))).await;
    assert_eq!(answer.error().0, 413);
}

#[tokio::test]
async fn a_body_may_not_contradict_its_path() {
    let shop = shop();
    assert_eq!(shop.json("POST", "/v1/search/1", r#"{"number":2}"#).await.bad_field(), "number");
    assert_eq!(shop.json("POST", "/v1/search/1", r#"{"number":1,"text":"x"}"#).await.status, 200);
    assert_eq!(shop.json("PATCH", "/v1/books/b1", r#"{"id":"b2"}"#).await.bad_field(), "book.id");
    assert_eq!(shop.json("PATCH", "/v1/books/b1", r#"{"id":"b1"}"#).await.status, 200);
}

#[tokio::test]
async fn an_update_without_a_mask_changes_what_its_body_names() {
    let shop = shop();
    let mask = async |path: &str, body: &str| {
        let answer = shop.json("PATCH", path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["updateMask"].clone()
    };
    assert_eq!(mask("/v1/books/b1", r#"{"title":"x","price":{"units":1}}"#).await, "title,price.units");
    assert_eq!(mask("/v1/books/b1", r#"{"id":"b1","etag":"e","title":""}"#).await, "title");
    assert_eq!(mask("/v1/books/b1", r#"{"price":null}"#).await, "price");
    assert_eq!(mask("/v1/books/b1?updateMask=title", r#"{"price":null}"#).await, "title");
    assert_eq!(
        mask("/v1/books/b1?update_mask=price.currency_code,title", "{}").await,
        "price.currencyCode,title"
    );
    assert_eq!(mask("/v1/books/b1", "{}").await, json!(null));
    assert_eq!(mask("/v1/books/b1", "").await, json!(null));
    assert_eq!(shop.last().json(), json!({"book": {"id": "b1"}}));
}

#[tokio::test]
async fn if_match_sets_the_etag() {
    let shop = shop();
    let patch = async |etag: &str, body: &str| {
        shop.json_with("PATCH", "/v1/books/b", &[("if-match", etag)], body).await
    };
    assert_eq!(patch("\"e1\"", r#"{"title":"x"}"#).await.json()["book"]["etag"], "e1");
    assert_eq!(patch("\"e1\"", r#"{"title":"x","etag":"e1"}"#).await.json()["book"]["etag"], "e1");
    assert_eq!(patch("\"e1\"", r#"{"title":"x","etag":"e2"}"#).await.bad_field(), "book.etag");
    assert_eq!(patch("*", r#"{"title":"x"}"#).await.json()["book"]["etag"], "");
    for wrong in ["e1", "\"e1", "*, \"a\"", ""] {
        assert_eq!(patch(wrong, "{}").await.bad_field(), "", "{wrong}");
    }
    let delete = request("DELETE", "/v1/books/b", &[("if-match", "\"e\"")], Body::empty());
    assert_eq!(shop.send(delete).await.status, 204);
    assert_eq!(shop.last().json(), json!({"id": "b", "etag": "e"}));
    let delete = request("DELETE", "/v1/books/b?etag=f", &[("if-match", "\"e\"")], Body::empty());
    assert_eq!(shop.send(delete).await.bad_field(), "etag");
    let check_out = request("POST", "/v1/visits", &[("if-match", "\"e\"")], Body::empty());
    assert_eq!(shop.send(check_out).await.bad_field(), "", "what has no etag takes no condition");
}

#[tokio::test]
async fn only_chosen_headers_go_upstream() {
    let shop = shop();
    let headers = [
        ("authorization", "Bearer t"),
        ("idempotency-key", "k"),
        ("x-request-id", "r-1"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("tracestate", "a=b"),
        ("accept-language", "pt, en;q=0.5"),
        ("baggage", "tenant=7"),
        ("x-signature", "s"),
        ("cookie", "c"),
        ("x-forwarded-for", "1.2.3.4"),
        ("te", "trailers"),
        ("grpc-status", "0"),
        ("feira-service", "order"),
    ];
    let answer = shop.send(request("POST", "/v1/shelves/1/books/2:checkOut", &headers, Body::empty())).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-request-id")), (200, "r-1"));
    let metadata = shop.last().metadata;
    for (name, value) in &headers[..8] {
        assert_eq!(metadata[*name], *value);
    }
    for name in ["cookie", "x-forwarded-for", "grpc-status", "feira-service"] {
        assert!(!metadata.contains_key(name), "{name}");
    }
    assert!(metadata["grpc-timeout"].to_str().unwrap().ends_with(['u', 'm']));
    shop.send(request("GET", "/v1/books/1", &headers, Body::empty())).await;
    assert!(!shop.last().metadata.contains_key("x-signature"));
    // A caller's own words have a bound; half of them would say something else.
    let long = "k=v,".repeat(2_048);
    for (bags, there) in [(vec![long.as_str()], 1), (vec![long.as_str(), "a=b"], 0), (vec!["a=b", "c=d"], 2)]
    {
        let headers: Vec<_> = bags.iter().map(|bag| ("baggage", *bag)).collect();
        shop.send(request("GET", "/v1/books/1", &headers, Body::empty())).await;
        assert_eq!(shop.last().metadata.get_all("baggage").iter().count(), there);
    }
}

#[tokio::test]
async fn headers_that_must_be_one_are_refused_twice() {
    let shop = shop();
    for name in ["authorization", "idempotency-key"] {
        let twice = [(name, "\"a\""), (name, "\"a\"")];
        assert_eq!(
            shop.send(request("DELETE", "/v1/books/b", &twice, Body::empty())).await.error().0,
            400,
            "{name}"
        );
    }
}
