//! Limits on how many calls may come: over REST and gRPC, by address, by user and by kind.

use std::time::Instant;

use contracts::user::{ApiKey, CreateApiKeyRequest, SignInRequest, auth_service_client::AuthServiceClient};
use http::StatusCode;
use tonic::Code;

use crate::support::{Edge, Refused, Setup, at_once, eur, mesh::channel, rest::Reply};

tests!(
    what_is_over_the_limit_is_429_and_says_when_to_come_back,
    grpc_clients_have_the_same_limits,
    a_limit_of_one_kind_leaves_the_others_alone,
    clients_behind_a_proxy_are_told_apart,
    who_is_limited_costs_nobody_else_anything,
    wrong_passwords_are_429_and_say_when_to_come_back,
    orders_are_limited_by_the_hour,
    wrong_passwords_by_the_hundred_are_refused_before_they_queue_up,
    an_api_key_has_a_limit_of_its_own,
);

/// The one reply that a limit is about.
#[track_caller]
fn limited(reply: &Reply, name: &str, quota: &str) {
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS, "{}", reply.text());
    let error = &reply.json["error"];
    assert_eq!(error["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(error["details"][0]["reason"], "RATE_LIMITED");
    assert_eq!(error["details"][0]["metadata"]["limit"], name);
    assert!(error["details"].as_array().unwrap().iter().any(|it| it.get("retryDelay").is_some()), "{error}");
    let wait: u64 = reply.header("retry-after").parse().expect("seconds");
    assert!(wait >= 1);
    assert_eq!(reply.header("ratelimit-policy"), format!("\"{name}\";{quota}"));
    assert_eq!(reply.header("ratelimit"), format!("\"{name}\";r=0;t={wait}"));
}

/// Covers: mesh.limits.
async fn what_is_over_the_limit_is_429_and_says_when_to_come_back(setup: Setup) {
    let mesh = setup.over(Edge::Rest).env("FEIRA_RATE_LIMIT_READS", "3/1h").start().await;
    let http = mesh.http();
    for _ in 0..3 {
        http.get("/v1/articles").await.expect(200);
    }
    limited(&http.get("/v1/articles").await, "reads", "q=3;w=3600");
    // A user has a bucket of her own.
    let ada = mesh.shopper().await;
    for _ in 0..3 {
        ada.http().get("/v1/articles").await.expect(200);
    }
    limited(&ada.http().get("/v1/articles").await, "reads", "q=3;w=3600");
    // Documents cost as much; the shop's own page costs nothing.
    limited(&http.get("/openapi/order.json").await, "reads", "q=3;w=3600");
    http.get("/").await.expect(200);
}

/// Covers: mesh.limits.
async fn grpc_clients_have_the_same_limits(setup: Setup) {
    let setup = setup.split().env("FEIRA_RATE_LIMIT_SIGN_IN", "5/1h");
    let mesh = setup.start().await;
    let client = mesh.client();
    let sign_in = || SignInRequest {
        login: "nobody".to_owned(),
        password: "not right".to_owned(),
        ..Default::default()
    };
    for _ in 0..5 {
        client.sign_in(sign_in()).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    }
    client.sign_in(sign_in()).await.refused(Code::ResourceExhausted, "RATE_LIMITED");
    // The edge is another door to the same services, with buckets of its own.
    let body = serde_json::json!({"login": "nobody", "password": "not right"});
    mesh.http().post("/v1/auth:signIn", body).await.expect(401);
}

/// Covers: mesh.limits.
async fn a_limit_of_one_kind_leaves_the_others_alone(setup: Setup) {
    let setup = setup.over(Edge::Rest).env("FEIRA_RATE_LIMIT_SIGN_IN", "off");
    let mesh = setup.env("FEIRA_RATE_LIMIT_WRITES", "2/1h").start().await;
    let ada = mesh.shopper().await;
    let http = ada.http();
    let update = || http.patch("/v1/users/me", serde_json::json!({"firstName": "Ada"}));
    update().await.expect(200);
    update().await.expect(200);
    limited(&update().await, "writes", "q=2;w=3600");
    for _ in 0..20 {
        ada.http().get("/v1/users/me").await.expect(200);
        mesh.shopper().await;
    }
}

/// Covers: mesh.limits, mesh.client.
async fn clients_behind_a_proxy_are_told_apart(setup: Setup) {
    let setup = setup.over(Edge::Rest).env("FEIRA_TRUSTED_PROXIES", "127.0.0.1");
    let mesh = setup.env("FEIRA_RATE_LIMIT_ADDRESS", "20/1h").start().await;
    let from = |address: &str| mesh.http().with("x-forwarded-for", address);
    let flooder = from("203.0.113.5");
    for _ in 0..20 {
        flooder.get("/v1/articles").await.expect(200);
    }
    limited(&flooder.get("/v1/articles").await, "address", "q=20;w=3600");
    limited(&flooder.get("/").await, "address", "q=20;w=3600");
    limited(&from("1.2.3.4, 203.0.113.5").get("/nothing").await, "address", "q=20;w=3600");
    from("203.0.113.6").get("/v1/articles").await.expect(200);
}

/// Covers: mesh.limits.
async fn who_is_limited_costs_nobody_else_anything(setup: Setup) {
    let setup = setup.over(Edge::Rest).env("FEIRA_TRUSTED_PROXIES", "127.0.0.1");
    let mesh = setup.env("FEIRA_RATE_LIMIT_READS", "50/1h").start().await;
    let flooder = mesh.http().with("x-forwarded-for", "203.0.113.5");
    let flood = at_once(400, |_| {
        let flooder = flooder.clone();
        async move { flooder.get("/v1/articles").await.status }
    })
    .await;
    let served = flood.iter().filter(|status| **status == StatusCode::OK).count();
    assert!((50..=51).contains(&served), "{served} of 400 were served");
    assert!(
        flood.iter().all(|it| matches!(*it, StatusCode::OK | StatusCode::TOO_MANY_REQUESTS)),
        "{flood:?}"
    );
    mesh.http().with("x-forwarded-for", "203.0.113.6").get("/v1/articles").await.expect(200);
}

/// Hashing as slow as it is shipped, so that hundreds at once would take many seconds.
///
/// Covers: mesh.limits, user.sign-in.
async fn wrong_passwords_by_the_hundred_are_refused_before_they_queue_up(setup: Setup) {
    let setup = setup.env("FEIRA_PASSWORD_MEMORY_KIB", "19456").env("FEIRA_PASSWORD_ITERATIONS", "8");
    let setup = setup.env("FEIRA_SIGN_IN_ATTEMPTS_PER_SOURCE", "0").env("FEIRA_RATE_LIMIT_SIGN_IN", "off");
    let mesh = setup.start().await;
    // Without the patience of the tests' own client.
    let client = AuthServiceClient::new(channel(&mesh.grpc_url("feira-0")));
    let flood = at_once(200, |number| {
        let mut client = client.clone();
        async move {
            let began = Instant::now();
            let login = format!("nobody{number}");
            let refused = client
                .sign_in(SignInRequest { login, password: "not right".to_owned(), ..Default::default() })
                .await;
            (refused.expect_err("no such user").code(), began.elapsed())
        }
    })
    .await;
    let slowest = flood.iter().map(|(_, took)| *took).max().unwrap_or_default();
    let shed = flood.iter().filter(|(code, _)| *code == Code::Unavailable).count();
    assert!(
        flood.iter().all(|(code, _)| matches!(code, Code::Unavailable | Code::Unauthenticated)),
        "{flood:?}"
    );
    assert!(shed > 0 && shed < flood.len(), "{shed} of {} were shed", flood.len());
    assert!(slowest.as_secs_f64() < 8.0, "somebody waited {slowest:?}");
}

/// Covers: mesh.limits, user.throttle.
async fn wrong_passwords_are_429_and_say_when_to_come_back(setup: Setup) {
    let setup =
        setup.over(Edge::Rest).env("FEIRA_SIGN_IN_ATTEMPTS", "2").env("FEIRA_REGISTRATIONS_PER_HOUR", "1");
    let mesh = setup.start().await;
    let http = mesh.http();
    let body = || serde_json::json!({"login": "admin", "password": "wrong password"});
    for _ in 0..2 {
        http.post("/v1/auth:signIn", body()).await.expect(401);
    }
    limited(&http.post("/v1/auth:signIn", body()).await, "sign-in-tries", "q=2;w=900");
    let body = |name: &str| serde_json::json!({"username": name, "email": format!("{name}@example.com"), "password": "long enough 1"});
    http.post("/v1/users", body("ada")).await.expect(201);
    limited(&http.post("/v1/users", body("bob")).await, "registrations", "q=1;w=3600");
}

/// Covers: mesh.limits, order.place.
async fn orders_are_limited_by_the_hour(setup: Setup) {
    let mesh = setup.over(Edge::Rest).env("FEIRA_RATE_LIMIT_ORDERS", "2/1h").start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    for _ in 0..2 {
        // Cancelled, so that it counts against no other limit.
        let order = ada.order(&article.id, 1, "sim_decline").await.unwrap();
        ada.cancel(&order.id).await.unwrap();
    }
    ada.order(&article.id, 1, "sim_approve").await.refused(Code::ResourceExhausted, "RATE_LIMITED");
    ada.add(&article.id, 1).await.expect("a basket is no order");
    bob.order(&article.id, 1, "sim_approve").await.unwrap();
}

/// Covers: mesh.limits, user.api-keys.
async fn an_api_key_has_a_limit_of_its_own(setup: Setup) {
    let mesh = setup.over(Edge::Rest).env("FEIRA_RATE_LIMIT_API_KEY", "3/1h").start().await;
    let ada = mesh.shopper().await;
    let key = async || {
        let api_key = Some(ApiKey { name: "nightly".into(), ..Default::default() });
        let made = ada.create_api_key(CreateApiKeyRequest { user_id: "me".into(), api_key }).await;
        mesh.http().with("authorization", &format!("Bearer {}", made.unwrap().body.secret))
    };
    let (one, other) = (key().await, key().await);
    for _ in 0..3 {
        one.get("/v1/users/me").await.expect(200);
    }
    limited(&one.get("/v1/users/me").await, "api-key", "q=3;w=3600");
    limited(
        &one.patch("/v1/users/me", serde_json::json!({"firstName": "Ada"})).await,
        "api-key",
        "q=3;w=3600",
    );
    other.get("/v1/users/me").await.expect(200);
    ada.http().get("/v1/users/me").await.expect(200);
}
