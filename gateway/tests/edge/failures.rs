//! Every failure has the contract's form.

use std::time::Duration;

use axum::body::Body;
use gateway::Options;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::support::{Answer, Shop, compile, request, shop, shop_with};

fn failing(status: impl Fn() -> Status + Send + Sync + 'static) -> Shop {
    shop_with(Options::default(), move |_| Answer::Status(status()))
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let shop = shop();
    for path in
        ["/v1/nowhere", "/v1/books/b/", "//v1/books/b", "/v1/visits:unknown", "/v2/books/b", "/docs/nothing"]
    {
        assert_eq!(shop.get(path).await.error(), (404, "NOT_FOUND".into(), String::new()), "{path}");
    }
    assert_eq!(shop.get("/v1/books/%zz").await.error().0, 400);
    assert_eq!(shop.get("/v1/books/%ff").await.error().0, 400);
    assert_eq!(shop.call("POST", "/library.v1.Library/Nobody").await.error().0, 404);
}

#[tokio::test]
async fn every_code_has_its_status_and_a_reason() {
    for (code, http, reason) in [
        (Code::Cancelled, 499, "CANCELLED"),
        (Code::InvalidArgument, 400, "VALIDATION"),
        (Code::NotFound, 404, "NOT_FOUND"),
        (Code::AlreadyExists, 409, "ALREADY_EXISTS"),
        (Code::PermissionDenied, 403, "PERMISSION_DENIED"),
        (Code::Unauthenticated, 401, "UNAUTHENTICATED"),
        (Code::ResourceExhausted, 429, "RATE_LIMITED"),
        (Code::FailedPrecondition, 400, "ILLEGAL_STATE"),
        (Code::Aborted, 409, "ABORTED"),
        (Code::OutOfRange, 400, "VALIDATION"),
        (Code::Unimplemented, 501, "UNIMPLEMENTED"),
        (Code::Internal, 500, "INTERNAL"),
        (Code::Unknown, 500, "INTERNAL"),
        (Code::DataLoss, 500, "INTERNAL"),
        (Code::Unavailable, 503, "UPSTREAM_UNAVAILABLE"),
        (Code::DeadlineExceeded, 504, "DEADLINE_EXCEEDED"),
    ] {
        let answer = failing(move || Status::new(code, "said so")).get("/v1/books/b").await;
        assert_eq!(answer.error(), (http, reason.into(), String::new()), "{code:?}");
        assert_eq!(
            answer.header("www-authenticate"),
            if http == 401 { "Bearer realm=\"feira\"" } else { "" }
        );
    }
}

#[tokio::test]
async fn a_services_reason_has_its_own_status_and_an_unknown_one_its_codes() {
    for (code, reason, domain, http) in [
        (Code::ResourceExhausted, "REQUEST_TOO_LARGE", "feira", 413),
        (Code::ResourceExhausted, "RATE_LIMITED", "feira", 429),
        (Code::InvalidArgument, "UNSUPPORTED_MEDIA_TYPE", "feira", 415),
        (Code::FailedPrecondition, "FROM_TOMORROW", "feira", 400),
        (Code::Internal, "REQUEST_TOO_LARGE", "feira", 500),
        (Code::ResourceExhausted, "REQUEST_TOO_LARGE", "elsewhere", 429),
    ] {
        let answer = failing(move || {
            let details = ErrorDetails::with_error_info(reason, domain, [("a", "b")].map(own));
            Status::with_error_details(code, "said so", details)
        });
        let answer = answer.get("/v1/books/b").await;
        assert_eq!(answer.error(), (http, reason.into(), String::new()), "{code:?} {reason} of {domain}");
    }
}

#[tokio::test]
async fn details_come_through() {
    let answer = failing(|| {
        let mut details = ErrorDetails::with_error_info("OUT_OF_STOCK", "feira", [("free", "3")].map(own));
        details
            .add_bad_request_violation("lines[0].quantity", "too many")
            .set_retry_info(Some(Duration::from_millis(1_500)))
            .set_debug_info(vec!["secret".to_owned()], "secret");
        Status::with_error_details(Code::FailedPrecondition, "not enough", details)
    })
    .get("/v1/books/b")
    .await;
    assert_eq!(answer.error(), (400, "OUT_OF_STOCK".into(), "lines[0].quantity".into()));
    let error = &answer.json()["error"];
    assert_eq!(error["details"][0]["metadata"], json!({"free": "3"}));
    assert_eq!((&error["message"], &error["status"]), (&json!("not enough"), &json!("FAILED_PRECONDITION")));
    assert_eq!(answer.header("retry-after"), "2");
    assert!(!answer.text().contains("secret"));
}

fn own((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[tokio::test]
async fn a_stale_etag_is_412_only_for_if_match() {
    let shop = failing(|| {
        let details = ErrorDetails::with_error_info("ETAG_MISMATCH", "feira", [("id", "b")].map(own));
        Status::with_error_details(Code::Aborted, "changed meanwhile", details)
    });
    let answer = shop.json("PATCH", "/v1/books/b", r#"{"etag":"e"}"#).await;
    assert_eq!(answer.error().0, 409);
    let answer = shop.json_with("PATCH", "/v1/books/b", &[("if-match", "\"e\"")], "{}").await;
    assert_eq!((answer.error().0, answer.json()["error"]["status"].as_str()), (412, Some("ABORTED")));
}

#[tokio::test]
async fn an_upstream_that_is_down_is_named_but_not_where_it_is() {
    let shop = shop_with(Options::default(), |_| {
        Answer::Transport(Status::from_error("tcp connect error: 10.1.2.3:50051 refused".into()))
    });
    let answer = shop.get("/v1/books/b").await;
    assert_eq!(answer.error(), (503, "UPSTREAM_UNAVAILABLE".into(), String::new()));
    assert_eq!(answer.json()["error"]["details"][0]["metadata"], json!({"service": "library.v1.Library"}));
    assert!(!answer.text().contains("10.1.2.3"));
    let answer = failing(|| Status::unavailable("10.1.2.3 is down")).get("/v1/books/b").await;
    assert_eq!(answer.error().0, 503);
    assert!(!answer.text().contains("10.1.2.3"));
    let answer = failing(|| Status::internal("secret table")).get("/v1/books/b").await;
    assert!(!answer.text().contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_ends() {
    let shop = shop_with(Options::default(), |_| Answer::Never);
    let started = tokio::time::Instant::now();
    let answer = shop.get("/v1/books/b").await;
    assert_eq!(answer.error(), (504, "DEADLINE_EXCEEDED".into(), String::new()));
    assert_eq!(started.elapsed().as_secs(), 15);
    let answer = shop.send(request("GET", "/v1/books/b", &[("grpc-timeout", "2S")], Body::empty())).await;
    assert_eq!((answer.error().0, started.elapsed().as_secs()), (504, 17));
    let timeout = shop.last().metadata["grpc-timeout"].to_str().unwrap().to_owned();
    assert_eq!(timeout, "2000000u");
    let answer = shop.send(request("GET", "/v1/books/b", &[("grpc-timeout", "1H")], Body::empty())).await;
    assert_eq!((answer.error().0, started.elapsed().as_secs()), (504, 32), "never longer than is configured");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_not_waited_for() {
    let shop = shop();
    let headers = [("content-type", "application/json")];
    let body = Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>());
    assert_eq!(shop.send(request("POST", "/v1/search/1", &headers, body)).await.error().0, 504);
}

#[tokio::test]
async fn a_panic_is_an_internal_error() {
    let shop = shop_with(Options::default(), |_| Answer::Panic);
    assert_eq!(shop.get("/v1/books/b").await.error(), (500, "INTERNAL".into(), String::new()));
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let shop = shop();
    let mut seen = std::collections::HashSet::new();
    for path in ["/v1/books/b", "/nowhere", "/openapi.json", "/", "/v1/books/%zz"] {
        let answer = shop.get(path).await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
        assert!(seen.insert(answer.header("x-request-id").to_owned()));
    }
    let bad = request("GET", "/v1/books/b", &[("x-request-id", "has space")], Body::empty());
    assert_ne!(shop.send(bad).await.header("x-request-id"), "has space");
}

#[test]
fn a_contract_that_cannot_be_served_is_refused_at_start() {
    let pool = compile("wrong.proto");
    for (service, problem) in [
        ("UnknownPathField", "no field `nobody`"),
        ("RepeatedPathField", "not a scalar"),
        ("UnknownBody", "for the body"),
        ("BadTemplate", "nothing but a verb may follow"),
        ("Duplicate", "same route"),
        ("BadResume", "no field `nothing`"),
        ("BadSuccess", "no status of success"),
        ("BodyInPath", "path `/a/{id}`: `id` is both in the path and the body"),
        ("NestedBinding", "path `/b`: an additional binding can have none"),
        ("BadCharacter", "path `/a b/{id}`: a character that may not stand in a path at character 2"),
        ("MessageInPath", "path `/a/{m}`: `m` in the path is not a scalar"),
        ("Tunnel", "`CONNECT` is no method for a rule"),
    ] {
        let full = format!("wrong.v1.{service}");
        let conn = kit::Conn::new(tower::service_fn(|_| async { Err(Status::internal("never called")) }));
        let made = gateway::router(
            &Options::default(),
            &pool,
            |name| (name == full).then(|| conn.clone()),
            gateway::Extras::default(),
        );
        let error = made.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(problem), "{service}: {error}");
        assert!(error.starts_with(&format!("wrong.v1.{service}.R: ")), "{error}");
    }
}
