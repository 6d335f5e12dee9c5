//! AuthService: tokens, sessions, keys.

use std::time::Duration;

use contracts::user::{GetJwksRequest, GetUserRequest, RefreshRequest, SignOutRequest, User};

use crate::support::{Client, Code, Outcome, Refused, Setup, shop::PASSWORD, wait::within};

on_both_edges!(
    an_unknown_user_and_a_wrong_password_look_the_same,
    failed_sign_ins_are_throttled_until_the_window_ends,
    a_refresh_token_works_once_and_its_reuse_ends_the_session,
    signing_out_counts_at_once,
    the_published_keys_are_those_that_sign,
    forged_tokens_count_for_nothing,
);

async fn me(client: &Client) -> Outcome<User> {
    client.get_user(GetUserRequest { id: "me".into() }).await
}

/// Covers: user.throttle.
async fn an_unknown_user_and_a_wrong_password_look_the_same(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let unknown = mesh.client().sign_in_as("nobody-at-all", PASSWORD).await.unwrap_err();
    let wrong = mesh.client().sign_in_as(&ada.user.username, "wrong password").await.unwrap_err();
    assert_eq!((unknown.code, unknown.reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    assert_eq!((unknown.code, unknown.reason, unknown.message), (wrong.code, wrong.reason, wrong.message));
}

/// Covers: user.throttle.
async fn failed_sign_ins_are_throttled_until_the_window_ends(setup: Setup) {
    let setup = setup.env("FEIRA_SIGN_IN_ATTEMPTS", "3").env("FEIRA_SIGN_IN_WINDOW", "2s");
    let mesh = setup.start().await;
    let (ada, bob) = (mesh.shopper().await, mesh.shopper().await);
    for _ in 0..3 {
        let refusal = mesh.client().sign_in_as(&ada.user.username, "wrong password").await.unwrap_err();
        assert_eq!(refusal.reason, "UNAUTHENTICATED");
    }
    let refusal = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    assert!(refusal.retry, "it says when to try again: {refusal:?}");
    for _ in 0..5 {
        mesh.client().sign_in_as(&bob.user.username, PASSWORD).await.expect("right ones are never throttled");
    }
    within(Duration::from_secs(10), "the window ends", || async {
        mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.ok()
    })
    .await;
}

/// Covers: user.sign-in.
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let client = mesh.client();
    let refresh = |token: &str| client.refresh(RefreshRequest { refresh_token: token.into() });
    let second = refresh(&ada.tokens.refresh_token).await.unwrap();
    assert_ne!(second.refresh_token, ada.tokens.refresh_token);
    let third = refresh(&second.refresh_token).await.unwrap();
    assert!(me(&client.signed_in(&third.access_token)).await.is_ok());
    // Somebody uses the first one again: whoever it is, the session ends.
    refresh(&ada.tokens.refresh_token).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    refresh(&third.refresh_token).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    crate::support::until("its access tokens stop working", || async {
        me(&client.signed_in(&third.access_token)).await.err()
    })
    .await;
    for token in ["x", "frt_00000000000000000000000000"] {
        refresh(token).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    }
}

/// Covers: user.sign-in.
async fn signing_out_counts_at_once(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let other = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap();
    ada.sign_out(SignOutRequest {}).await.unwrap();
    me(&ada).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let refresh_token = ada.tokens.refresh_token.clone();
    let client = mesh.client();
    client.refresh(RefreshRequest { refresh_token }).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    assert!(me(&other).await.is_ok(), "her other session goes on");
    client.sign_out(SignOutRequest {}).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
}

/// Covers: user.keys.
async fn the_published_keys_are_those_that_sign(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let keys = mesh.client().get_jwks(GetJwksRequest {}).await.unwrap().body.keys;
    assert!(!keys.is_empty());
    for key in &keys {
        let kind = [&key.kty, &key.crv, &key.alg, &key.r#use].map(String::as_str);
        assert_eq!(kind, ["OKP", "Ed25519", "EdDSA", "sig"]);
        assert_eq!(key.x.len(), 43, "32 bytes in base64url");
    }
    let header = part(&ada.tokens.access_token, 0);
    assert!(header.contains("\"EdDSA\"") && header.contains("\"at+jwt\""), "{header}");
    assert!(keys.iter().any(|key| header.contains(&key.kid)), "{header}");
    let claims = part(&ada.tokens.access_token, 1);
    assert!(claims.contains(&ada.user.id) && !claims.contains(&ada.user.email), "{claims}");
}

/// Covers: user.keys, access.
async fn forged_tokens_count_for_nothing(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let token = &ada.tokens.access_token;
    let parts = token.split('.').collect::<Vec<_>>();
    // {"alg":"none","typ":"at+jwt"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    let signature = parts[2].chars().rev().collect::<String>();
    let forged = [
        String::new(),
        "x".to_owned(),
        format!("{}.{}.{signature}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        ada.tokens.refresh_token.clone(),
    ];
    for token in forged {
        me(&mesh.client().signed_in(&token)).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    }
    for value in ["Basic YWRtaW46YWRtaW4=", "bearer", "Bearer", &format!("Token {token}")] {
        let client = mesh.client().with("authorization", value);
        me(&client).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    }
}

/// A part of a JWT as text.
fn part(token: &str, number: usize) -> String {
    let encoded = token.split('.').nth(number).unwrap();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for byte in encoded.bytes() {
        bits = bits << 6 | alphabet.iter().position(|it| *it == byte).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    String::from_utf8(bytes).unwrap()
}
