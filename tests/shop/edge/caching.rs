//! Conditions, entity tags and merge patches.

use contracts::user::{GetUserRequest, User};
use http::Method;
use serde_json::json;

use crate::support::{Edge, Reply, Setup};

tests!(
    if_match_refuses_a_stale_change_by_412,
    who_has_it_already_gets_304_and_never_what_is_out_of_date,
    a_merge_patch_changes_what_it_names_at_any_depth,
);

/// Covers: etag.
async fn if_match_refuses_a_stale_change_by_412(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let ada = mesh.shopper().await;
    let me = ada.http().get("/v1/users/me").await;
    let etag = me.header("etag").to_owned();
    // `me` is somebody else for each caller: the version alone would not tell them apart.
    assert!(etag.starts_with(&format!("\"{}.", me.json["etag"].as_str().unwrap())), "{etag}");
    let change = |name: &str| json!({"firstName": name});
    ada.http().with("if-match", &etag).patch("/v1/users/me", change("One")).await.expect(200);
    let stale = ada.http().with("if-match", &etag).patch("/v1/users/me", change("Two")).await;
    stale.refused(412, "ABORTED", "ETAG_MISMATCH");
    let body = json!({"firstName": "Two", "etag": me.json["etag"]});
    ada.http().patch("/v1/users/me", body).await.refused(409, "ABORTED", "ETAG_MISMATCH");
    ada.http().with("if-match", &etag).delete("/v1/users/me").await.refused(412, "ABORTED", "ETAG_MISMATCH");
    let user: User = ada.get_user(GetUserRequest { id: "me".into() }).await.unwrap().body;
    assert_eq!(user.first_name, "One");
    let fresh = format!("\"{}\"", user.etag);
    ada.http().with("if-match", &fresh).patch("/v1/users/me", change("Three")).await.expect(200);
}

/// Covers: etag.
async fn who_has_it_already_gets_304_and_never_what_is_out_of_date(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (ada, admin) = (mesh.shopper().await, mesh.admin().await);
    let http = admin.http();
    let tea = json!({"code": "TEA-304", "name": "Tea", "active": true,
        "price": {"currencyCode": "EUR", "units": "12", "nanos": 500_000_000}});
    let tea = http.post("/v1/articles", tea).await.expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/articles/{tea}");
    let again = async |path: &str, known: &str| http.with("if-none-match", known).get(path).await;
    for path in [path.as_str(), "/v1/articles/by-code/TEA-304", "/v1/users/me"] {
        let tag = http.get(path).await.header("etag").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let answer = again(path, &known).await;
            assert_eq!((answer.status.as_u16(), answer.bytes.len()), (304, 0), "{path} {known}");
            assert_eq!(answer.header("etag"), tag, "{path} {known}");
        }
        assert_eq!(again(path, "\"99\"").await.status, 200, "{path}");
    }
    // Stock is no part of an article's version, and two people's `me` may have one version.
    let before = http.get(&path).await;
    http.post(&format!("{path}/stock:adjust"), json!({"delta": "7", "reason": "STOCK_REASON_RECEIVED"}))
        .await
        .expect(200);
    let after = again(&path, before.header("etag")).await;
    assert_eq!(after.expect(200)["available"], "7");
    let hers = ada.http().get("/v1/users/me").await.header("etag").to_owned();
    assert_eq!(again("/v1/users/me", &hers).await.status, 200);

    let update = |name: &'static str, value: &str| http.with(name, value);
    let new = json!({"name": "Tea 2"});
    update("if-none-match", after.header("etag")).patch(&path, new.clone()).await.refused(
        412,
        "ABORTED",
        "ETAG_MISMATCH",
    );
    update("if-none-match", "\"99\"").patch(&path, new.clone()).await.expect(200);
    update("if-match", before.header("etag")).patch(&path, new.clone()).await.refused(
        412,
        "ABORTED",
        "ETAG_MISMATCH",
    );
    let now = http.get(&path).await.header("etag").to_owned();
    update("if-match", &now).patch(&path, new).await.expect(200);
}

/// Covers: etag.
async fn a_merge_patch_changes_what_it_names_at_any_depth(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let admin = mesh.admin().await;
    let tea = json!({"code": "TEA-7396", "name": "Tea", "active": true,
        "price": {"currencyCode": "EUR", "units": "12", "nanos": 500_000_000}});
    let tea = admin.http().post("/v1/articles", tea).await.expect(201)["id"].as_str().unwrap().to_owned();
    let patch = async |kind: &str, body: serde_json::Value| {
        let url = format!("/v1/articles/{tea}");
        let request = admin.http().request(Method::PATCH, &url).header("content-type", kind);
        Reply::read(request.body(body.to_string())).await
    };
    let merge = "application/merge-patch+json";
    let euros = |units: &str, nanos: i64| json!({"currencyCode": "EUR", "units": units, "nanos": nanos});
    for body in [json!({"units": "13"}), json!({"currencyCode": "EUR", "units": "13"})] {
        let answer = patch(merge, json!({"price": body})).await;
        assert_eq!(answer.expect(200)["price"], euros("13", 500_000_000), "{body}");
    }
    let answer = patch(merge, json!({"price": {"nanos": null}, "description": "d"})).await;
    assert_eq!(answer.expect(200)["price"], euros("13", 0));
    assert_eq!(answer.json["description"], "d");
    assert_eq!(patch(merge, json!({"description": null})).await.expect(200)["description"], "");
    patch("application/json", json!({"price": {"units": "14"}})).await.refused(
        400,
        "INVALID_ARGUMENT",
        "VALIDATION",
    );
    let answer = patch("application/json", json!({"price": euros("14", 0)})).await;
    assert_eq!(answer.expect(200)["price"], euros("14", 0));
    let refused = patch("text/plain", json!({})).await;
    refused.refused(415, "INVALID_ARGUMENT", "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(refused.header("accept-patch"), "application/json, application/merge-patch+json");
}
