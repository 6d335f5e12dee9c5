//! Fields that proto2 requires: a request that lacks one is refused by the field's path, wherever the field is, and
//! before the service is called.

use axum::body::Body;
use futures::SinkExt as _;
use http::header;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::{
    echo::{enveloped, serve_pool},
    ports::Port,
    sockets::Socket,
    support::{Shop, compile, request},
};

/// A record in protobuf that has a title only.
const TITLED: &[u8] = b"\x4a\x01t";

fn records() -> Shop {
    serve_pool(&compile("record.proto"))
}

#[tokio::test]
async fn what_is_missing_is_named_by_its_path_at_any_depth() {
    let shop = records();
    for (body, missing) in [
        (json!({}), "id"),
        (json!({"title": "t"}), "id"),
        (json!({"id": null}), "id"),
        (json!({"id": "r", "sleeve": {"hiddenTrack": {}}}), "sleeve.hidden_track.seconds"),
        (json!({"id": "r", "tracks": [{"seconds": 1}, {}]}), "tracks[1].seconds"),
        (json!({"id": "r", "byName": {"a b": {}}}), r#"by_name["a b"].seconds"#),
        (json!({"id": "r", "byNumber": {"-5": {}}}), r#"by_number["-5"].seconds"#),
        (json!({"id": "r", "any": {"@type": "x/record.v1.Track"}}), "any.seconds"),
        (
            json!({"id": "r", "any": {"@type": "x/record.v1.Record", "id": "s", "tracks": [{}]}}),
            "any.tracks[0].seconds",
        ),
        (json!({"id": "r", "cover": {}}), "cover.url"),
        (json!({"id": "r", "more": {"id": "s", "more": {"title": "t"}}}), "more.more.id"),
        (json!({"id": "r", "[record.v1.bonus]": {}}), "[record.v1.bonus].seconds"),
    ] {
        let answer = shop.json("POST", "/records", body.to_string()).await;
        assert_eq!(answer.bad_field(), missing, "{body}");
        assert!(answer.text().contains("is required"), "{}", answer.text());
        // Its stream refuses it before it begins.
        assert_eq!(
            shop.json("POST", "/records:watch", body.to_string()).await.bad_field(),
            missing,
            "{body}"
        );
    }
}

#[tokio::test]
async fn what_is_there_passes_with_its_defaults_too() {
    let shop = records();
    let whole = json!({
        "id": "", "sleeve": {}, "tracks": [{"seconds": 0}], "byName": {"": {"seconds": 0}}, "byNumber": {"0": {"seconds": 1}},
        "any": {"@type": "x/record.v1.Track", "seconds": 0}, "cover": {"url": ""}, "more": {"id": ""},
        "[record.v1.bonus]": {"seconds": 2}
    });
    let answer = shop.json("POST", "/records", whole.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.json()["cover"]["url"].as_str()), (200, Some("")));
    assert_eq!(answer.json()["any"]["seconds"], 0);
}

#[tokio::test]
async fn the_path_and_the_query_give_what_is_required_as_well() {
    let shop = records();
    // The same message: here the path has its id.
    assert_eq!(shop.json("PUT", "/shelves/s1", r#"{"title":"t"}"#).await.json()["id"], "s1");
    assert_eq!(shop.get("/records?artist=a").await.json(), json!({"artist": "a"}));
    assert_eq!(shop.get("/records?artist=").await.json(), json!({"artist": ""}));
    assert_eq!(shop.get("/records?pageSize=5").await.bad_field(), "artist");
    // A change is a message like others: its service could not read it.
    assert_eq!(shop.json("PATCH", "/records/r1", r#"{"title":"t"}"#).await.json()["record"]["id"], "r1");
    let changed = shop.json("PATCH", "/records/r1", r#"{"tracks":[{}]}"#).await;
    assert_eq!(changed.bad_field(), "record.tracks[0].seconds");
}

#[tokio::test]
async fn lines_and_rows_are_told_by_their_numbers() {
    let shop = records();
    let lines = |body: &'static str| {
        request("POST", "/records:import", &[("content-type", "application/x-ndjson")], Body::from(body))
    };
    let refused = shop.send(lines("{\"id\":\"a\"}\n{\"title\":\"b\"}\n")).await;
    assert_eq!(refused.bad_field(), "id");
    assert!(refused.text().contains("line 2"), "{}", refused.text());
    let table = request("POST", "/records:import", &[("content-type", "text/csv")], Body::from("title\nt\n"));
    assert_eq!(shop.send(table).await.bad_field(), "id");
}

#[tokio::test]
async fn protobuf_and_frames_lack_nothing_either() {
    let shop = records();
    let send = |method: &'static str, path: &'static str| {
        shop.send(request(method, path, &[("content-type", "application/x-protobuf")], Body::from(TITLED)))
    };
    assert_eq!(send("POST", "/records").await.bad_field(), "id");
    assert_eq!(send("PUT", "/shelves/s1").await.json()["id"], "s1");
    let port = Port::of(&shop).await;
    for frame in [Frame::text(r#"{"title":"t"}"#), Frame::binary(TITLED)] {
        let mut socket = Socket::open(&port, "/records:import").await;
        socket.0.send(frame.clone()).await.unwrap();
        let told = socket.json().await.to_string();
        assert!(told.contains("message 1: ") && told.contains("is required"), "{frame:?}: {told}");
        assert_eq!(socket.close().await.0, 4400);
    }
}

#[tokio::test]
async fn connect_refuses_its_json_and_hands_bytes_on() {
    let shop = records();
    let connect = |media: &'static str, path: &'static str, body: Body| {
        shop.send(request("POST", path, &[("content-type", media)], body))
    };
    const MAKE: &str = "/record.v1.Records/MakeRecord";
    let refused = connect("application/json", MAKE, Body::from(r#"{"id":"r","cover":{}}"#)).await;
    assert_eq!((refused.status.as_u16(), refused.json()["code"].as_str()), (400, Some("invalid_argument")));
    assert!(refused.text().contains("cover.url"), "{}", refused.text());
    let stream = connect(
        "application/connect+json",
        "/record.v1.Records/WatchRecord",
        enveloped(&[r#"{"title":"t"}"#]),
    );
    let stream = stream.await;
    assert!(
        stream.text().contains("invalid_argument") && stream.text().contains("`id`"),
        "{}",
        stream.text()
    );
    // What a service can read is the service's own matter where the edge reads nothing.
    let bytes = connect("application/proto", MAKE, Body::from(TITLED)).await;
    assert_eq!((bytes.status.as_u16(), &bytes.bytes[..]), (200, TITLED));
    assert_eq!(bytes.headers[header::CONTENT_TYPE], "application/proto");
}

#[tokio::test]
async fn the_document_says_what_is_required() {
    let document = records().get("/openapi.json").await.json();
    let schemas = &document["components"]["schemas"];
    for schema in ["RecordInput", "RecordUpdate"] {
        assert_eq!(schemas[schema]["required"], json!(["id"]), "{schema}");
    }
    // Of an answer beside what is always there.
    assert_eq!(schemas["Record"]["required"], json!(["id", "tracks", "byName", "byNumber"]));
    assert_eq!(schemas["TrackInput"]["required"], json!(["seconds"]));
    assert!(schemas["SleeveInput"]["required"].is_null());
    // The path has the id.
    assert!(schemas["RecordBody"]["required"].is_null(), "{}", schemas["RecordBody"]);
    let find = &document["paths"]["/records"]["get"]["parameters"];
    assert_eq!(find[0]["name"], "artist");
    assert_eq!((&find[0]["required"], &find[1]["required"]), (&json!(true), &json!(null)));
    let example =
        &document["paths"]["/records"]["post"]["requestBody"]["content"]["application/json"]["example"];
    assert!(example["id"].is_string(), "{example}");
}
