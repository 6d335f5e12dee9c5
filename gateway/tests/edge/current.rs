//! What depends on what is there: 304, changes with `If-None-Match`, and merge patches.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use axum::body::Body;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::support::{Answer, Answered, Call, Shop, message, request, shop_with};

/// A service with one book that can be read and changed. As long as `races` is not 0, somebody else changes it
/// between.
fn library(races: u32) -> Shop {
    shop_with(Default::default(), service(races))
}

/// What it answers.
pub fn service(races: u32) -> impl Fn(&Call) -> Answer + Send + Sync + 'static {
    let book = json!({"id": "b", "title": "t", "fee": {"units": "12", "currencyCode": "EUR"}, "etag": "1"});
    let (book, races) = (Arc::new(Mutex::new(book)), Arc::new(AtomicU32::new(races)));
    move |call: &Call| {
        let mut book = book.lock().unwrap();
        let next = |book: &Value| (book["etag"].as_str().unwrap().parse::<u32>().unwrap() + 1).to_string();
        let sent = call.json();
        match call.method.as_str() {
            "ReadBook" if sent["id"] == "b" => Answer::Messages(vec![message("Book", book.clone())]),
            "UpdateBook" if sent["book"]["id"] == "b" => {
                if races.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
                {
                    book["fee"]["currencyCode"] = json!("CHF");
                    book["etag"] = next(&book).into();
                }
                if sent["book"]["etag"].as_str().is_some_and(|etag| book["etag"] != etag) {
                    let details = ErrorDetails::with_error_info("ETAG_MISMATCH", "feira", []);
                    return Answer::Status(Status::with_error_details(Code::Aborted, "no", details));
                }
                for name in sent["updateMask"].as_str().unwrap_or_default().split(',') {
                    let (mut there, mut given) = (&mut *book, &sent["book"]);
                    for name in name.split('.') {
                        (there, given) = (&mut there[name], &given[name]);
                    }
                    *there = given.clone();
                }
                book["etag"] = next(&book).into();
                Answer::Messages(vec![message("UpdateBookRequest", json!({"book": book.clone()}))])
            }
            _ => Answer::Status(Status::not_found("no")),
        }
    }
}

async fn send(shop: &Shop, method: &str, headers: &[(&str, &str)], body: &str) -> Answered {
    shop.send(request(method, "/v1/copies/b", headers, Body::from(body.to_owned()))).await
}

const MERGE: (&str, &str) = ("content-type", "application/merge-patch+json");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn who_has_a_resource_already_gets_304() {
    let shop = library(0);
    let tag = send(&shop, "GET", &[], "").await.header("etag").to_owned();
    assert_eq!(tag, "\"1\"");
    for known in ["\"1\"", "W/\"1\"", "\"7\", W/\"8\" ,\"1\"", "*", "\"1-gz\""] {
        for method in ["GET", "HEAD"] {
            let answer = send(&shop, method, &[("if-none-match", known)], "").await;
            assert_eq!((answer.status.as_u16(), answer.bytes.len()), (304, 0), "{method} {known}");
            assert!(answer.header("etag").starts_with("\"1"), "{known}");
            assert_eq!((answer.header("content-type"), answer.header("content-length")), ("", ""));
        }
    }
    for unknown in ["\"2\"", "1", "\"\"", "\"11\""] {
        assert_eq!(send(&shop, "GET", &[("if-none-match", unknown)], "").await.status, 200, "{unknown}");
    }
    // If-Match comes first.
    let both = [("if-none-match", "\"1\""), ("if-match", "\"2\"")];
    assert_eq!(send(&shop, "GET", &both, "").await.error().0, 412);
    send(&shop, "PATCH", &[JSON], r#"{"title":"u"}"#).await;
    assert_eq!(send(&shop, "GET", &[("if-none-match", "\"1\"")], "").await.status, 200);
}

#[tokio::test]
async fn what_its_path_does_not_name_has_a_tag_of_its_content() {
    let shop = shop_with(Default::default(), |call| {
        let who = call.metadata.get("authorization").map_or("", |token| token.to_str().unwrap());
        Answer::Messages(vec![message("Book", json!({"id": who, "title": who, "etag": "1"}))])
    });
    let mine = async |who: &str, known: &str| {
        let headers = [("authorization", who), ("if-none-match", known)];
        shop.send(request("GET", "/v1/copies/me", &headers, Body::empty())).await
    };
    let (ada, bob) = (mine("ada", "\"0\"").await, mine("bob", "\"0\"").await);
    assert_ne!(ada.header("etag"), bob.header("etag"), "one version, two people");
    assert!(ada.header("etag").starts_with("\"1."), "{}", ada.header("etag"));
    assert_eq!(mine("ada", ada.header("etag")).await.status, 304);
    assert_eq!(mine("bob", ada.header("etag")).await.status, 200);
}

#[tokio::test]
async fn a_tag_covers_all_that_is_answered() {
    let copies = Arc::new(AtomicU32::new(0));
    let shop = {
        let copies = copies.clone();
        shop_with(Default::default(), move |_| {
            let copies = copies.load(Ordering::SeqCst);
            Answer::Messages(vec![message("BookName", json!({"name": "b", "etag": "2", "copies": copies}))])
        })
    };
    let get = async |name: &str, known: &str| {
        shop.send(request("GET", "/v1/books/b", &[(name, known)], Body::empty())).await
    };
    let before = get("if-none-match", "\"0\"").await.header("etag").to_owned();
    let inner = before.trim_matches('"');
    assert!(inner.starts_with("2.") && inner.len() == 2 + 16, "{before}");
    for known in [before.clone(), format!("W/{before}"), format!("\"x\", \"{inner}-gz\""), "*".to_owned()] {
        let answer = get("if-none-match", &known).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (304, 0), "{known}");
        assert!(answer.headers.get_all("vary").iter().any(|vary| vary == "accept-encoding"));
    }
    // The version alone says nothing of what else is answered.
    assert_eq!(get("if-none-match", "\"2\"").await.status, 200);
    assert_eq!(get("if-match", "\"2\"").await.status, 200);
    copies.store(5, Ordering::SeqCst);
    let after = get("if-none-match", &before).await;
    assert_eq!((after.status.as_u16(), &after.json()["copies"]), (200, &json!(5)));
    assert_ne!(after.header("etag"), before);
    assert_eq!(get("if-none-match", after.header("etag")).await.status, 304);
    assert_eq!(get("if-match", &before).await.error().0, 412);
    assert_eq!(get("if-match", after.header("etag")).await.status, 200);
    // A change is of the version, whichever answer it was seen in.
    let check_out =
        request("POST", "/v1/shelves/1/books/b:checkOut", &[("if-match", &before)], Body::empty());
    assert_eq!(shop.send(check_out).await.status, 200);
    assert_eq!(shop.last().json()["etag"], "2");
}

#[tokio::test]
async fn a_change_with_if_none_match_is_made_unless_one_matches() {
    let shop = library(0);
    let patch = async |headers: &[(&str, &str)]| {
        send(&shop, "PATCH", &[&[JSON], headers].concat(), r#"{"title":"u"}"#).await
    };
    for known in ["\"1\"", "W/\"1\"", "\"9\", \"1-gz\"", "\"1.0123456789abcdef\""] {
        let refused = patch(&[("if-none-match", known)]).await;
        assert_eq!((refused.error().0, refused.error().1.as_str()), (412, "ETAG_MISMATCH"), "{known}");
    }
    assert_eq!(patch(&[("if-none-match", "\"99\"")]).await.json()["book"]["etag"], "2");
    assert_eq!(patch(&[("if-none-match", "\"99\""), ("if-match", "*")]).await.json()["book"]["etag"], "3");
    assert_eq!(patch(&[("if-none-match", "\"99")]).await.error().0, 400);
    let raced = library(2);
    let answer = send(&raced, "PATCH", &[JSON, ("if-none-match", "\"99\"")], r#"{"title":"u"}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["book"]["etag"]), (200, &json!("4")));
}

#[tokio::test]
async fn a_merge_patch_merges_objects_and_json_replaces_them() {
    let fee = |answer: Answered| answer.json()["book"]["fee"].clone();
    let units = r#"{"fee":{"units":"13"}}"#;
    let merged = send(&library(0), "PATCH", &[MERGE], units).await;
    assert_eq!(fee(merged), json!({"units": "13", "nanos": 0, "currencyCode": "EUR"}));
    let replaced = send(&library(0), "PATCH", &[JSON], units).await;
    assert_eq!(fee(replaced)["currencyCode"], "");
    let called = send(&library(0), "PATCH", &[MERGE], r#"{"fee":{"currency_code":"USD"}}"#).await;
    assert_eq!(
        fee(called),
        json!({"units": "12", "nanos": 0, "currencyCode": "USD"}),
        "by the name that the proto has"
    );
    let removed = r#"{"fee":{"currency_code":null,"currencyCode":null}}"#;
    assert_eq!(send(&library(0), "PATCH", &[MERGE], removed).await.status, 400, "one name twice");
    let removed = send(&library(0), "PATCH", &[MERGE], r#"{"fee":{"currencyCode":null}}"#).await;
    assert_eq!(fee(removed), json!({"units": "12", "nanos": 0, "currencyCode": ""}));
    let shop = library(0);
    let flat = send(&shop, "PATCH", &[MERGE], r#"{"fee":null,"title":"u"}"#).await;
    assert_eq!((&flat.json()["book"]["title"], shop.count()), (&json!("u"), 1), "it reads nothing");
}

#[tokio::test]
async fn what_is_changed_field_by_field_needs_no_reading_and_maps_are_merged_within_it() {
    let shop = library(0);
    for kind in [JSON, MERGE] {
        let author = r#"{"author":{"name":"Ada","home":{"city":"Porto"}}}"#;
        send(&shop, "PATCH", &[kind], author).await;
        let moved = send(&shop, "PATCH", &[kind], r#"{"author":{"home":{"countryCode":"PT"}}}"#).await;
        let author = &moved.json()["book"]["author"];
        assert_eq!((&author["name"], &author["home"]["city"]), (&json!("Ada"), &json!("Porto")));
        assert_eq!(author["home"]["countryCode"], "PT");
    }
    assert_eq!(shop.count(), 4, "it reads nothing");
    let body = r#"{"author":{"homes":{"a":{"city":"x"},"b":{"city":"y"}}},"extra":{"a":1,"b":{"c":2}}}"#;
    send(&shop, "PATCH", &[JSON], body).await;
    let body = r#"{"author":{"homes":{"a":null,"b":{"countryCode":"PT"}}},"extra":{"b":{"d":3}}}"#;
    let merged = send(&shop, "PATCH", &[MERGE], body).await.json();
    let book = &merged["book"];
    assert_eq!(book["author"]["homes"], json!({"b": {"city": "y", "countryCode": "PT"}}));
    assert_eq!(book["extra"], json!({"a": 1.0, "b": {"c": 2.0, "d": 3.0}}));
    assert_eq!(book["author"]["name"], "Ada", "what the patch does not name is not sent");
    assert_eq!(shop.last().json()["updateMask"], "author.homes,extra");
}

#[tokio::test]
async fn a_merge_patch_is_of_the_version_that_it_is_merged_with() {
    let units = r#"{"fee":{"units":"13"}}"#;
    let raced = send(&library(2), "PATCH", &[MERGE], units).await;
    assert_eq!(raced.json()["book"]["fee"]["currencyCode"], "CHF");
    let shop = library(u32::MAX);
    assert_eq!(send(&shop, "PATCH", &[MERGE], units).await.error().1, "ETAG_MISMATCH");
    assert!(shop.count() < 20, "not for ever");
    let with =
        async |header, races| send(&library(races), "PATCH", &[MERGE, ("if-match", header)], units).await;
    assert_eq!(with("\"1\"", 0).await.status, 200);
    assert_eq!(with("\"2\"", 0).await.error().0, 412);
    assert_eq!(with("\"1\"", 1).await.error().0, 412);
    let stale = r#"{"fee":{"units":"13"},"etag":"7"}"#;
    assert_eq!(send(&library(0), "PATCH", &[MERGE], stale).await.error().0, 409);
    // A repeated call must be the same request.
    let shop = library(0);
    let key = [MERGE, ("idempotency-key", "k")];
    for _ in 0..2 {
        assert_eq!(send(&shop, "PATCH", &key, units).await.status, 200);
    }
    let calls = shop.calls.lock().unwrap();
    let sent: Vec<_> = calls.iter().filter(|call| call.method == "UpdateBook").map(Call::json).collect();
    assert_eq!(sent[0], sent[1]);
}
