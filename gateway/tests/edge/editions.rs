//! Contracts of editions, as protobuf's own compiler makes them, held against the bytes that its runtime makes of the same
//! JSON (`editions/compile`).

use gateway::{Contract, json::Style};
use serde_json::{Value, json};

use crate::{
    echo::{Asked, serve},
    support::Shop,
};

/// A file that protobuf's own compiler or runtime has made.
pub fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/edge/editions/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn edge(name: &str) -> (Shop, Asked) {
    serve(&Contract::of_set(&file(&format!("{name}.bin"))).unwrap(), Style::default())
}

/// A message's JSON with some of it changed.
fn changed(name: &str, change: &Value) -> String {
    let mut json: Value = serde_json::from_slice(&file(&format!("{name}.json"))).unwrap();
    json.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    json.to_string()
}

#[tokio::test]
async fn requests_are_the_bytes_that_protobuf_makes_of_them() {
    for (name, path) in [("shelf", "/shelves"), ("case", "/cases")] {
        let (shop, asked) = edge(name);
        let json = String::from_utf8(file(&format!("{name}.json"))).unwrap();
        let answer = shop.json("POST", path, json.clone()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        // After the header of the message's frame.
        assert_eq!(asked.lock().unwrap()[5..], file(&format!("{name}.wire"))[..], "{name}");
        // And what they are read as says no more than they do.
        let (sent, answered): (Value, _) = (serde_json::from_str(&json).unwrap(), answer.json());
        for (field, value) in sent.as_object().unwrap().iter().filter(|(field, _)| *field != "parts") {
            assert_eq!(&answered[field], value, "{name}: {field}");
        }
    }
}

#[tokio::test]
async fn presence_is_as_each_field_has_it() {
    let (shelf, _) = edge("shelf");
    let answer = shelf.json("POST", "/shelves", r#"{"id":"s"}"#).await.json();
    // Without presence it is always there, and with it only where it was sent.
    let empty = json!({
        "id": "s", "room": "", "packed": [], "expanded": [], "parts": [], "byName": {}, "open": "OPEN_UNSPECIFIED", "raw": ""
    });
    assert_eq!(answer, empty);
    let answer = shelf.json("POST", "/shelves", r#"{"id":"s","part":{},"width":0}"#).await.json();
    assert_eq!((&answer["part"], &answer["width"]), (&json!({"size": 0}), &json!(0)));
    let (case, _) = edge("case");
    let answer = case.json("POST", "/cases", r#"{"id":"c","own":{}}"#).await.json();
    assert_eq!(answer, json!({"id": "c", "sizes": [], "opens": [], "own": {}}));
}

#[tokio::test]
async fn what_is_required_must_be_there() {
    assert_eq!(edge("shelf").0.json("POST", "/shelves", "{}").await.bad_field(), "id");
    let (case, _) = edge("case");
    assert_eq!(case.json("POST", "/cases", r#"{"id":""}"#).await.bad_field(), "own");
    let document = case.get("/openapi.json").await.json();
    assert_eq!(document["components"]["schemas"]["CaseInput"]["required"], json!(["id", "own"]));
}

#[tokio::test]
async fn closed_enums_are_those_that_say_so() {
    let ((shelf, _), (case, _)) = (edge("shelf"), edge("case"));
    for (shop, path, name, field) in
        [(&shelf, "/shelves", "shelf", "closed"), (&case, "/cases", "case", "size")]
    {
        let open = shop.json("POST", path, changed(name, &json!({"open": 9}))).await;
        assert_eq!(open.json()["open"], 9, "{name}: {}", open.text());
        let refused = shop.json("POST", path, changed(name, &json!({field: 9}))).await;
        assert_eq!(refused.bad_field(), field, "{name}");
    }
}

#[tokio::test]
async fn what_says_what_options_mean_may_be_imported_for_that_alone() {
    // Edition 2024.
    let (late, _) = edge("late");
    let answer = late.json("POST", "/lates", r#"{"id":""}"#).await.json();
    assert_eq!(answer, json!({"id": "", "count": 0}));
    assert_eq!(late.json("POST", "/lates", "{}").await.json(), json!({"count": 0}));
}

#[test]
fn what_neither_syntax_can_say_is_refused_by_name() {
    let refused = Contract::of_set(&file("mixed.bin")).unwrap_err().to_string();
    for says in ["mixed.proto", "mixed.v1.Thing.Inner.text", "IMPLICIT", "mixed.v1.Size", "begins with 3"] {
        assert!(refused.contains(says), "{says}: {refused}");
    }
}
