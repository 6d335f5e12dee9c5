//! Tests of the OpenAPI document.

mod examples;
mod foreign;
mod hostile;

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

/// The document of a pool's services whose names begin with a prefix.
fn describe(pool: &DescriptorPool, prefix: &str) -> Value {
    describe_in(Style::default(), &[pool], prefix)
}

/// The same of several pools, of answers in a style.
fn describe_in(style: Style, pools: &[&DescriptorPool], prefix: &str) -> Value {
    let conn = kit::Conn::new(tower::service_fn(|_| async { Err(tonic::Status::internal("never called")) }));
    let of_pool = |pool| crate::Served::of_pool(pool, |name| name.starts_with(prefix).then(|| conn.clone()));
    let served: Vec<_> = pools.iter().flat_map(|pool| of_pool(pool)).collect();
    let table = crate::serving::Table::of(&served, style).unwrap();
    document(&table.routes.iter().cloned().collect::<Vec<Arc<Binding>>>(), style)
}

fn feira() -> Value {
    describe(contracts::pool(), "feira.")
}

fn all<'v>(value: &'v Value, visit: &mut impl FnMut(&'v Value)) {
    visit(value);
    match value {
        Value::Array(list) => list.iter().for_each(|value| all(value, visit)),
        Value::Object(map) => map.values().for_each(|value| all(value, visit)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_no_number_is_a_float() {
    let document = feira();
    all(&document, &mut |value| {
        assert!(!value.is_f64(), "{value}");
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    });
}

#[test]
fn templates_that_differ_in_names_alone_are_one_path() {
    let document = feira();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(
        paths["/v1/articles/{id}"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["delete", "get", "patch"]
    );
    let mut shapes = std::collections::BTreeSet::new();
    for path in paths.keys() {
        let shape: String =
            path.split('/').map(|part| if part.starts_with('{') { "/{}" } else { part }).collect();
        let verb = path.rsplit_once(':').map_or("", |(_, verb)| verb);
        assert!(shapes.insert((shape, verb)), "{path}");
    }
}

#[test]
fn rules_comments_and_access_are_told() {
    let document = feira();
    let create = &document["paths"]["/v1/users"]["post"];
    assert_eq!(create["operationId"], "UserService_CreateUser");
    assert_eq!(create["summary"], "Registers a user, with the first address if one is given");
    assert!(create["description"].as_str().unwrap().ends_with("**Access**: everybody."));
    assert_eq!(create["security"], json!([{}, {"bearer": []}, {"basic": []}]));
    assert!(create["responses"]["201"].is_object() && create["responses"]["412"].is_null());
    let request = &document["components"]["schemas"]["CreateUserRequest"];
    assert_eq!(request["required"], json!(["username", "email", "password"]));
    let password = &request["properties"]["password"];
    assert_eq!((&password["minLength"], &password["maxLength"]), (&json!(8), &json!(128)));
    assert_eq!(password["writeOnly"], true);
    assert_eq!(request["properties"]["email"]["format"], "email");

    // What is answered has everything, what is sent nothing that the service decides.
    let article = &document["components"]["schemas"]["Article"];
    let names = |list: &Value| {
        list.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(names(&article["required"]).contains(&"available".to_owned()));
    assert!(!names(&article["required"]).contains(&"price".to_owned()), "it can be absent");
    let input = &document["components"]["schemas"]["ArticleInput"];
    assert_eq!(input["required"], json!(["code", "name"]));
    assert!(input["properties"]["available"].is_null());
    assert_eq!(
        (&input["additionalProperties"], &article["additionalProperties"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(article["properties"]["available"]["readOnly"], true);
    assert_eq!(article["properties"]["available"]["format"], "int64");
    assert_eq!(article["properties"]["available"]["type"], "string");
    assert_eq!(article["properties"]["taxRateBasisPoints"]["maximum"], 10_000);
    assert!(document["components"]["schemas"]["ArticleUpdate"]["required"].is_null());

    let update = &document["paths"]["/v1/articles/{id}"]["patch"];
    let parameters: Vec<_> = update["parameters"].as_array().unwrap().iter().collect();
    for name in ["IfMatch", "IdempotencyKey"] {
        assert!(
            parameters.iter().any(|it| it["$ref"] == format!("#/components/parameters/{name}")),
            "{name}"
        );
    }
    assert!(update["responses"]["412"].is_object());
    assert_eq!(update["security"], json!([{"bearer": []}, {"basic": []}]));
    assert!(
        update["description"]
            .as_str()
            .unwrap()
            .ends_with("**Access**: staff with the permission `catalogue`.")
    );
    let password = &document["paths"]["/v1/users/{id}:changePassword"]["post"];
    assert_eq!(password["security"], json!([{"bearer": []}]), "no keys");
    assert!(document["paths"]["/v1/users/{id}"]["delete"]["responses"]["204"].is_object());
    let stream = &document["paths"]["/v1/orders/{id}:watch"]["get"]["responses"]["200"]["content"];
    assert!(stream["application/x-ndjson"].is_object() && stream["text/event-stream"].is_object());
    let movement = &document["components"]["schemas"]["StockReason"];
    assert!(
        movement["description"]
            .as_str()
            .unwrap()
            .contains("`STOCK_REASON_RECEIVED`: Received from a supplier.")
    );
}

#[test]
fn choices_are_told_so_that_generators_make_one_type_of_them() {
    let document = feira();
    let reason = &document["components"]["schemas"]["AdjustStockBody"]["properties"]["reason"];
    assert_eq!(reason["$ref"], "#/components/schemas/StockReason");
    assert!(reason["enum"].is_null());
    let excluded = reason["not"]["enum"].as_array().unwrap();
    assert!(
        excluded.contains(&json!("STOCK_REASON_SOLD")) && !excluded.contains(&json!("STOCK_REASON_RECEIVED"))
    );
    let list = document["paths"]["/v1/articles"]["get"]["parameters"].as_array().unwrap();
    let order = &list.iter().find(|it| it["name"] == "orderBy").unwrap()["schema"];
    let at = order["enum"].as_array().unwrap().iter().position(|choice| choice == "").unwrap();
    assert_eq!(order["x-enum-varnames"][at], "EMPTY");
    assert_eq!(order["x-enum-varnames"].as_array().unwrap().len(), order["enum"].as_array().unwrap().len());
}

#[test]
fn what_counts_where_nothing_is_given_may_break_a_rule() {
    let document = feira();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["AddLineBody"]["required"], json!(["articleId", "quantity"]));
    assert_eq!(schemas["AdjustStockBody"]["required"], json!(["delta", "reason"]));
    assert!(schemas["AddressUpdate"]["required"].is_null());
    let given = json!([{"required": ["addressId"]}, {"required": ["address"]}]);
    assert_eq!(
        schemas["CreateOrderRequest"]["not"],
        json!({"anyOf": [{"required": ["addressId", "address"]}, {"not": {"anyOf": given}}]})
    );
}

#[test]
fn operations_are_named_for_generators() {
    let document = feira();
    let mut ids = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} twice");
            assert!(!id.ends_with(|c: char| c.is_ascii_digit()), "{id}");
        }
    }
    assert!(ids.contains("ArticleService_GetArticle") && ids.contains("ArticleService_GetArticleByCode"));
    // One method by many routes, of another contract.
    let document = describe(&crate::json::test_pool(), "library.");
    let id = |path: &str, method: &str| document["paths"][path][method]["operationId"].clone();
    assert_eq!(id("/v1/search", "get"), "Library_Search");
    assert_eq!(id("/v1/search/{number}/{kind}", "get"), "Library_SearchByNumberAndKind");
    assert_eq!(id("/v1/search/{number}", "post"), "Library_SearchByNumber");
}

#[test]
fn every_reason_is_described_by_the_answer_that_it_comes_with() {
    let document = feira();
    let responses = document["components"]["responses"].as_object().unwrap();
    let of_statuses = responses.values().filter(|it| it["content"].is_object());
    for reason in contracts::errors::Reason::ALL {
        let words = format!("- `{reason}`: {}", reason.cause());
        let naming = of_statuses.clone().filter(|it| it["description"].as_str().unwrap().contains(&words));
        let codes: Vec<_> = naming
            .map(|it| it["content"]["application/json"]["example"]["error"]["code"].as_u64().unwrap_or(0))
            .collect();
        let http = u64::from(reason.http_status());
        assert!(codes.contains(&http) || codes == [0], "{reason}: {codes:?}");
    }
}

#[test]
fn streams_are_lines_of_text_or_arrays() {
    let document = feira();
    let stream = &document["paths"]["/v1/orders/{id}:watch"]["get"]["responses"]["200"]["content"];
    let lines = &stream["application/x-ndjson"];
    assert_eq!(
        (&lines["schema"]["type"], &stream["text/event-stream"]["schema"]["type"]),
        (&json!("string"), &json!("string"))
    );
    let line = &lines["schema"]["contentSchema"]["properties"]["result"];
    assert_eq!(*line, json!({"$ref": "#/components/schemas/OrderEvent"}));
    let example = lines["example"].as_str().unwrap().strip_suffix('\n').unwrap();
    assert!(serde_json::from_str::<Value>(example).unwrap()["result"]["orderId"].is_string());
    let import =
        &document["paths"]["/v1/articles:import"]["post"]["requestBody"]["content"]["application/x-ndjson"];
    assert_eq!(import["schema"]["type"], "string");
    let array = &stream["application/json"]["schema"];
    assert_eq!(*array, json!({"type": "array", "items": {"$ref": "#/components/schemas/OrderEvent"}}));
}

#[test]
fn what_the_path_sets_is_not_in_the_body() {
    let document = feira();
    let body = &document["components"]["schemas"]["ChangePasswordBody"];
    assert!(body["properties"]["id"].is_null());
    assert_eq!(body["required"], json!(["newPassword"]));
}

#[test]
fn a_contract_without_access_rules_has_no_security() {
    let document = describe(&crate::json::test_pool(), "library.");
    assert!(document["components"]["securitySchemes"].is_null());
    let search = &document["paths"]["/v1/search"]["get"];
    assert!(search["security"].is_null());
    let names: Vec<_> = search["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    assert!(names.contains(&"innerPart.units") && names.contains(&"time") && names.contains(&"words"));
    assert!(names.contains(&"nested.text") && !names.contains(&"nested.nested.text"));
    assert!(document["paths"]["/v1/shelves/{name}/books/{name2}:checkOut"]["post"].is_object());
    assert_eq!(
        document["paths"]["/v1/books/{id}/cover"]["put"]["requestBody"]["content"],
        json!({"*/*": {"schema": {}}})
    );
}
