//! The styles of JSON that REST can answer in, and what they leave alone.

use std::sync::Arc;

use axum::body::Body;
use gateway::{
    Extras, Options,
    json::{Defaults, EnumValues, FieldNames, Style},
};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    current::service,
    echo::enveloped,
    support::{Answer, Call, POOL, Shop, echo, message, request, upstream},
};

const OMIT: Style = Style { defaults: Defaults::Omit, names: FieldNames::Camel, enums: EnumValues::Names };
const PROTO: Style = Style { defaults: Defaults::Print, names: FieldNames::Proto, enums: EnumValues::Names };
const NUMBERS: Style =
    Style { defaults: Defaults::Print, names: FieldNames::Camel, enums: EnumValues::Numbers };
/// All that can be another than by default.
const OTHER: Style = Style { defaults: Defaults::Omit, names: FieldNames::Proto, enums: EnumValues::Numbers };

fn shop(json: Style, handler: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Shop {
    let conn = upstream(Arc::default(), Arc::new(handler));
    let of = |service: &str| (service == "library.v1.Library").then(|| conn.clone());
    let extras = Extras { json, ..Extras::default() };
    Shop::of_router(gateway::router(&Options::default(), &POOL, of, extras).unwrap())
}

/// What is answered to a request that means this, in whatever style that is written.
async fn echoed(style: Style, sent: &Value) -> Value {
    shop(style, echo).json("POST", "/v1/search/7", sent.to_string()).await.json()
}

#[tokio::test]
async fn each_style_writes_the_same_message_in_its_own_way() {
    let camel = json!({
        "ratio": 0.5, "kind": "KIND_NOVEL", "kinds": ["KIND_POEM", "KIND_UNSPECIFIED"], "maybe": 0,
        "innerPart": {"units": "0", "currencyCode": "EUR"}, "parts": [{}], "byName": {"a_b": {"units": "1"}},
        "byFlag": {"true": "KIND_POEM", "false": "KIND_UNSPECIFIED"}, "mask": "innerPart.currencyCode",
        "any": {"@type": "x/library.v1.Everything", "innerPart": {}, "kind": "KIND_POEM"}, "left": "",
        "object": {"a_b": [], "kind": "KIND_NOVEL"}, "wrapped": "0"
    });
    // By default all that has no presence is there, and what has some is not.
    let all = echoed(Style::default(), &camel).await;
    assert_eq!((&all["number"], &all["flag"], &all["byText"]), (&json!(7), &json!(false), &json!({})));
    assert_eq!(
        (&all["parts"][0], &all["nested"]),
        (&json!({"units": "0", "currencyCode": ""}), &json!(null))
    );

    let mut set = camel.clone();
    set["number"] = json!(7);
    set["innerPart"].as_object_mut().unwrap().remove("units");
    assert_eq!(echoed(OMIT, &camel).await, set, "what is not there is what has its default and no presence");

    let proto = echoed(PROTO, &camel).await;
    assert_eq!(proto["inner_part"], json!({"units": "0", "currency_code": "EUR"}));
    assert_eq!((&proto["by_name"]["a_b"]["units"], &proto["by_text"]), (&json!("1"), &json!({})));
    assert_eq!(proto["any"]["inner_part"]["currency_code"], "");
    // Data, and what is a text of its own.
    assert_eq!((&proto["object"], &proto["mask"]), (&camel["object"], &camel["mask"]));

    let numbers = echoed(NUMBERS, &camel).await;
    assert_eq!((&numbers["kind"], &numbers["kinds"]), (&json!(1), &json!([2, 0])));
    assert_eq!((&numbers["byFlag"], &numbers["any"]["kind"]), (&json!({"true": 2, "false": 0}), &json!(2)));
    assert_eq!(echoed(NUMBERS, &json!({})).await["kind"], 0);

    let other = json!({
        "number": 7, "ratio": 0.5, "kind": 1, "kinds": [2, 0], "maybe": 0, "inner_part": {"currency_code": "EUR"},
        "parts": [{}], "by_name": {"a_b": {"units": "1"}}, "by_flag": {"true": 2, "false": 0},
        "mask": "innerPart.currencyCode", "any": {"@type": "x/library.v1.Everything", "inner_part": {}, "kind": 2},
        "left": "", "object": {"a_b": [], "kind": "KIND_NOVEL"}, "wrapped": "0"
    });
    assert_eq!(echoed(OTHER, &camel).await, other);
    // What is answered in any style is read with any.
    for style in [Style::default(), OMIT, PROTO, NUMBERS, OTHER] {
        let answered = echoed(style, &camel).await;
        assert_eq!(echoed(OTHER, &answered).await, other, "{style:?}");
    }
}

#[tokio::test]
async fn a_field_that_is_the_answer_is_there_with_its_default_too() {
    let titles = |_: &Call| Answer::Messages(vec![message("Titles", json!({}))]);
    assert_eq!(shop(OTHER, titles).get("/v1/titles").await.json(), json!([]));
}

#[tokio::test]
async fn streams_have_the_style_and_tables_do_not() {
    let books = |_: &Call| {
        let event = |note: &str| message("Event", json!({"sequence": "1", "note": note}));
        Answer::Messages(vec![event(""), event("n")])
    };
    let shop = shop(OTHER, books);
    let lines = shop.get("/v1/books/b:watch").await;
    assert_eq!(
        lines.text(),
        "{\"result\":{\"sequence\":\"1\"}}\n{\"result\":{\"sequence\":\"1\",\"note\":\"n\"}}\n"
    );
    let accept =
        |media: &'static str| request("GET", "/v1/books/b:watch", &[("accept", media)], Body::empty());
    let events = shop.send(accept("text/event-stream")).await;
    assert!(
        events.text().contains("id: 1\nevent: message\ndata: {\"sequence\":\"1\"}\n"),
        "{}",
        events.text()
    );
    let table = shop.send(accept("text/csv; bom=none")).await;
    assert_eq!(table.text(), "sequence,note\r\n1,\r\n1,n\r\n");
}

#[tokio::test]
async fn the_details_of_errors_have_the_style() {
    let refused = |_: &Call| {
        let mut details = ErrorDetails::with_error_info("GONE", "library", []);
        details.add_precondition_failure_violation("shelf", "s1", "");
        Answer::Status(Status::with_error_details(Code::FailedPrecondition, "no", details))
    };
    let shop = shop(OTHER, refused);
    let own = shop.json("POST", "/v1/search/7", r#"{"innerPart":{"units":"x"}}"#).await.json();
    let violations = &own["error"]["details"][1]["field_violations"];
    assert_eq!(violations[0]["field"], "inner_part.units", "{own}");
    assert!(own["error"]["details"][0].get("metadata").is_none(), "{own}");
    let theirs = shop.json("POST", "/v1/search/7", "{}").await.json();
    assert_eq!(
        theirs["error"]["details"][1],
        json!({
            "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
            "violations": [{"type": "shelf", "subject": "s1"}]
        }),
        "{theirs}"
    );
    // What no route is for is the edge's own failure, too.
    let nowhere = shop.get("/nowhere").await.json();
    assert!(nowhere["error"]["details"][0].get("metadata").is_none(), "{nowhere}");
}

#[tokio::test]
async fn connect_has_proto3_json_in_every_style() {
    let call = |shop: Shop, media: &'static str, body: Body| async move {
        shop.send(request("POST", "/library.v1.Library/Search", &[("content-type", media)], body)).await
    };
    let sent = r#"{"kind":1,"inner_part":{}}"#;
    let by_default = call(shop(Style::default(), echo), "application/json", Body::from(sent)).await;
    let styled = call(shop(OTHER, echo), "application/json", Body::from(sent)).await;
    assert_eq!(styled.json(), by_default.json());
    assert_eq!(
        (&styled.json()["kind"], &styled.json()["innerPart"]["units"]),
        (&json!("KIND_NOVEL"), &json!("0"))
    );
    let watch = request(
        "POST",
        "/library.v1.Library/Watch",
        &[("content-type", "application/connect+json")],
        enveloped(&["{}"]),
    );
    let event = |_: &Call| Answer::Messages(vec![message("Event", json!({}))]);
    let stream = shop(OTHER, event).send(watch).await;
    assert!(stream.text().contains(r#"{"sequence":"0","note":""}"#), "{}", stream.text());
}

#[tokio::test]
async fn a_patch_is_merged_and_a_version_is_another_answer_in_another_style() {
    let (plain, shop) = (shop(Style::default(), service(0)), shop(PROTO, service(0)));
    let merge = [("content-type", "application/merge-patch+json")];
    for fee in [json!({"units": "5"}), json!({"currency_code": "CHF"}), json!({"currencyCode": "USD"})] {
        let body = json!({"fee": fee}).to_string();
        let answer = shop.send(request("PATCH", "/v1/copies/b", &merge, Body::from(body))).await;
        assert_eq!(answer.status, 200, "{fee}: {}", answer.text());
    }
    let book = shop.get("/v1/copies/b").await;
    assert_eq!(book.json()["fee"], json!({"currency_code": "USD", "units": "5", "nanos": 0}));
    let first = plain.get("/v1/copies/b").await;
    assert_eq!(first.header("etag"), "\"1\"");
    assert!(book.header("etag").starts_with("\"4."), "{}", book.header("etag"));
}

#[tokio::test]
async fn the_document_describes_what_is_answered() {
    let document = |style| async move { shop(style, echo).get("/openapi.json").await.json() };
    let plain = document(Style::default()).await;
    let properties = |document: &Value, schema: &str| -> Vec<String> {
        let found = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        found.keys().cloned().collect()
    };
    assert!(properties(&plain, "Everything").contains(&"innerPart".to_owned()));
    let styled = document(OTHER).await;
    for schema in ["Everything", "EverythingInput"] {
        let names = properties(&styled, schema);
        assert!(names.contains(&"inner_part".to_owned()) && !names.contains(&"innerPart".to_owned()));
    }
    let schemas = &styled["components"]["schemas"];
    // Nothing of it need be there.
    assert!(schemas["Everything"]["required"].is_null() && schemas["Inner"]["required"].is_null());
    let kind = &schemas["Kind"];
    assert_eq!((&kind["type"], &kind["enum"]), (&json!("integer"), &json!([0, 1, 2])));
    assert_eq!(kind["x-enum-varnames"][2], "KIND_POEM");
    let details = &schemas["Error"]["properties"]["error"]["properties"]["details"]["items"]["properties"];
    assert!(details["field_violations"].is_object() && details["fieldViolations"].is_null());
    let search = &styled["paths"]["/v1/search"]["get"];
    let parameters: Vec<_> =
        search["parameters"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(parameters.contains(&"inner_part.currency_code"), "{parameters:?}");
    let example = &search["responses"]["200"]["content"]["application/json"]["example"];
    assert_eq!((&example["kind"], &example["kinds"]), (&json!(1), &json!([1])));
    assert!(example["inner_part"]["currency_code"].is_null(), "an empty text is left out: {example}");
    // Names alone change no more than names.
    let named = document(PROTO).await;
    assert_eq!(named["components"]["schemas"]["Inner"]["required"], json!(["units", "currency_code"]));
    assert_eq!(named["components"]["schemas"]["Kind"], plain["components"]["schemas"]["Kind"]);
}
