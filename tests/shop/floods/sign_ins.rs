//! Wrong sign-ins by the hundred, with hashing as it is shipped: whoever is known where they come from still gets in.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::{Edge, Setup, rest::Rest, shop::PASSWORD};

tests!(a_known_device_signs_in_while_hundreds_of_wrong_ones_arrive);

/// Who guess at the same time, and how soon whoever is refused comes again: some 200 guesses a second, several times what can
/// be hashed. An unoptimized build on a slow machine has no CPU for more; of an optimized one `tests/drills/floods` asks 700.
const CALLERS: usize = 120;
const AGAIN: Duration = Duration::from_millis(550);

/// Guesses one password after the other, of nobody, until it is told to stop.
async fn guess(http: Rest, number: usize, end: CancellationToken) -> u32 {
    let mut guesses = 0;
    while !end.is_cancelled() {
        let body = json!({"login": format!("nobody-{number}-{guesses}"), "password": "not right"});
        let status = http.post("/v1/auth:signIn", body).await.status;
        assert!([StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE].contains(&status), "{status}");
        guesses += 1;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tokio::time::sleep(AGAIN).await;
        }
    }
    guesses
}

/// Covers: mesh.limits, user.sign-in, user.throttle.
async fn a_known_device_signs_in_while_hundreds_of_wrong_ones_arrive(setup: Setup) {
    let setup =
        setup.over(Edge::Rest).env("FEIRA_RATE_LIMIT_SIGN_IN", "off").env("FEIRA_RATE_LIMIT_ADDRESS", "off");
    let setup = setup.env("FEIRA_PASSWORD_MEMORY_KIB", "19456").env("FEIRA_PASSWORD_ITERATIONS", "2");
    let mesh = setup.env("FEIRA_SIGN_IN_ATTEMPTS_PER_SOURCE", "0").start().await;
    let ada = mesh.shopper().await;
    let (end, mut flood) = (CancellationToken::new(), JoinSet::new());
    for number in 0..CALLERS {
        flood.spawn(guess(mesh.http(), number, end.clone()));
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        mesh.http()
            .post("/v1/auth:signIn", json!({"login": ada.user.username, "password": PASSWORD}))
            .await
            .expect(200);
        slowest = slowest.max(began.elapsed());
    }
    end.cancel();
    let guesses: u32 = flood.join_all().await.into_iter().sum();
    assert!(guesses > 2 * CALLERS as u32, "{guesses} guesses");
    assert!(slowest < Duration::from_secs(2), "the right one took {slowest:?} among {guesses} wrong ones");
}
