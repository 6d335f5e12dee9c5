//! Secrets that browsers keep as cookies.

use http::HeaderValue;
use tonic::Status;

use crate::support::{Answer, Answered, Shop, shop, shop_with};

const ASKS: (&str, &str) = ("x-feira-cookies", "1");
const HERE: (&str, &str) = ("host", "127.0.0.1:8080");
const KEPT: (&str, &str) = ("cookie", "theme=dark; library_ticket=t1; library_ticket2=x");
const ENDED: &str = "library_ticket=; Path=/v1/visits:renew; Max-Age=0; HttpOnly; SameSite=Strict";

async fn enter(shop: &Shop, headers: &[(&str, &str)], json: &str) -> Answered {
    shop.json_with("POST", "/v1/visits", headers, json).await
}

#[tokio::test]
async fn a_caller_that_asks_has_the_secret_kept_as_a_cookie() {
    let answer = enter(&shop(), &[ASKS, HERE], r#"{"ticket":"t1","holder":"ada"}"#).await;
    assert_eq!(
        answer.header("set-cookie"),
        "library_ticket=t1; Path=/v1/visits:renew; Max-Age=60; HttpOnly; SameSite=Strict"
    );
    assert_eq!(answer.json(), serde_json::json!({"ticket": "", "holder": "ada"}));
}

#[tokio::test]
async fn all_others_see_it_and_get_no_cookie() {
    for headers in [&[HERE][..], &[HERE, KEPT]] {
        let answer = enter(&shop(), headers, r#"{"ticket":"t1"}"#).await;
        assert_eq!(answer.json()["ticket"], "t1");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    // What did not ask has nothing filled in either.
    let answer = enter(&shop(), &[HERE, KEPT], "{}").await;
    assert_eq!(answer.json()["ticket"], "");
}

#[tokio::test]
async fn to_ask_by_another_value_is_refused() {
    for headers in
        [&[HERE, ("x-feira-cookies", "0")][..], &[HERE, ("x-feira-cookies", "")], &[HERE, ASKS, ASKS]]
    {
        let answer = enter(&shop(), headers, r#"{"ticket":"t1"}"#).await;
        assert_eq!(answer.status, 400, "{headers:?}");
        assert!(
            answer.json()["error"]["message"].as_str().unwrap().contains("`x-feira-cookies`"),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn only_on_the_own_machine_does_it_travel_without_tls() {
    for (headers, secure) in [
        (&[ASKS, HERE][..], false),
        (&[ASKS, ("host", "localhost")], false),
        (&[ASKS, ("host", "shop.example")], true),
        (&[ASKS, HERE, ("x-forwarded-proto", "https")], true),
        (&[ASKS], true),
    ] {
        let answer = enter(&shop(), headers, r#"{"ticket":"t1"}"#).await;
        assert_eq!(answer.header("set-cookie").ends_with("; Secure"), secure, "{headers:?}");
    }
}

#[tokio::test]
async fn what_the_body_leaves_out_is_filled_from_the_cookie() {
    let shop = shop();
    enter(&shop, &[ASKS, HERE, KEPT], r#"{"holder":"ada"}"#).await;
    assert_eq!(shop.last().json(), serde_json::json!({"ticket": "t1", "holder": "ada"}));
    enter(&shop, &[ASKS, HERE, KEPT], r#"{"ticket":"mine"}"#).await;
    assert_eq!(shop.last().json()["ticket"], "mine");
    enter(&shop, &[ASKS, HERE, ("cookie", "library_ticket=")], "{}").await;
    assert_eq!(shop.last().json(), serde_json::json!({}));
}

#[tokio::test]
async fn leaving_and_being_refused_end_it() {
    let refuse = |status: fn() -> Status| shop_with(Default::default(), move |_| Answer::Status(status()));
    let left = shop_with(Default::default(), |_| {
        Answer::Messages(vec![crate::support::message("Titles", serde_json::json!({}))])
    });
    let leave =
        |shop: Shop| async move { shop.json_with("POST", "/v1/visits:leave", &[ASKS, HERE], "{}").await };
    let answer = leave(left).await;
    assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (204, ENDED));

    let unauthenticated = || Status::unauthenticated("no");
    let answer = leave(refuse(unauthenticated)).await;
    assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (401, ENDED));
    let answer = enter(&refuse(unauthenticated), &[ASKS, HERE, KEPT], "{}").await;
    assert_eq!((answer.error().0, answer.header("set-cookie")), (401, ENDED));

    // Of any other failure nothing follows for the session.
    let answer = enter(&refuse(|| Status::unavailable("no")), &[ASKS, HERE, KEPT], "{}").await;
    assert_eq!((answer.error().0, answer.headers.contains_key("set-cookie")), (503, false));
    let join = refuse(unauthenticated).json_with("POST", "/v1/visits:join", &[ASKS, HERE, KEPT], "{}").await;
    assert!(!join.headers.contains_key("set-cookie"), "one who fails to come in anew keeps what she has");
    let answer = enter(&refuse(unauthenticated), &[HERE, KEPT], "{}").await;
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn pages_of_other_origins_cannot_ask_for_it() {
    let options = gateway::Options {
        cors_origins: vec![HeaderValue::from_static("https://other.example")],
        ..Default::default()
    };
    let shop = shop_with(options, crate::support::echo);
    let preflight = crate::support::request(
        "OPTIONS",
        "/v1/visits",
        &[
            ("origin", "https://other.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-feira-cookies"),
        ],
        axum::body::Body::empty(),
    );
    let answer = shop.send(preflight).await;
    assert!(!answer.header("access-control-allow-headers").contains("x-feira-cookies"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}
