//! Below a path prefix, behind a proxy that takes it off and behind one that leaves it there.

use axum::body::Body;
use http::Request;
use kit::listen::Peer;
use serde_json::{Value, json};

use crate::support::{Answer, Shop, echo, message, request, shop_with};

const ASKS: (&str, &str) = ("x-feira-cookies", "1");
const HTML: (&str, &str) = ("accept", "text/html");
const PREFIX: (&str, &str) = ("x-forwarded-prefix", "/api");

/// A shop that is told nothing but whom to trust.
fn behind_a_trusted_proxy() -> Shop {
    let options =
        gateway::Options { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..Default::default() };
    shop_with(options, answer)
}

/// A shop whose operator says where it is.
fn with_public_url() -> Shop {
    let options =
        gateway::Options { public_url: "https://shop.example/api/".parse().ok(), ..Default::default() };
    shop_with(options, answer)
}

fn answer(call: &crate::support::Call) -> Answer {
    match call.method.as_str() {
        "CreateBook" | "ReadBook" => Answer::Messages(vec![message(
            "Book",
            json!({"id": "b", "coverUrl": "/v1/books/b/cover?version=1"}),
        )]),
        "ListBooks" => Answer::Messages(vec![message(
            "Books",
            json!({"nextPageToken": "t", "books": [{"coverUrl": "https://cdn.example/1.png"}, {"coverUrl": "/v1/c"}]}),
        )]),
        _ => echo(call),
    }
}

fn from(peer: &str, mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert("host", "10.0.0.1:8080".parse().unwrap());
    request.extensions_mut().insert(Peer(peer.parse().unwrap()));
    request
}

const PROXY: &str = "127.0.0.1:40000";
const STRANGER: &str = "192.0.2.1:40000";

#[tokio::test]
async fn everything_that_is_told_is_below_the_public_url() {
    let shop = with_public_url();
    // Whether the proxy takes the prefix off makes no difference.
    for prefix in ["", "/api"] {
        let get = async |path: &str, headers: &[(&str, &str)]| {
            shop.send(request("GET", &format!("{prefix}{path}"), headers, Body::empty())).await
        };
        let root = "https://shop.example/api";
        let made = shop.json("POST", &format!("{prefix}/v1/books"), "{}").await;
        assert_eq!(made.header("location"), format!("{root}/v1/copies/b"));
        let cover = format!("{root}/v1/books/b/cover?version=1");
        assert_eq!(made.json()["coverUrl"], cover);
        let list = get("/v1/books?pageSize=1", &[]).await;
        assert_eq!(list.header("link"), format!("<{root}/v1/books?pageSize=1&pageToken=t>; rel=\"next\""));
        let list = list.json();
        assert_eq!(
            list["books"][0]["coverUrl"], "https://cdn.example/1.png",
            "what is elsewhere stays there"
        );
        assert_eq!(list["books"][1]["coverUrl"], format!("{root}/v1/c"));

        // What comes back as it was given is taken for what it was.
        for sent in [cover.as_str(), "/api/v1/books/b/cover?version=1", "/v1/books/b/cover?version=1"] {
            shop.json("PATCH", &format!("{prefix}/v1/books/b"), json!({"coverUrl": sent}).to_string()).await;
            assert_eq!(shop.last().json()["book"]["coverUrl"], "/v1/books/b/cover?version=1", "{sent}");
        }

        let enter = [ASKS, ("content-type", "application/json")];
        let visit = request("POST", &format!("{prefix}/v1/visits"), &enter, Body::from(r#"{"ticket":"t"}"#));
        let cookie = shop.send(visit).await.header("set-cookie").to_owned();
        assert!(cookie.contains("Path=/api/v1/visits:renew;") && cookie.ends_with("; Secure"), "{cookie}");

        for document in ["/openapi.json", "/openapi/library.json", "/openapi/library.v1.Library.json"] {
            let document = get(document, &[]).await.json();
            assert_eq!(document["servers"], json!([{"url": root}]));
        }
        let yaml: Value = yaml_serde::from_str(get("/openapi.yaml", &[]).await.text()).unwrap();
        assert_eq!(yaml["servers"], json!([{"url": root}]));
        assert_eq!(get("/docs", &[]).await.header("location"), "/api/docs/");
        assert_eq!(get("/docs/", &[]).await.status, 200);
        assert_eq!(get("/", &[("accept", "application/json")]).await.json()["docs"], "/api/docs");

        for path in ["/", "/basket", "/orders/ord_1"] {
            let page = get(path, &[HTML]).await;
            assert_eq!(
                (page.status.as_u16(), page.header("content-type")),
                (200, "text/html; charset=utf-8")
            );
            let script = page.text().split('"').find(|text| text.ends_with("/app.js")).unwrap().to_owned();
            let script = script.strip_prefix("/api").unwrap();
            assert!(script.starts_with("/web/"), "{script}");
            assert_eq!(get(script, &[]).await.status, 200);
        }
        assert_eq!(get("/nowhere", &[]).await.error().0, 404);
    }
    let options = shop.call("OPTIONS", "/api/v1/books/b").await;
    assert!(options.header("allow").contains("PATCH"));
    assert_eq!(shop.call("GET", "/api/api/v1/books").await.error().0, 404, "only once");
}

#[tokio::test]
async fn a_trusted_proxy_says_it_of_each_request_and_a_stranger_cannot() {
    let shop = behind_a_trusted_proxy();
    let server = async |peer: &str, headers: &[(&str, &str)]| {
        let answer = shop.send(from(peer, request("GET", "/openapi.json", headers, Body::empty()))).await;
        answer.json()["servers"][0]["url"].as_str().unwrap().to_owned()
    };
    let origin = [("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")];
    let all = [&origin[..], &[PREFIX]].concat();
    assert_eq!(server(PROXY, &[PREFIX]).await, "/api");
    assert_eq!(server(PROXY, &all).await, "https://shop.example/api");
    assert_eq!(server(PROXY, &origin).await, "https://shop.example");
    assert_eq!(server(PROXY, &[]).await, "/");
    assert_eq!(server(STRANGER, &all).await, "/");
    for evil in ["/a\"><script>", "//evil.example", "https://evil.example", "/a/../b"] {
        assert_eq!(server(PROXY, &[("x-forwarded-prefix", evil)]).await, "/", "{evil}");
    }
    let made = from(PROXY, request("POST", "/v1/books", &[PREFIX], Body::empty()));
    assert_eq!(shop.send(made).await.header("location"), "/api/v1/copies/b");
}
