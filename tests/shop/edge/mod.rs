//! The REST edge: what it is strict about, its headers, its documents.

mod caching;
mod documents;
mod pages;
mod protocols;
mod secrecy;
mod sockets;

use http::Method;
use serde_json::json;

use crate::support::{Edge, Reply, Setup, eur};

tests!(
    unknown_paths_and_methods_are_errors_like_all_others,
    a_body_too_large_or_of_another_type_is_refused,
    both_spellings_are_taken_and_one_is_given,
    created_and_empty_answers_have_their_status,
    head_and_options_are_answered,
    long_answers_are_compressed_for_those_who_ask,
    a_request_id_goes_both_ways,
    only_mesh_services_call_mesh_methods,
    idempotency_and_retry_are_told_by_headers,
);

/// Covers: mesh.edge.
async fn unknown_paths_and_methods_are_errors_like_all_others(setup: Setup) {
    let mesh = setup.start().await;
    let http = mesh.http();
    for path in
        ["/nothing", "/v1", "/v1/", "/v1/articles/", "/v1/auth:dance", "/v1//articles", "/V1/articles"]
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
    let reserve = article::ReserveStockRequest {
        order_id: order_id.clone(),
        attempt: 1,
        lines,
        expire_time,
        ..Default::default()
    };
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
