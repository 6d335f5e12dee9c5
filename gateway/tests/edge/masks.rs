//! The masks of updates: what is changed is what the body names, down to its leaves.

use axum::body::Body;
use serde_json::{Value, json};

use crate::support::{Shop, request, shop};

/// What the service is told to change, and to what.
async fn updated(shop: &Shop, method: &str, path: &str, kind: &str, body: &str) -> (Value, Value) {
    let sent = request(method, path, &[("content-type", kind)], Body::from(body.to_owned()));
    let answer = shop.send(sent).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    let sent = shop.last().json();
    let mut book = sent["book"].clone();
    book.as_object_mut().unwrap().remove("id");
    (sent["updateMask"].clone(), book)
}

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

#[tokio::test]
async fn a_body_changes_the_leaves_that_it_names() {
    let shop = shop();
    for (body, mask) in [
        (r#"{"title":"t"}"#, "title"),
        (r#"{"title":""}"#, "title"),
        (r#"{"price":{"units":"1"}}"#, "price.units"),
        (r#"{"price":{"units":"1","currency_code":""}}"#, "price.units,price.currencyCode"),
        (r#"{"author":{"home":{"city":"Porto"}}}"#, "author.home.city"),
        (
            r#"{"author":{"home":{"city":"Porto"},"name":"n"},"title":"t"}"#,
            "author.home.city,author.name,title",
        ),
        // Null takes away.
        (r#"{"author":null}"#, "author"),
        (r#"{"author":{"home":null}}"#, "author.home"),
        (r#"{"author":{"home":{"city":null}}}"#, "author.home.city"),
        // Lists and maps are named as a whole, whatever is in them.
        (r#"{"author":{"penNames":["a"]}}"#, "author.penNames"),
        (r#"{"author":{"pen_names":[]}}"#, "author.penNames"),
        (r#"{"author":{"homes":{"a":{"city":"x"}}}}"#, "author.homes"),
        (r#"{"labels":{}}"#, "labels"),
        (r#"{"labels":null}"#, "labels"),
        (r#"{"translators":[{"name":"x"}]}"#, "translators"),
        // So are types whose JSON is not their fields, and values such as money, in which JSON leaves out what is zero.
        (r#"{"extra":{"a":{"b":1}}}"#, "extra"),
        (r#"{"printed":"2026-01-31T12:00:00Z"}"#, "printed"),
        (r#"{"fee":{"currencyCode":"EUR","units":"13"}}"#, "fee"),
        (r#"{"lost":{}}"#, "lost"),
        // The same message within itself, and choices.
        (r#"{"author":{"teacher":{"teacher":{"name":"x"}}}}"#, "author.teacher.teacher.name"),
        (r#"{"author":{"year":1900}}"#, "author.year"),
        (r#"{"author":{"place":{"city":"x"}}}"#, "author.place.city"),
        // Neither the etag nor what the path sets.
        (r#"{"id":"b","etag":"e","title":"t"}"#, "title"),
    ] {
        for kind in [JSON, MERGE] {
            assert_eq!(updated(&shop, "PATCH", "/v1/books/b", kind, body).await.0, mask, "{kind} {body}");
        }
    }
    let by_author = "/v1/authors/Ada/books/b";
    let (mask, book) = updated(&shop, "PATCH", by_author, JSON, r#"{"author":{"year":1}}"#).await;
    assert_eq!((mask, book), (json!("author.year"), json!({"author": {"name": "Ada", "year": 1}})));
    let (mask, book) = updated(&shop, "PATCH", by_author, JSON, r#"{"author":{"name":"Ada"}}"#).await;
    assert_eq!((mask, book), (Value::Null, json!({"author": {"name": "Ada"}})));
}

#[tokio::test]
async fn an_object_that_names_nothing_changes_nothing() {
    let shop = shop();
    // Without a mask a service takes what is set: what is left empty must not be sent.
    for body in
        [r#"{"author":{}}"#, r#"{"author":{"home":{}}}"#, r#"{"price":{},"author":{"teacher":{}}}"#, "{}", ""]
    {
        let sent = updated(&shop, "PATCH", "/v1/books/b", JSON, body).await;
        assert_eq!(sent, (Value::Null, json!({})), "{body}");
    }
    let (mask, book) = updated(&shop, "PATCH", "/v1/books/b", JSON, r#"{"author":{},"title":"t"}"#).await;
    assert_eq!((mask, book), (json!("title"), json!({"title": "t"})));
}

#[tokio::test]
async fn only_a_patch_is_an_update_of_what_is_named() {
    let shop = shop();
    let body = r#"{"title":"t","author":{"home":{}}}"#;
    for (method, path) in [("PUT", "/v1/copies/b"), ("POST", "/v1/copies/b:replace")] {
        let (mask, book) = updated(&shop, method, path, JSON, body).await;
        assert_eq!((mask, book), (Value::Null, json!({"title": "t", "author": {"home": {}}})), "{method}");
    }
    // One that the caller gives is its own.
    let (mask, _) = updated(&shop, "PUT", "/v1/copies/b?updateMask=title", JSON, body).await;
    assert_eq!(mask, "title");
    let (mask, book) =
        updated(&shop, "PATCH", "/v1/books/b?updateMask=author", JSON, r#"{"author":{}}"#).await;
    assert_eq!((mask, book), (json!("author"), json!({"author": {}})));
}

#[tokio::test]
async fn a_mask_has_an_end() {
    let shop = shop();
    let list = |depth: usize, leaf: &str| {
        let open = r#"{"name":"a","home":{"city":"b","countryCode":"c"},"penNames":[],"homes":{},"year":1,"teacher":"#;
        format!("{{\"author\":{}{leaf}{}}}", open.repeat(depth), "}".repeat(depth))
    };
    let answer = shop.json("PATCH", "/v1/books/b", list(90, "null")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(shop.last().json()["updateMask"].as_str().unwrap().split(',').count(), 90 * 6 + 1);
    // Twice as many with each level.
    let tree = (0..10).fold("null".to_owned(), |tree, _| format!("{{\"teacher\":{tree},\"pupil\":{tree}}}"));
    let refused = shop.json("PATCH", "/v1/books/b", format!("{{\"author\":{tree}}}")).await;
    assert_eq!(refused.bad_field(), "update_mask");
}
