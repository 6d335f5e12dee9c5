//! The REST edge: what it is strict about, its headers, its documents.

use contracts::user::{GetUserRequest, User};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Edge, Reply, Setup, eur, rpcs::RPCS, shop::PASSWORD};

tests!(
    pages_of_what_is_not_there_are_404,
    unknown_paths_and_methods_are_errors_like_all_others,
    a_body_too_large_or_of_another_type_is_refused,
    both_spellings_are_taken_and_one_is_given,
    created_and_empty_answers_have_their_status,
    if_match_refuses_a_stale_change_by_412,
    head_and_options_are_answered,
    who_has_it_already_gets_304_and_never_what_is_out_of_date,
    a_merge_patch_changes_what_it_names_at_any_depth,
    long_answers_are_compressed_for_those_who_ask,
    a_request_id_goes_both_ways,
    only_mesh_services_call_mesh_methods,
    every_rpc_is_where_the_contract_says,
    the_openapi_document_describes_every_path,
    the_documentation_works_offline,
    the_front_end_stands_at_the_root,
    a_browser_has_its_refresh_token_kept_where_no_script_reads_it,
    idempotency_and_retry_are_told_by_headers,
);

/// Covers: mesh.edge.
async fn unknown_paths_and_methods_are_errors_like_all_others(setup: Setup) {
    let mesh = setup.start().await;
    let http = mesh.http();
    for path in
        ["/nothing", "/v1", "/v1/", "/v1/articles/", "/v1/users/me:dance", "/v1//articles", "/V1/articles"]
    {
        http.get(path).await.refused(404, "NOT_FOUND", "NOT_FOUND");
    }
    http.get("/v1/articles/%ZZ").await.refused(400, "INVALID_ARGUMENT", "VALIDATION");
    let reply = http.delete("/v1/articles").await;
    reply.refused(405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED");
    let allow = reply.header("allow").split(", ").map(str::to_owned).collect::<Vec<_>>();
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        assert!(allow.iter().any(|it| it == method), "{allow:?}");
    }
    http.send(Method::PUT, "/v1/users/me", Some(json!({}))).await.refused(
        405,
        "UNIMPLEMENTED",
        "METHOD_NOT_ALLOWED",
    );
    http.post("/openapi.json", json!({})).await.refused(405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED");
    let reply = http.get("/v1/users/me").await;
    reply.refused(401, "UNAUTHENTICATED", "UNAUTHENTICATED");
    assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"feira\"");
}

/// Covers: mesh.edge, bad-input.
async fn a_body_too_large_or_of_another_type_is_refused(setup: Setup) {
    let mesh = setup.start().await;
    let http = mesh.http();
    let large = format!(r#"{{"login":"{}"}}"#, "x".repeat(16 << 20));
    http.post_text("/v1/auth:signIn", large).await.refused(413, "RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonx"] {
        let request = http.request(Method::POST, "/v1/auth:signIn").header("content-type", kind).body("{}");
        Reply::read(request).await.refused(415, "INVALID_ARGUMENT", "UNSUPPORTED_MEDIA_TYPE");
    }
    let body = r#"{"login":"nobody-at-all","password":"x"}"#;
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        let request = http.request(Method::POST, "/v1/auth:signIn").header("content-type", kind).body(body);
        Reply::read(request).await.refused(401, "UNAUTHENTICATED", "UNAUTHENTICATED");
    }
}

/// Covers: mesh.edge.
async fn both_spellings_are_taken_and_one_is_given(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let ada = mesh.shopper().await;
    let reply = ada.http().patch("/v1/users/me", json!({"first_name": "Augusta"})).await;
    assert_eq!(reply.expect(200)["firstName"], "Augusta");
    let reply = ada.http().patch("/v1/users/me?updateMask=lastName", json!({"lastName": "King"})).await;
    assert_eq!(reply.expect(200)["lastName"], "King");
    let reply =
        ada.http().patch("/v1/users/me?update_mask=first_name,last_name", json!({"firstName": "A"})).await;
    let user = reply.expect(200);
    assert_eq!(
        (&user["firstName"], &user["lastName"]),
        (&json!("A"), &json!("")),
        "unset fields are printed"
    );
    assert_eq!(user["roles"], json!(["ROLE_CUSTOMER"]));
    assert_eq!(user["disabled"], false);
    assert!(user["createTime"].as_str().unwrap().ends_with('Z'));
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(1299), 7).await;
    let article = staff.http().get(&format!("/v1/articles/{}", article.id)).await.expect(200).clone();
    assert_eq!(article["price"], json!({"currencyCode": "EUR", "units": "12", "nanos": 990000000}));
    assert_eq!((&article["available"], &article["taxRateBasisPoints"]), (&json!("7"), &json!(2300)));
    assert_eq!(article["description"], "");
}

/// Covers: mesh.edge.
async fn created_and_empty_answers_have_their_status(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let ada = mesh.shopper().await;
    let address = json!({"recipient": "A", "lines": ["1"], "city": "Lisboa", "countryCode": "PT"});
    let made = ada.http().post("/v1/users/me/addresses", address).await;
    let path = format!("/v1/users/me/addresses/{}", made.expect(201)["id"].as_str().unwrap());
    assert_eq!(ada.http().get(&path).await.expect(200), &made.json);
    let gone = ada.http().delete(&path).await;
    gone.expect(204);
    assert!(gone.bytes.is_empty());
    ada.http().get(&path).await.refused(404, "NOT_FOUND", "NOT_FOUND");
    let out = ada.http().send(Method::POST, "/v1/auth:signOut", None).await;
    assert_eq!(out.status, 204, "a POST needs no body where there is nothing to say: {}", out.text());
}

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

async fn head_and_options_are_answered(setup: Setup) {
    let mesh = setup.start().await;
    let http = mesh.http();
    let get = http.get("/v1/articles").await;
    let head = http.send(Method::HEAD, "/v1/articles", None).await;
    head.expect(200);
    assert!(head.bytes.is_empty());
    assert_eq!(head.header("content-type"), get.header("content-type"));
    let options = http.send(Method::OPTIONS, "/v1/articles", None).await;
    options.expect(204);
    assert!(options.header("allow").contains("POST"), "{:?}", options.headers);
    assert_eq!(get.header("x-content-type-options"), "nosniff");
    assert_eq!(get.header("access-control-allow-origin"), "", "no other origin is let in");
}

async fn long_answers_are_compressed_for_those_who_ask(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let staff = mesh.admin().await;
    for _ in 0..20 {
        staff.stocked(eur(100), 0).await;
    }
    let plain = mesh.http().get("/v1/articles").await;
    assert_eq!(plain.header("content-encoding"), "");
    let packed = mesh.http().with("accept-encoding", "gzip").get("/v1/articles").await;
    packed.expect(200);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.bytes[..2], [0x1f, 0x8b]);
    assert!(packed.bytes.len() < plain.bytes.len() / 3);
}

/// Covers: mesh.trace.
async fn a_request_id_goes_both_ways(setup: Setup) {
    let mesh = setup.start().await;
    for path in ["/v1/articles", "/nothing", "/v1/users/me"] {
        let reply = mesh.http().with("x-request-id", "my-id-1").get(path).await;
        assert_eq!(reply.header("x-request-id"), "my-id-1", "{path}");
        let made = mesh.http().get(path).await.header("x-request-id").to_owned();
        assert!(
            made.len() >= 16 && made != mesh.http().get(path).await.header("x-request-id"),
            "{path}: {made}"
        );
    }
    let bad = mesh.http().with("x-request-id", "a b\tc").get("/v1/articles").await;
    assert_ne!(bad.header("x-request-id"), "a b\tc", "not fit for a log");
}

/// Covers: access.
async fn only_mesh_services_call_mesh_methods(setup: Setup) {
    use contracts::{article, mesh::*, payment};
    let mesh = setup.start().await;
    let (staff, anybody) = (mesh.admin().await, mesh.client());
    let expire_time = Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 });
    let lines =
        vec![article::ReservationLine { article_id: "art_01h455vb4pex5vsknk084sn02q".into(), quantity: 1 }];
    let order_id = "ord_01h455vb4pex5vsknk084sn02q".to_owned();
    let reserve = article::ReserveStockRequest { order_id: order_id.clone(), attempt: 1, lines, expire_time };
    let create = payment::CreatePaymentRequest {
        id: "pay_01h455vb4pex5vsknk084sn02q".into(),
        order_id,
        user_id: staff.user.id.clone(),
        amount: Some(eur(1)),
        payment_type: 1,
        ..Default::default()
    };
    for (client, code) in
        [(&staff.client, tonic::Code::PermissionDenied), (&anybody, tonic::Code::PermissionDenied)]
    {
        let mut stock =
            article::stock_service_client::StockServiceClient::new(client.channel("feira.article.v1"));
        let mut payments =
            payment::payment_service_client::PaymentServiceClient::new(client.channel("feira.payment.v1"));
        let mut node = node_service_client::NodeServiceClient::new(client.channel("feira.mesh.v1"));
        let subscribe = SubscribeRequest { role: "user".into(), after_position: 0 };
        for status in [
            stock.reserve_stock(client.sign(reserve.clone())).await.unwrap_err(),
            payments.create_payment(client.sign(create.clone())).await.unwrap_err(),
            node.subscribe(client.sign(subscribe)).await.err().unwrap(),
        ] {
            assert_eq!(status.code(), code, "{status:?}");
        }
    }
    // A service token of another mesh is none.
    let forged = anybody.signed_in("eyJhbGciOiJIUzI1NiIsInR5cCI6ImZlaXJhLXNlcnZpY2Urand0In0.e30.c2ln");
    let mut stock =
        article::stock_service_client::StockServiceClient::new(forged.channel("feira.article.v1"));
    let status = stock.reserve_stock(forged.sign(reserve)).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
}

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

/// Covers: idempotency, mesh.edge.
async fn idempotency_and_retry_are_told_by_headers(setup: Setup) {
    let mesh = setup.over(Edge::Rest).env("FEIRA_SIGN_IN_ATTEMPTS", "1").start().await;
    let ada = mesh.shopper().await;
    let address = json!({"recipient": "A", "lines": ["1"], "city": "Lisboa", "countryCode": "PT"});
    let keyed = ada.http().with("idempotency-key", "address-1");
    let first = keyed.post("/v1/users/me/addresses", address.clone()).await;
    let again = keyed.post("/v1/users/me/addresses", address).await;
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_eq!((first.expect(201), first.bytes.clone()), (again.expect(201), again.bytes.clone()));
    keyed.with("idempotency-key", "another").get("/v1/users/me").await.refused(
        400,
        "INVALID_ARGUMENT",
        "VALIDATION",
    );
    let wrong = json!({"login": ada.user.username, "password": "wrong"});
    mesh.http().post("/v1/auth:signIn", wrong.clone()).await.refused(
        401,
        "UNAUTHENTICATED",
        "UNAUTHENTICATED",
    );
    let reply = mesh.http().post("/v1/auth:signIn", wrong).await;
    reply.refused(429, "RESOURCE_EXHAUSTED", "RATE_LIMITED");
    assert!(reply.header("retry-after").parse::<u32>().unwrap() >= 1);
}

/// Covers: mesh.front-end.
async fn the_front_end_stands_at_the_root(setup: Setup) {
    let mesh = setup.clone().start().await;
    let browser = mesh.http().with("accept", "text/html,application/xhtml+xml");
    for (path, status) in [
        ("/", 200),
        ("/basket", 200),
        ("/orders/1", 200),
        ("/account", 200),
        ("/staff/articles", 200),
        ("/articles/art_01h455vb4pex5vsknk084sn02q", 404),
        ("/no/such/page", 404),
        ("/v1/nothing", 404),
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status.as_u16(), status, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
    }
    let script = browser.get("/").await.text();
    let script =
        script.split("<script type=\"module\" src=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(browser.get(&script).await.header("cache-control").contains("immutable"), "{script}");
    mesh.http().get("/v1/nothing").await.refused(404, "NOT_FOUND", "NOT_FOUND");
    mesh.http().get("/basket").await.refused(404, "NOT_FOUND", "NOT_FOUND");
    assert_eq!(mesh.http().with("accept", "application/json").get("/").await.expect(200)["docs"], "/docs");

    let without = setup.env("FEIRA_WEB", "false").start().await;
    let browser = without.http().with("accept", "text/html");
    browser.get("/basket").await.refused(404, "NOT_FOUND", "NOT_FOUND");
    assert_eq!(browser.get("/").await.expect(200)["docs"], "/docs");
}

/// Covers: user.sign-in, mesh.front-end.
async fn a_browser_has_its_refresh_token_kept_where_no_script_reads_it(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let browser = mesh.http().with("x-feira-cookies", "1");
    let sign_in = json!({"login": ada.user.username, "password": PASSWORD});
    let kept = |reply: &Reply| {
        let cookie = reply.header("set-cookie").to_owned();
        let (token, attributes) = cookie.split_once("; ").unwrap_or_else(|| panic!("{cookie}"));
        assert_eq!(reply.json["refreshToken"], "", "{}", reply.json);
        assert!(attributes.starts_with("Path=/v1/auth:refresh; Max-Age=2592000; HttpOnly; SameSite=Strict"));
        token.to_owned()
    };
    let signed_in = browser.post("/v1/auth:signIn", sign_in.clone()).await;
    signed_in.expect(200);
    let first = kept(&signed_in);

    // It works once, from the cookie alone.
    let refreshed = browser.with("cookie", &first).post("/v1/auth:refresh", json!({})).await;
    let access = refreshed.expect(200)["accessToken"].as_str().unwrap().to_owned();
    let second = kept(&refreshed);
    assert_ne!(second, first);
    let bearer = format!("Bearer {access}");
    mesh.http().with("authorization", &bearer).get("/v1/users/me").await.expect(200);

    // Whoever does not ask by the header, such as a form of another site, has no cookie used for it.
    let forged = mesh.http().with("cookie", &second).post("/v1/auth:refresh", json!({})).await;
    forged.refused(400, "INVALID_ARGUMENT", "VALIDATION");
    assert_eq!(forged.header("set-cookie"), "");

    // Its reuse ends the session, and the cookie.
    let reused = browser.with("cookie", &first).post("/v1/auth:refresh", json!({})).await;
    reused.refused(401, "UNAUTHENTICATED", "UNAUTHENTICATED");
    assert!(reused.header("set-cookie").contains("=; ") && reused.header("set-cookie").contains("Max-Age=0"));

    // So does signing out.
    let again = browser.post("/v1/auth:signIn", sign_in.clone()).await;
    let bearer = format!("Bearer {}", again.expect(200)["accessToken"].as_str().unwrap());
    let out = browser.with("authorization", &bearer).post("/v1/auth:signOut", json!({})).await;
    out.expect(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));

    // All others are answered as ever.
    let plain = mesh.http().post("/v1/auth:signIn", sign_in).await;
    assert_ne!(plain.expect(200)["refreshToken"], "");
    assert_eq!(plain.header("set-cookie"), "");
}

/// Covers: mesh.front-end.
async fn pages_of_what_is_not_there_are_404(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 1).await;
    let people = mesh.http().with("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    for (path, status) in [
        (format!("/articles/{}", article.id), 200),
        ("/articles/art_01h455vb4pex5vsknk084sn02q".to_owned(), 404),
        ("/articles/nonsense".to_owned(), 404),
        ("/orders/ord_01h455vb4pex5vsknk084sn02q".to_owned(), 200),
        ("/nowhere".to_owned(), 404),
        ("/v1/nowhere".to_owned(), 404),
    ] {
        let page = people.get(&path).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path}"
        );
    }
    // Programs get what they read.
    for path in ["/articles/art_01h455vb4pex5vsknk084sn02q", "/nowhere"] {
        assert_eq!(mesh.http().get(path).await.expect(404)["error"]["status"], "NOT_FOUND", "{path}");
    }
    // What is withdrawn is there for nobody.
    let withdrawn =
        contracts::article::Article { id: article.id.clone(), active: false, ..Default::default() };
    let mask = Some(prost_types::FieldMask { paths: vec!["active".to_owned()] });
    staff
        .update_article(contracts::article::UpdateArticleRequest {
            article: Some(withdrawn),
            update_mask: mask,
        })
        .await
        .unwrap();
    assert_eq!(people.get(&format!("/articles/{}", article.id)).await.status.as_u16(), 404);
}
