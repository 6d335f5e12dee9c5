//! Examples in the document.

use serde_json::{Value, json};

use super::feira;

#[test]
fn examples_are_declared_or_follow_from_rules_and_names() {
    let document = feira();
    let of = |method: &str, path: &str| &document["paths"][path][method];
    let body = |operation: &Value| operation["requestBody"]["content"]["application/json"]["example"].clone();
    assert_eq!(
        body(of("post", "/v1/auth:signIn")),
        json!({"login": "maria", "password": "correct horse", "code": ""})
    );
    let line = body(of("post", "/v1/orders/{orderId}/lines"));
    assert_eq!(line, json!({"articleId": "art_01kjta37srfgpvbshzh9ym3gmg", "quantity": 2}));
    let order = body(of("post", "/v1/orders"));
    assert!(order["address"]["city"] == "Porto" && order["addressId"].is_null(), "{order}");

    let answer = &of("get", "/v1/orders/{id}")["responses"]["200"]["content"]["application/json"]["example"];
    assert_eq!(answer["userId"], "usr_01kjta37srfgpvbshzh9ym3gmg");
    assert_eq!(answer["total"], json!({"currencyCode": "EUR", "units": "30", "nanos": 970_000_000}));
    assert_eq!(answer["createTime"], "2026-03-03T09:30:00Z");

    let parameters = of("get", "/v1/articles")["parameters"].as_array().unwrap();
    let price = parameters.iter().find(|it| it["name"] == "minPrice.units").unwrap();
    assert!(price["example"].is_null() && price["schema"]["examples"] == json!(["5"]), "{price}");
    let id = &of("get", "/v1/orders/{id}")["parameters"][0];
    assert_eq!((&id["example"], &id["required"]), (&json!("open"), &json!(true)));
}

#[test]
fn examples_are_true_to_their_operation() {
    let document = feira();
    let of = |method: &str, path: &str| {
        let operation = &document["paths"][path][method]["responses"];
        let answer = if operation["201"].is_object() { &operation["201"] } else { &operation["200"] };
        answer["content"]["application/json"]["example"].clone()
    };
    for (method, path, state) in [
        ("get", "/v1/orders/open", "OPEN"),
        ("post", "/v1/orders/{orderId}/lines", "OPEN"),
        ("patch", "/v1/orders/{orderId}/lines/{lineId}", "OPEN"),
        ("post", "/v1/orders/{id}:reopen", "OPEN"),
        ("post", "/v1/orders/{id}:checkout", "PAID"),
        ("post", "/v1/orders", "PAID"),
        ("post", "/v1/orders/{id}:cancel", "CANCELLED"),
        ("post", "/v1/orders/{id}:ship", "SHIPPED"),
        ("post", "/v1/orders/{id}:deliver", "DELIVERED"),
    ] {
        let order = of(method, path);
        assert_eq!(order["state"], format!("ORDER_STATE_{state}"), "{method} {path}");
        let sent = ["SHIPPED", "DELIVERED"].contains(&state);
        assert_eq!(order["trackingCode"] != "", sent, "{method} {path}");
        assert_eq!(order["placeTime"].is_null(), state == "OPEN", "{method} {path}");
    }
    let voided = of("post", "/v1/payments/{id}:void");
    assert_eq!(
        (&voided["state"], &voided["captured"]["units"]),
        (&json!("PAYMENT_STATE_VOIDED"), &json!("0"))
    );
    assert_eq!((&voided["voided"]["units"], &voided["flags"]), (&json!("30"), &json!([])));
    assert_eq!(of("post", "/v1/users/{id}:disable")["disabled"], true);
    assert_eq!(of("post", "/v1/users/{id}:enable")["disabled"], false);
    assert_eq!(of("get", "/v1/ledgerEntries")["entries"][0]["disputeId"], "");
    let import =
        &document["paths"]["/v1/articles:import"]["post"]["requestBody"]["content"]["application/x-ndjson"];
    assert!(!import.to_string().contains("badLine"), "{import}");

    // Everywhere: words of callers are no ids of answers, and nothing is in brackets by mistake.
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for answer in operation["responses"].as_object().unwrap().values() {
                let example = answer["content"]["application/json"]["example"].to_string();
                for wrong in ["\"me\"", "\"open\"", "[\"[]\"]", "[\"\"]"] {
                    assert!(!example.contains(wrong), "{method} {path}: {wrong} in {example}");
                }
            }
            if method == "patch" {
                let types = &operation["requestBody"]["content"];
                assert!(types["application/json"].is_object(), "{path}");
                assert!(types["application/merge-patch+json"].is_object(), "{path}");
            }
        }
    }
}

#[test]
fn examples_of_failures_are_true_to_the_operation() {
    let document = feira();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            let error = |status: &str| {
                let answer = &operation["responses"][status];
                let shared =
                    answer["$ref"].as_str().and_then(|to| document.pointer(to.strip_prefix('#').unwrap()));
                shared.unwrap_or(answer)["content"]["application/json"]["example"]["error"].clone()
            };
            let field = error("400")["details"][1]["fieldViolations"][0]["field"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if field == "page_size" {
                let lists = operation["parameters"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|it| it["name"] == "pageSize"));
                assert!(lists || path.matches('{').count() == 0, "{id}: {field}");
            }
            if error("409")["details"][0]["reason"] == "ALREADY_EXISTS" {
                assert!(operation["responses"]["201"].is_object(), "{id}");
            }
        }
    }
    let of = |method: &str, path: &str, status: &str| {
        document["paths"][path][method]["responses"][status]["content"]["application/json"]["example"]["error"].clone()
    };
    assert_eq!(of("post", "/v1/users", "400")["details"][1]["fieldViolations"][0]["field"], "username");
    assert_eq!(
        of("patch", "/v1/articles/{id}", "400")["details"][1]["fieldViolations"][0]["field"],
        "article.id"
    );
    assert_eq!(of("patch", "/v1/articles/{id}", "409")["details"][0]["reason"], "ETAG_MISMATCH");
}
