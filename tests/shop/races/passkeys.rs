//! Passkeys of one authenticator, used at once.

use super::winners;
use crate::{
    passkeys::{ORIGIN, answer, ask, made, passkey},
    support::{Setup, at_once, authenticator::Authenticator},
};

on_every_database!(one_answer_sent_twenty_times_signs_in_once, one_credential_is_added_once);

/// Covers: user.passkeys.
async fn one_answer_sent_twenty_times_signs_in_once(setup: Setup) {
    let mesh = setup.env("FEIRA_PUBLIC_URL", ORIGIN).start().await;
    let (mut key, _) = passkey(&mesh.shopper().await.client).await;
    let client = mesh.client();
    let request = answer(&ask(&client).await, &mut key);
    let outcomes = at_once(20, |number| {
        let (client, request) = (client.at(number), request.clone());
        async move { client.sign_in_with_passkey(request).await }
    })
    .await;
    assert_eq!(winners(outcomes, &["TOKEN_EXPIRED"]).len(), 1);
}

/// Covers: user.passkeys.
async fn one_credential_is_added_once(setup: Setup) {
    let mesh = setup.env("FEIRA_PUBLIC_URL", ORIGIN).start().await;
    let ada = mesh.shopper().await;
    let mut key = Authenticator::p256(ORIGIN);
    let mut requests = Vec::new();
    for _ in 0..8 {
        requests.push(made(&ada, &mut key).await);
    }
    let outcomes = at_once(16, |number| {
        // Each challenge twice.
        let (ada, request) = (ada.at(number), requests[number / 2].clone());
        async move { ada.confirm_passkey(request).await }
    })
    .await;
    assert_eq!(winners(outcomes, &["TOKEN_EXPIRED", "ALREADY_EXISTS"]).len(), 1);
}
