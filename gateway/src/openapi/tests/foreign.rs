//! What is told of a contract that says nothing of itself but what it takes and answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{all, describe, describe_in, feira, hostile::pool};
use crate::{
    json::Style,
    openapi::{names::Names, schema::Part},
};

fn library() -> Value {
    describe(&crate::json::test_pool(), "library.")
}

#[test]
fn what_is_sent_and_what_is_answered_of_one_message_are_told_apart() {
    let document = library();
    let visit = &document["paths"]["/v1/visits"]["post"];
    let schema =
        |of: &Value| of["content"]["application/json"]["schema"]["$ref"].as_str().unwrap().to_owned();
    assert_eq!(schema(&visit["requestBody"]), "#/components/schemas/PassInput");
    assert_eq!(schema(&visit["responses"]["200"]), "#/components/schemas/Pass");
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["PassInput"]["additionalProperties"], false);
    assert!(schemas["PassInput"]["required"].is_null() && schemas["Pass"]["additionalProperties"].is_null());
    assert_eq!(schemas["Pass"]["required"], json!(["ticket", "holder"]));
    // One that stands in itself says it by another keyword, for generators.
    assert_eq!(schemas["AuthorInput"]["unevaluatedProperties"], false);
    assert!(schemas["AuthorInput"]["additionalProperties"].is_null());
    // Of a message that is changed field by field none need be given, and of a value all that it is.
    let update = &document["paths"]["/v1/books/{name}"]["patch"]["requestBody"];
    assert_eq!(schema(update), "#/components/schemas/BookUpdate");
    let part = |of: &str, field: &str| schemas[of]["properties"][field]["$ref"].clone();
    assert_eq!(part("BookUpdate", "author"), "#/components/schemas/AuthorUpdate");
    assert_eq!(part("AuthorUpdate", "home"), "#/components/schemas/PlaceUpdate");
    assert_eq!(part("BookUpdate", "fee"), "#/components/schemas/MoneyInput");
    // Of a choice, which fields exclude each other; as nothing that generators make a class of.
    assert_eq!(schemas["AuthorInput"]["not"], json!({"required": ["year", "place"]}));
    assert!(schemas["AuthorInput"]["allOf"].is_null() && schemas["AuthorInput"]["oneOf"].is_null());
    let replaced = &document["paths"]["/v1/copies/{id}"]["put"]["requestBody"];
    assert_eq!(schema(replaced), "#/components/schemas/BookInput");
}

#[test]
fn no_two_forms_have_one_name() {
    let pool = crate::json::test_pool();
    let everything = pool.get_message_by_name("library.v1.Everything").unwrap();
    let pass = pool.get_message_by_name("library.v1.Pass").unwrap();
    let mut names = Names::new(&[&everything, &pass], &[&everything]);
    let (one, two) = (BTreeSet::from([1]), BTreeSet::from([1, 2]));
    for _ in 0..2 {
        assert_eq!(names.of(&everything, Part::Answer), "Everything");
        assert_eq!(names.of(&everything, Part::Request), "EverythingInput");
        assert_eq!(names.of(&everything, Part::Without(&BTreeSet::new())), "EverythingInput");
        assert_eq!(names.of(&everything, Part::Without(&one)), "EverythingBody");
        assert_eq!(names.of(&everything, Part::Without(&two)), "EverythingBody2");
        assert_eq!(names.of(&everything, Part::Update), "EverythingUpdate");
        assert_eq!(names.of(&pass, Part::Request), "Pass");
    }
}

#[test]
fn every_parameter_operation_and_tag_is_described() {
    for document in [library(), feira()] {
        all(&document["paths"], &mut |value| {
            if value.get("in").is_some() && value.get("name").is_some() {
                assert!(value["description"].as_str().is_some_and(|text| !text.is_empty()), "{value}");
            }
            if let Some(id) = value.get("operationId") {
                assert!(value["description"].is_string(), "{id}");
            }
        });
        for tag in document["tags"].as_array().unwrap() {
            assert!(tag["description"].is_string(), "{tag}");
        }
    }
    assert_eq!(library()["info"]["title"], "Library");
    assert_eq!(feira()["info"]["title"], "Feira");
}

#[test]
fn what_can_stand_in_paths_and_queries_is_told() {
    let document = library();
    let parameters = |path: &str| document["paths"][path]["get"]["parameters"].as_array().unwrap().clone();
    let one = |path: &str, name: &str| {
        parameters(path).into_iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("{path}: {name}"))
    };
    assert_eq!(one("/v1/at/{time}/for/{length}", "time")["schema"]["format"], "date-time");
    assert_eq!(one("/v1/wrapped/{wrapped}/{name}", "wrapped")["schema"]["type"], "string");
    let map = one("/v1/search", "byNumber");
    assert_eq!((&map["style"], &map["explode"]), (&json!("deepObject"), &json!(true)));
    assert_eq!(map["schema"]["additionalProperties"]["type"], "string");
    let names: BTreeSet<_> =
        parameters("/v1/search").iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
    assert!(names.contains("byTime") && names.contains("byFlag") && !names.contains("byName"));
    // By their methods.
    let probes = document["paths"]["/v1/probes/{number}"].as_object().unwrap();
    assert_eq!(probes.keys().collect::<Vec<_>>(), ["head", "options"]);
}

#[test]
fn types_of_one_name_in_two_contracts_are_told_apart_unless_they_are_the_same() {
    let contract = |service: &str, path: &str, comment: &str, field: &str| {
        pool(&format!(
            "syntax = \"proto3\"; package a.v1;
            import \"google/api/annotations.proto\";
            service {service} {{ rpc Get(Q) returns (M) {{ option (google.api.http) = {{get: \"{path}/{{id}}\"}}; }} }}
            message Q {{ string id = 1; }}
            message M {{
              Page page = 1;
              Same same = 2;
            }}
            // {comment}
            message Page {{ string {field} = 1; }}
            message Same {{ string x = 1; }}"
        ))
    };
    let pools = [contract("S", "/x", "Of S.", "token"), contract("T", "/y", "Of T.", "cursor")];
    let document = describe_in(Style::default(), &[&pools[0], &pools[1]], "a.v1.");
    let schemas = &document["components"]["schemas"];
    let answer = |path: &str| {
        let answer = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"];
        let name = answer["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        schemas[name]["properties"].clone()
    };
    let page = |path: &str| {
        let name = answer(path)["page"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        (
            schemas[&name]["properties"].as_object().unwrap().keys().next().unwrap().clone(),
            schemas[&name]["description"].clone(),
        )
    };
    assert_eq!(page("/x/{id}"), ("token".to_owned(), json!("Of S.")));
    assert_eq!(page("/y/{id}"), ("cursor".to_owned(), json!("Of T.")));
    // What is the same is there once.
    assert_eq!(answer("/x/{id}")["same"], answer("/y/{id}")["same"]);
}
