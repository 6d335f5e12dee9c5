//! The edge's own pages.

use axum::body::Body;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::support::{request, shop};

#[tokio::test]
async fn the_page_works_without_the_internet() {
    let shop = shop();
    assert_eq!(shop.get("/docs").await.header("location"), "/docs/");
    let page = shop.get("/docs/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html"));
    assert!(!page.text().contains("https://"));
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        assert_eq!(shop.get(&format!("/docs/{file}")).await.status, 200, "{file}");
    }
    for linked in page.text().split(['"']).filter(|text| text.ends_with(".js") || text.ends_with(".css")) {
        assert_eq!(shop.get(&format!("/docs/{linked}")).await.status, 200, "{linked}");
    }
    assert!(shop.get("/docs/swagger-initializer.js").await.text().contains("/openapi.json"));
}

#[tokio::test]
async fn its_files_travel_compressed_to_those_who_read_that() {
    let shop = shop();
    let get = |headers| shop.send(request("GET", "/docs/swagger-ui.css", headers, Body::empty()));
    let plain = get(&[]).await;
    assert!(!plain.headers.contains_key("content-encoding") && plain.text().starts_with(".swagger-ui"));
    let compressed = get(&[("accept-encoding", "gzip, br")]).await;
    assert_eq!(compressed.header("content-encoding"), "gzip");
    assert!(compressed.bytes.len() * 3 < plain.bytes.len());
}

/// Feira's own contract; every role is there.
fn feira() -> axum::Router {
    let conn = kit::Conn::new(tower::service_fn(|_| async { Err(tonic::Status::internal("never called")) }));
    gateway::router(
        &gateway::Options::default(),
        contracts::pool(),
        |_| Some(conn.clone()),
        gateway::Extras::default(),
    )
    .unwrap()
}

#[tokio::test]
async fn feiras_own_contract_is_described() {
    let mut texts = Vec::new();
    for file in ["openapi.json", "openapi.yaml"] {
        let request = request("GET", &format!("/{file}"), &[], Body::empty());
        let response = feira().oneshot(request).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        // Left there for linters: `npx @redocly/cli lint target/tmp/openapi.yaml`.
        std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/").to_owned() + file, &bytes).unwrap();
        texts.push(String::from_utf8(bytes.to_vec()).unwrap());
    }
    let document: serde_json::Value = serde_json::from_str(&texts[0]).unwrap();
    let yaml: serde_json::Value = yaml_serde::from_str(&texts[1]).unwrap();
    assert_eq!(document, yaml);
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v1/articles/{id}"]["patch"].is_object());
}
