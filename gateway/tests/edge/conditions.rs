//! Conditions, entity tags, and what else HTTP says of requests and answers (RFC 9110, 6750, 8288).

use std::io::Write as _;

use axum::body::Body;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::support::{Answer, Answered, Call, Shop, echo, message, request, shop, shop_with};

/// A service whose book is at version 2, and in which the key `used` was used by a change to that version.
fn versioned() -> Shop {
    shop_with(Default::default(), |call| {
        let refused = |reason: &str, code| {
            let details = ErrorDetails::with_error_info(reason, "feira", []);
            Answer::Status(Status::with_error_details(code, "no", details))
        };
        match etag(call).as_str() {
            "" | "2" => echo(call),
            _ if call.metadata.get("idempotency-key").is_some_and(|key| key == "used") => {
                refused("IDEMPOTENCY_KEY_REUSED", Code::InvalidArgument)
            }
            _ => refused("ETAG_MISMATCH", Code::Aborted),
        }
    })
}

fn etag(call: &Call) -> String {
    let json = call.json();
    json["book"]["etag"].as_str().or(json["etag"].as_str()).unwrap_or_default().to_owned()
}

async fn patch(shop: &Shop, headers: &[(&str, &str)]) -> Answered {
    shop.json_with("PATCH", "/v1/books/b", headers, r#"{"title":"x"}"#).await
}

#[tokio::test]
async fn a_change_is_made_if_one_of_the_tags_is_the_version() {
    let shop = versioned();
    for list in ["\"2\"", "\"1\", \"2\"", "\"1\",\"3\" , W/\"2\", \"2\"", "\"2-gz\"", "*"] {
        assert_eq!(patch(&shop, &[("if-match", list)]).await.status, 200, "{list}");
    }
    let lines = [("if-match", "\"1\""), ("if-match", "\"2\"")];
    assert_eq!(patch(&shop, &lines).await.status, 200, "a list may take several lines");
    for list in ["\"1\"", "W/\"2\"", "\"1\", \"3\"", "\"\"", "\"1,2\""] {
        let answer = patch(&shop, &[("if-match", list)]).await;
        assert_eq!((answer.error().0, answer.error().1.as_str()), (412, "ETAG_MISMATCH"), "{list}");
    }
    let repeated = [("if-match", "\"1\", \"2\""), ("idempotency-key", "used")];
    assert_eq!(patch(&shop, &repeated).await.status, 200, "the key belongs to the version that fitted");
    let before = shop.count();
    let many = "\"1\",".repeat(17);
    assert_eq!((patch(&shop, &[("if-match", &many)]).await.status.as_u16(), shop.count()), (400, before));
}

#[tokio::test]
async fn a_change_of_what_must_not_be_there_is_refused() {
    let shop = versioned();
    assert_eq!(patch(&shop, &[("if-none-match", "*")]).await.error().0, 412);
    assert_eq!(patch(&shop, &[("if-none-match", "*"), ("if-match", "*")]).await.error().0, 412);
    // If-Match comes first, then If-None-Match (RFC 9110, 13.2.2).
    for (wanted, excluded, status) in [
        ("\"2\"", "\"1\"", 200),
        ("\"1\", \"2\"", "\"1\"", 200),
        ("\"2\"", "W/\"2\"", 412),
        ("\"1\"", "\"2\"", 412),
    ] {
        let both = [("if-match", wanted), ("if-none-match", excluded)];
        assert_eq!(patch(&shop, &both).await.status, status, "{wanted} {excluded}");
    }
}

#[tokio::test]
async fn a_reader_gets_only_the_version_that_it_wants() {
    let shop = shop();
    let get = async |tags: &str| {
        let read = request("GET", "/v1/books/b?etag=2", &[("if-match", tags)], Body::empty());
        shop.send(read).await.status.as_u16()
    };
    for (tags, status) in
        [("\"2\"", 200), ("\"1\", \"2-gz\"", 200), ("*", 200), ("\"1\"", 412), ("W/\"2\"", 412)]
    {
        assert_eq!(get(tags).await, status, "{tags}");
    }
}

#[tokio::test]
async fn a_compressed_answer_has_a_tag_of_its_own() {
    let shop = shop_with(Default::default(), |_| {
        Answer::Messages(vec![message("Book", json!({"id": "b", "title": "x".repeat(3_000), "etag": "2"}))])
    });
    let get = async |method: &str, encoding: &str| {
        shop.send(request(method, "/v1/copies/b", &[("accept-encoding", encoding)], Body::empty())).await
    };
    let (plain, packed) = (get("GET", "identity").await, get("GET", "gzip").await);
    assert_eq!((plain.header("etag"), packed.header("etag")), ("\"2\"", "\"2-gz\""));
    assert!(packed.headers.get_all("vary").iter().any(|vary| vary == "accept-encoding"));
    for (coding, tag) in [("br", "\"2-br\""), ("zstd", "\"2-zst\"")] {
        let packed = get("GET", coding).await;
        assert_eq!((packed.header("content-encoding"), packed.header("etag")), (coding, tag));
        assert!(packed.bytes.len() < 300);
        let known = [("accept-encoding", coding), ("if-none-match", tag)];
        let again = shop.send(request("GET", "/v1/copies/b", &known, Body::empty())).await;
        assert_eq!((again.status.as_u16(), again.header("etag")), (304, tag));
    }
    let head = get("HEAD", "gzip").await;
    assert_eq!((head.header("etag"), head.header("content-length")), ("\"2-gz\"", ""));
    assert_eq!(get("HEAD", "identity").await.header("content-length"), plain.bytes.len().to_string());
}

#[tokio::test]
async fn what_is_made_is_told_where_it_is() {
    let shop = shop_with(Default::default(), |call| match call.method.as_str() {
        "CreateBook" => Answer::Messages(vec![message("Book", json!({"id": "a/b é"}))]),
        _ => echo(call),
    });
    let made = shop.json("POST", "/v1/books", r#"{"title":"x"}"#).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (201, "/v1/copies/a%2Fb%20%C3%A9"));
    assert_eq!(shop.get(made.header("location")).await.status, 200);
    assert_eq!(shop.last().json(), json!({"id": "a/b é"}));
    assert_eq!(shop.json("PATCH", "/v1/books/b", "{}").await.header("location"), "");
}

#[tokio::test]
async fn a_list_links_to_its_next_page() {
    let shop = shop_with(Default::default(), |call| {
        let more = call.json()["pageToken"].is_null();
        Answer::Messages(vec![message("Books", json!({"nextPageToken": if more { "a b&c" } else { "" }}))])
    });
    let first = shop.get("/v1/books?pageSize=2").await;
    assert_eq!(first.header("link"), "</v1/books?pageSize=2&pageToken=a%20b%26c>; rel=\"next\"");
    let next = first.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    assert_eq!(shop.get(&next).await.header("link"), "", "the last has none");
    assert_eq!(shop.last().json(), json!({"pageSize": 2, "pageToken": "a b&c"}));
}

#[tokio::test]
async fn who_sent_a_token_is_told_what_is_wrong_with_it() {
    let failing =
        |code: Code| shop_with(Default::default(), move |_| Answer::Status(Status::new(code, "no")));
    let get = async |code, headers: &[(&str, &str)]| {
        let answer = failing(code).send(request("GET", "/v1/books/b", headers, Body::empty())).await;
        answer.header("www-authenticate").to_owned()
    };
    let token = [("authorization", "Bearer x")];
    let invalid = get(Code::Unauthenticated, &token).await;
    let realm = "Bearer realm=\"feira\"";
    let expected = format!("{realm}, error=\"invalid_token\", error_description=\"");
    assert!(invalid.starts_with(&expected), "{invalid}");
    assert_eq!(get(Code::Unauthenticated, &[]).await, realm);
    assert_eq!(get(Code::Unauthenticated, &[("authorization", "Basic eDp5")]).await, realm);
    assert_eq!(get(Code::PermissionDenied, &token).await, format!("{realm}, error=\"insufficient_scope\""));
    assert_eq!(get(Code::PermissionDenied, &[]).await, "");
}

#[tokio::test]
async fn answers_say_how_long_they_may_be_kept() {
    let shop = shop();
    let token = [("authorization", "Bearer x")];
    let get = |headers| shop.send(request("GET", "/v1/books/b", headers, Body::empty()));
    assert_eq!(get(&[]).await.header("cache-control"), "no-cache");
    assert_eq!(get(&token).await.header("cache-control"), "private, no-cache");
    assert_eq!(shop.json("POST", "/v1/visits", "{}").await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn options_of_everything_names_all_methods() {
    let answer = shop().call("OPTIONS", "*").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (204, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
    );
    assert_eq!(shop().call("GET", "*").await.error().0, 400);
}

#[tokio::test]
async fn an_update_may_be_called_a_merge_patch_and_nothing_else_may() {
    let shop = shop();
    let merge = [("content-type", "application/merge-patch+json; charset=utf-8")];
    let send = |method, path| shop.send(request(method, path, &merge, Body::from(r#"{"title":null}"#)));
    let answer = send("PATCH", "/v1/books/b").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["updateMask"]), (200, &json!("title")));
    assert_eq!(send("POST", "/v1/books").await.error().0, 415);
    let wrong = [("content-type", "text/plain")];
    let refused = shop.send(request("PATCH", "/v1/books/b", &wrong, Body::from("{}"))).await;
    assert_eq!(refused.error().0, 415);
    assert_eq!(refused.header("accept-patch"), "application/json, application/merge-patch+json");
}

#[tokio::test]
async fn who_refuses_answers_as_they_are_gets_them_all_the_same() {
    let shop = shop_with(Default::default(), |_| {
        Answer::Messages(vec![message("Book", json!({"id": "b", "title": "x".repeat(3_000)}))])
    });
    for (accepted, coding) in [
        ("identity;q=0", ""),
        ("br, *;q=0", "br"),
        ("deflate, *;q=0", ""),
        ("gzip, br, zstd", "zstd"),
        ("gzip;q=0.9, br;q=1, zstd;q=0.1", "br"),
        ("*;q=0.0", ""),
        ("gzip;q=0.1, identity;q=0", "gzip"),
        ("gzip, *;q=0", "gzip"),
    ] {
        let headers = [("accept-encoding", accepted)];
        let answer = shop.send(request("GET", "/v1/copies/b", &headers, Body::empty())).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (200, coding), "{accepted}");
        let missing = shop.send(request("GET", "/v1/nothing", &headers, Body::empty())).await;
        assert_eq!(missing.error().0, 404, "{accepted}");
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn bodies_may_come_compressed_within_the_limit() {
    let shop = shop();
    let send = async |coding: &'static str, kind: &'static str, path: &'static str, body: Vec<u8>| {
        let headers = [("content-encoding", coding), ("content-type", kind)];
        shop.send(request("POST", path, &headers, Body::from(body))).await
    };
    let json = "application/json";
    let answer = send("gzip", json, "/v1/search/1", gzip(br#"{"text":"x"}"#)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["text"]), (200, &json!("x")));
    let text = |length: usize| format!("{{\"text\":\"{}\"}}", "x".repeat(length)).into_bytes();
    let just = gateway::BODY_LIMIT - text(0).len();
    assert_eq!(send("gzip", json, "/v1/search/1", gzip(&text(just))).await.status, 200);
    assert_eq!(send("gzip", json, "/v1/search/1", gzip(&text(just + 1))).await.error().0, 413);
    assert_eq!(send("gzip", json, "/v1/search/1", b"{}".to_vec()).await.error().0, 400);
    for coding in ["deflate", "br, zstd", "gzip, gzip", "nonsense"] {
        let answer = send(coding, json, "/v1/search/1", b"{}".to_vec()).await;
        assert_eq!(answer.error(), (415, "UNSUPPORTED_CONTENT_ENCODING".into(), String::new()), "{coding}");
        assert_eq!(answer.header("accept-encoding"), "gzip, br, zstd");
    }
    let lines = shop_with(Default::default(), |call| {
        Answer::Messages(vec![message("Imported", json!({"count": call.messages.len()}))])
    });
    let headers = [("content-encoding", "gzip"), ("content-type", "application/x-ndjson")];
    let import = |body| lines.send(request("POST", "/v1/books:import", &headers, Body::from(body)));
    assert_eq!(import(gzip(b"{}\n{}\n")).await.json()["count"], 2);
    assert_eq!(import(gzip(&b"{}\n".repeat(30 << 20))).await.error().0, 413, "a bomb");
}

#[tokio::test]
async fn pages_of_other_origins_may_send_conditions_and_traces() {
    let options = gateway::Options {
        cors_origins: vec!["https://shop.example".parse().unwrap()],
        ..Default::default()
    };
    let shop = shop_with(options, echo);
    let asked = [("origin", "https://shop.example"), ("access-control-request-method", "GET")];
    let allowed = shop.send(request("OPTIONS", "/v1/books/b", &asked, Body::empty())).await;
    let headers = allowed.header("access-control-allow-headers").to_owned();
    for name in [
        "if-match",
        "if-none-match",
        "baggage",
        "traceparent",
        "tracestate",
        "content-encoding",
        "last-event-id",
    ] {
        assert!(headers.split(',').any(|it| it.trim() == name), "{name}: {headers}");
    }
    let answer = shop.send(request("GET", "/v1/books/b", &asked[..1], Body::empty())).await;
    let seen = answer.header("access-control-expose-headers").to_owned();
    for name in ["etag", "location", "link", "retry-after", "www-authenticate", "x-request-id"] {
        assert!(seen.split(',').any(|it| it.trim() == name), "{name}: {seen}");
    }
}
