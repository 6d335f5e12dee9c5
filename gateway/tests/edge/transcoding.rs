//! Tables of requests and what becomes of them: paths, queries and bodies, in the forms that public transcoders are
//! tested with.

use axum::body::Body;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use crate::support::{Answer, POOL, Shop, echo, request, shop_with};

/// A router before a service that answers everything by nothing.
fn shop() -> Shop {
    shop_with(Default::default(), |call| {
        let service = POOL.get_service_by_name("library.v1.Library").unwrap();
        let method = service.methods().find(|method| method.name() == call.method).unwrap();
        Answer::Messages(vec![DynamicMessage::new(method.output())])
    })
}

/// What a call was, by its method's name and its request.
fn called(shop: &Shop) -> (String, Value) {
    let call = shop.last();
    (call.method.clone(), call.json())
}

#[tokio::test]
async fn a_path_leads_to_a_method_and_its_fields() {
    let shop = shop();
    for (path, method, sent) in [
        // A colon is data unless a route has what follows the last one as its verb.
        ("GET /v1/books/urn:isbn:1", "GetBook", json!({"name": "urn:isbn:1"})),
        ("GET /v1/books/2001:db8::1", "GetBook", json!({"name": "2001:db8::1"})),
        ("GET /v1/books/:", "GetBook", json!({"name": ":"})),
        ("GET /v1/books/b:", "GetBook", json!({"name": "b:"})),
        ("GET /v1/books/b:unknown", "GetBook", json!({"name": "b:unknown"})),
        ("GET /v1/books/b:watch", "Watch", json!({"id": "b"})),
        ("GET /v1/books/urn:isbn:1:watch", "Watch", json!({"id": "urn:isbn:1"})),
        ("GET /v1/books/b%3Awatch", "GetBook", json!({"name": "b:watch"})),
        ("GET /v1/books/b:w%61tch", "Watch", json!({"id": "b"})),
        ("GET /v1/books/:watch", "GetBook", json!({"name": ":watch"})),
        ("POST /v1/shelves/1/books/a:b:checkOut", "CheckOut", json!({"name": "shelves/1/books/a:b"})),
        ("GET /v1/shelves/x:y/books/b:z", "GetBook", json!({"name": "shelves/x:y/books/b:z"})),
        ("GET /v1/tail/a/b:c:read", "Find", json!({"text": "a/b:c"})),
        ("GET /v1/tail/a/b:c", "Find", json!({"text": "a/b:c"})),
        ("DELETE /v1/books/b:c", "DeleteBook", json!({"id": "b:c"})),
        // One segment is decoded wholly; of several, encoded slashes stay as they were sent.
        ("GET /v1/books/a%2Fb%2fc", "GetBook", json!({"name": "a/b/c"})),
        ("GET /v1/books/a%252Fb", "GetBook", json!({"name": "a%2Fb"})),
        ("GET /v1/files/a%2Fb/c%2fd", "GetBook", json!({"name": "a%2Fb/c%2fd"})),
        ("GET /v1/files/a%20b/%C3%A9", "GetBook", json!({"name": "a b/é"})),
        ("GET /v1/files", "GetBook", json!({})),
        ("GET /v1/two/a%2Fb/c%2Dd/end", "Find", json!({"text": "a%2Fb/c-d"})),
        ("GET /v1/shelves/%2f/books/%2F", "GetBook", json!({"name": "shelves/%2f/books/%2F"})),
        ("GET /v1/books/a+b", "GetBook", json!({"name": "a+b"})),
        ("GET /v1/books/!$&'()*+,;=@~", "GetBook", json!({"name": "!$&'()*+,;=@~"})),
        // Literals before variables.
        ("GET /v1/books/first", "GetFirst", json!({})),
        // Types whose JSON is text.
        (
            "GET /v1/at/2026-01-31T12:00:00Z/for/1.5s",
            "Find",
            json!({"time": "2026-01-31T12:00:00Z", "length": "1.500s"}),
        ),
        (
            "GET /v1/at/2026-01-31T12%3A00%3A00.25%2B02:00/for/-3s",
            "Find",
            json!({"time": "2026-01-31T10:00:00.250Z", "length": "-3s"}),
        ),
        ("GET /v1/wrapped/-12/called", "Find", json!({"wrapped": "-12", "name": "called"})),
        ("GET /v1/wrapped/0/x", "Find", json!({"wrapped": "0", "name": "x"})),
        (
            "GET /v1/within/1970-01-01T00:00:00Z/innerPart.units,currency_code",
            "Find",
            json!({"nested": {"time": "1970-01-01T00:00:00Z", "mask": "innerPart.units,currencyCode"}}),
        ),
    ] {
        let (verb, uri) = path.split_once(' ').unwrap();
        let answer = shop.call(verb, uri).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        assert_eq!(called(&shop), (method.to_owned(), sent), "{path}");
    }
}

#[tokio::test]
async fn a_path_that_does_not_fit_calls_nothing() {
    let shop = shop();
    for (path, status, field) in [
        ("GET /v1/at/yesterday/for/1s", 400, "time"),
        ("GET /v1/at/2026-01-31T12:00:00Z/for/1", 400, "length"),
        ("GET /v1/at/2026-01-31/for/1s", 400, "time"),
        ("GET /v1/wrapped/9223372036854775808/x", 400, "wrapped"),
        ("GET /v1/wrapped/x/x", 400, "wrapped"),
        ("GET /v1/within/never/x", 400, "nested.time"),
        ("GET /v1/at/2026-01-31T12:00:00Z/for/1s?time=2026-01-31T12:00:00Z", 400, "time"),
        // The verb is there, by another method.
        ("POST /v1/books/b:watch", 405, ""),
        ("GET /v1/shelves/1/books/a:checkOut", 405, ""),
        ("GET /v1/two/a/end", 404, ""),
        ("GET /v1/books/%", 400, ""),
        ("GET /v1/files/%2", 400, ""),
        ("GET /v1/files/%C3", 400, ""),
    ] {
        let (verb, uri) = path.split_once(' ').unwrap();
        let (code, _, named) = shop.call(verb, uri).await.error();
        assert_eq!((code, named.as_str()), (status, field), "{path}");
    }
    assert_eq!(shop.count(), 0);
    assert_eq!(shop.call("POST", "/v1/books/b:watch").await.header("allow"), "GET, HEAD, OPTIONS");
}

#[tokio::test]
async fn a_rule_can_be_for_any_method() {
    for origins in [vec![], vec!["https://shop.example".parse().unwrap()]] {
        let options = gateway::Options { cors_origins: origins.clone(), ..Default::default() };
        let shop = shop_with(options, echo);
        let head = shop.call("HEAD", "/v1/probes/1").await;
        assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
        assert!(head.header("content-length").parse::<u32>().unwrap() > 0);
        assert_eq!(called(&shop), ("Probe".to_owned(), json!({"number": 1})));
        let options = shop.call("OPTIONS", "/v1/probes/2").await;
        assert_eq!((options.status.as_u16(), &options.json()["number"]), (200, &json!(2)));
        let report = shop.json("REPORT", "/v1/probes/3", r#"{"text":"x"}"#).await;
        assert_eq!((report.status.as_u16(), &report.json()["text"]), (200, &json!("x")));
        let refused = shop.call("GET", "/v1/probes/1").await;
        assert_eq!((refused.error().0, refused.header("allow")), (405, "HEAD, OPTIONS, REPORT"));
        let called = shop.count();
        // A browser's question before a request is answered by the edge, whatever routes there are.
        let asks = [("origin", "https://shop.example"), ("access-control-request-method", "GET")];
        let preflight = shop.send(request("OPTIONS", "/v1/books/b", &asks, Body::empty())).await;
        assert_eq!((preflight.status.as_u16(), preflight.bytes.len()), (204, 0));
        if !origins.is_empty() {
            let preflight = shop.send(request("OPTIONS", "/v1/probes/1", &asks, Body::empty())).await;
            assert_eq!(preflight.header("access-control-allow-origin"), "https://shop.example");
            assert_eq!((preflight.header("allow"), preflight.bytes.len()), ("HEAD, OPTIONS, REPORT", 0));
        }
        assert_eq!(shop.count(), called);
    }
}

#[tokio::test]
async fn a_query_sets_fields() {
    let shop = shop();
    for (query, sent) in [
        ("", json!({})),
        ("text=", json!({})),
        ("text", json!({})),
        ("text=a=b", json!({"text": "a=b"})),
        ("text=a%26b", json!({"text": "a&b"})),
        ("&text=x&&", json!({"text": "x"})),
        ("maybe=0", json!({"maybe": 0})),
        ("kind=2", json!({"kind": "KIND_POEM"})),
        ("words=a,b&words=c", json!({"words": ["a,b", "c"]})),
        ("ratio=-Infinity&share=5e-1", json!({"ratio": "-Infinity", "share": 0.5})),
        (
            "innerPart.currency_code=EUR&inner_part.units=1",
            json!({"innerPart": {"units": "1", "currencyCode": "EUR"}}),
        ),
        ("nested.nested.words=a&nested.nested.words=b", json!({"nested": {"nested": {"words": ["a", "b"]}}})),
        ("wrapped=0&name=", json!({"wrapped": "0", "name": ""})),
        // Entries of maps.
        ("byNumber[1]=a&by_number[-2]=b", json!({"byNumber": {"1": "a", "-2": "b"}})),
        ("byNumber%5B1%5D=a", json!({"byNumber": {"1": "a"}})),
        (
            "byText[a.b]=x&byText[c]d]=y&byText[]=z&byText[[]=w",
            json!({"byText": {"a.b": "x", "c]d": "y", "": "z", "[": "w"}}),
        ),
        ("byText[a%20b]=1+2", json!({"byText": {"a b": "1 2"}})),
        ("nested.byFlag[true]=KIND_POEM", json!({"nested": {"byFlag": {"true": "KIND_POEM"}}})),
        ("byTime[x]=2026-01-31T12:00:00Z", json!({"byTime": {"x": "2026-01-31T12:00:00Z"}})),
    ] {
        let answer = shop.get(&format!("/v1/search?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(shop.last().json(), sent, "{query}");
    }
}

#[tokio::test]
async fn a_query_that_does_not_fit_calls_nothing() {
    let shop = shop();
    for (query, field) in [
        ("byNumber=a", "by_number"),
        ("byNumber[x]=a", "by_number[\"x\"]"),
        ("byNumber[2147483648]=a", "by_number[\"2147483648\"]"),
        ("byNumber[1]=a&by_number[1]=b", "by_number[\"1\"]"),
        ("byNumber[1].x=a", "byNumber[1].x"),
        ("byFlag[yes]=KIND_POEM", "by_flag[\"yes\"]"),
        ("byFlag[true]=POEM", "by_flag[\"true\"]"),
        ("byName[x]=5", "by_name[\"x\"]"),
        ("byName[x].units=5", "byName[x].units"),
        ("byTime[x]=now", "by_time[\"x\"]"),
        ("text[x]=a", "text"),
        ("words[0]=a", "words"),
        ("parts[0].units=1", "parts[0].units"),
        ("nobody[x]=a", "nobody[x]"),
        ("[x]=a", "[x]"),
        ("=a", ""),
    ] {
        assert_eq!(shop.get(&format!("/v1/search?{query}")).await.bad_field(), field, "{query}");
    }
    assert_eq!(shop.count(), 0);
}

#[tokio::test]
async fn a_body_becomes_the_request_or_a_field_of_it() {
    let shop = shop();
    for (call, body, sent) in [
        ("POST /v1/search/7", "", json!({"number": 7})),
        ("POST /v1/search/7", "{}", json!({"number": 7})),
        ("POST /v1/search/7", r#"{"number":7,"words":["a"]}"#, json!({"number": 7, "words": ["a"]})),
        ("POST /v1/search/7", r#"{"words":null,"innerPart":null}"#, json!({"number": 7})),
        ("POST /v1/search/7", r#"{"left":""}"#, json!({"number": 7, "left": ""})),
        ("POST /v1/books", "", json!({})),
        ("POST /v1/books", "null", json!({})),
        ("POST /v1/books", "{}", json!({"book": {}})),
        (
            "POST /v1/books?validate_only=true",
            r#"{"title":"t"}"#,
            json!({"book": {"title": "t"}, "validateOnly": true}),
        ),
        ("PUT /v1/copies/b", r#"{"title":"t"}"#, json!({"book": {"id": "b", "title": "t"}})),
        ("PUT /v1/copies/b", "", json!({"book": {"id": "b"}})),
    ] {
        let (method, path) = call.split_once(' ').unwrap();
        let answer = shop.json(method, path, body).await;
        assert!(answer.status.is_success(), "{call} {body}: {}", answer.text());
        assert_eq!(shop.last().json(), sent, "{call} {body}");
    }
}
