//! The OpenAPI document and the page that shows it.

use http::Method;
use serde_json::Value;

use crate::support::{Setup, rpcs::RPCS};

tests!(
    every_rpc_is_where_the_contract_says,
    the_openapi_document_describes_every_path,
    the_documentation_works_offline,
);

/// Covers: mesh.edge.
async fn every_rpc_is_where_the_contract_says(setup: Setup) {
    let mesh = setup.start().await;
    let document = mesh.http().get("/openapi.json").await.expect(200).clone();
    let mut described = 0;
    for rpc in RPCS.iter() {
        for path in &rpc.paths {
            let operation = operation(&document, &rpc.method, path);
            assert!(operation.is_object(), "{} {path} of {}.{}", rpc.method, rpc.service, rpc.name);
            assert_eq!(operation["requestBody"].is_object(), !rpc.body.is_empty(), "{} {path}", rpc.method);
            described += 1;
        }
    }
    let paths = document["paths"].as_object().unwrap();
    let all: usize =
        paths.values().map(|path| path.as_object().unwrap().keys().filter(|it| is_method(it)).count()).sum();
    assert_eq!(all, described, "nothing else is there");
}

/// An operation of an OpenAPI document, whatever the document calls the path's variables.
fn operation<'a>(document: &'a Value, method: &Method, path: &str) -> &'a Value {
    let shape = shape(path);
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().find(|(it, _)| self::shape(it) == shape).map(|(_, operations)| operations);
    operations.map_or(&Value::Null, |operations| &operations[method.as_str().to_lowercase()])
}

fn shape(path: &str) -> String {
    let mut inside = false;
    let outside = |letter: &char| {
        inside = match letter {
            '{' => true,
            '}' => false,
            _ => return !inside,
        };
        true
    };
    path.chars().filter(outside).collect()
}

fn is_method(key: &str) -> bool {
    ["get", "post", "patch", "put", "delete"].contains(&key)
}

/// Covers: mesh.docs.
async fn the_openapi_document_describes_every_path(setup: Setup) {
    let mesh = setup.start().await;
    let reply = mesh.http().get("/openapi.json").await;
    let document = reply.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let text = reply.text();
    for name in ["google.protobuf.Any", "ReserveStock", "NodeService"] {
        assert!(!text.contains(&format!("/{name}")), "{name} is not for the world");
    }
    let mut ids = std::collections::BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap().iter().filter(|(key, _)| is_method(key)) {
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
                "{method} {path}: id is unique"
            );
            assert!(
                operation["summary"].is_string() || operation["description"].is_string(),
                "{method} {path}"
            );
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
            assert!(
                answers.keys().any(|status| status == "default" || status.starts_with('4')),
                "{method} {path}"
            );
            let variables = path.matches('{').count();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.filter(|it| it["in"] == "path").count();
            assert_eq!(parameters, variables, "{method} {path}");
        }
    }
    // Every reference leads somewhere.
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let found = document.pointer(&reference.trim_start_matches('#').replace("%7B", "{"));
        assert!(found.is_some(), "{reference}");
    }
    let yaml = mesh.http().get("/openapi.yaml").await;
    yaml.expect(200);
    assert!(yaml.text().lines().any(|line| line.starts_with("openapi: 3.1")));
}

/// Covers: mesh.docs.
async fn the_documentation_works_offline(setup: Setup) {
    let mesh = setup.start().await;
    let http = mesh.http();
    http.get("/").await.expect(200);
    let mut page = http.get("/docs").await;
    if page.status.is_redirection() {
        page = http.get(page.header("location")).await;
    }
    page.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    let html = page.text();
    let mut loaded = 0;
    for reference in html.split("src=\"").chain(html.split("href=\"")).skip(1) {
        let reference = reference.split('"').next().unwrap();
        if html.starts_with(reference) {
            continue;
        }
        assert!(!reference.contains("//"), "loads nothing from elsewhere: {reference}");
        let path = format!("/docs/{}", reference.trim_start_matches("./").trim_start_matches("/docs/"));
        let file = http.get(&path).await;
        file.expect(200);
        loaded += 1;
    }
    assert!(loaded >= 3, "scripts and styles: {html}");
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    http.get("/docs/../Cargo.toml").await;
    http.get("/docs/nothing.js").await.refused(404, "NOT_FOUND", "NOT_FOUND");
}
