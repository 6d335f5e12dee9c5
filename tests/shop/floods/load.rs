//! More calls at once than a process works on: who is refused first.

use std::time::{Duration, Instant};

use contracts::{
    order::OrderState,
    user::{SignInRequest, auth_service_client::AuthServiceClient},
};
use http::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::support::{Edge, Setup, eur, mesh::channel, rest::Rest, until};

tests!(
    strangers_are_refused_first_then_users_and_checkouts_last,
    a_call_that_would_come_too_late_is_refused_at_once
);

/// Hashing that takes seconds, so that calls are under way for so long.
fn slow(setup: Setup) -> Setup {
    let setup = setup.env("FEIRA_PASSWORD_MEMORY_KIB", "19456").env("FEIRA_PASSWORD_ITERATIONS", "150");
    setup.env("FEIRA_SIGN_IN_ATTEMPTS", "0").env("FEIRA_SIGN_IN_ATTEMPTS_PER_SOURCE", "0")
}

/// Signs in by wrong passwords, so many at once and again and again; each waits for its turn at hashing, or is refused.
fn guess(calls: &mut JoinSet<()>, by: &Rest, login: &str, count: usize, end: &CancellationToken) {
    for _ in 0..count {
        let (by, login, end) = (by.clone(), login.to_owned(), end.clone());
        calls.spawn(async move {
            while !end.is_cancelled() {
                let body = json!({"login": login, "password": "not right"});
                let status = by.post("/v1/auth:signIn", body).await.status.as_u16();
                assert!([401, 503].contains(&status), "{status}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
}

async fn until_refused(by: &Rest) {
    until("too many calls are under way", || async {
        let reply = by.get("/v1/articles").await;
        if reply.status != 503 {
            return None;
        }
        reply.refused(503, "UNAVAILABLE", "OVERLOADED");
        assert!(["1", "2"].contains(&reply.header("retry-after")), "{}", reply.header("retry-after"));
        Some(())
    })
    .await;
}

/// Covers: mesh.limits.
async fn strangers_are_refused_first_then_users_and_checkouts_last(setup: Setup) {
    // Of five, strangers may take three, and users four.
    let setup = slow(setup.over(Edge::Rest)).env("FEIRA_MAX_CALLS", "5");
    let mesh = setup.env("FEIRA_RATE_LIMIT_SIGN_IN", "off").start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 5).await;
    let ada = mesh.shopper().await;
    let (mut calls, end) = (JoinSet::new(), CancellationToken::new());
    guess(&mut calls, &mesh.http(), "nobody", 6, &end);
    until_refused(&mesh.http()).await;
    ada.http().get("/v1/articles").await.expect(200);
    guess(&mut calls, &ada.http(), &ada.user.username, 2, &end);
    until_refused(&ada.http()).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    // What is no call is answered.
    mesh.http().request(Method::GET, "/openapi.json").send().await.unwrap().error_for_status().unwrap();
    end.cancel();
    calls.join_all().await;
    mesh.http().get("/v1/articles").await.expect(200);
    ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: mesh.limits, user.sign-in.
async fn a_call_that_would_come_too_late_is_refused_at_once(setup: Setup) {
    let mesh = slow(setup).start().await;
    // Turns have been measured: each takes a second and more.
    let _ada = mesh.shopper().await;
    let guesses = (0..6).map(|number| {
        let (client, login) = (mesh.client(), format!("nobody-{number}"));
        tokio::spawn(async move { client.sign_in_as(&login, "not right").await.map(|_| ()) })
    });
    let guesses: Vec<_> = guesses.collect();
    let client = AuthServiceClient::new(channel(&mesh.grpc_url("feira-0")));
    until("those before it take longer than this one may", || {
        let mut client = client.clone();
        async move {
            let message = SignInRequest { login: "late".into(), password: "x".into(), ..Default::default() };
            let mut request = tonic::Request::new(message);
            request.set_timeout(Duration::from_millis(500));
            let began = Instant::now();
            let refused = client.sign_in(request).await.expect_err("not in time");
            let at_once = began.elapsed() < Duration::from_millis(400);
            (refused.code() == Code::Unavailable && at_once).then_some(())
        }
    })
    .await;
    for guess in guesses {
        let _ = guess.await.unwrap();
    }
}
