//! Service tokens: whom they name, how long they live, whose key they are signed by.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::EncodingKey;
use serde_json::json;

use super::*;

const NOW: i64 = 1_700_000_000;

/// An identity of a process that runs these roles.
fn of(secret: &str, here: &[Role]) -> Identity {
    let clock = Clock::manual(Time(NOW * 1_000_000));
    Identity::of(MeshSecret::of_lines(secret, 1).unwrap(), clock, CLOCK_LEEWAY, here).unwrap()
}

async fn role_of(identity: &Identity, token: &str) -> Option<Role> {
    match identity.caller(&headers(token)).await {
        Ok(Caller::Service { role, .. }) => Some(role),
        Ok(other) => panic!("{other:?}"),
        Err(fault) => {
            assert_eq!(fault.code, tonic::Code::Unauthenticated, "{fault}");
            None
        }
    }
}

/// A token that says this, signed by a role's key.
fn signed(secret: &str, role: Role, claims: serde_json::Value) -> String {
    let seed = MeshSecret::new(secret).derive(&format!("service key of {role}"));
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let name = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pair.public_key().as_ref());
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("feira-service+jwt".to_owned());
    header.kid = Some(hex::encode(&name.as_ref()[..8]));
    let key = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

fn claims(sub: &str, aud: &str, lives: i64) -> serde_json::Value {
    json!({"iss": sub, "sub": sub, "aud": aud, "iat": NOW, "nbf": NOW, "exp": NOW + lives})
}

#[tokio::test]
async fn a_token_is_for_the_role_that_it_names_and_no_other() {
    let order = of("s", &[Role::Order]);
    let token = order.service_token(Role::Order, Role::Payment, None).unwrap();
    assert_eq!(role_of(&of("s", &[Role::Payment, Role::Mesh]), &token).await, Some(Role::Order));
    assert_eq!(role_of(&of("s", &[Role::Article, Role::User]), &token).await, None);
    assert_eq!(role_of(&order, &token).await, None);
}

#[tokio::test]
async fn a_token_of_a_process_itself_counts_nowhere_else() {
    let all = of("s", &Role::ALL);
    let token = all.near_token(Role::Order, Role::Payment, None).unwrap();
    assert_eq!(role_of(&all, &token).await, Some(Role::Order));
    assert_eq!(role_of(&of("s", &Role::ALL), &token).await, None);
    let token = all.service_token(Role::Order, Role::Payment, None).unwrap();
    assert_eq!(role_of(&of("s", &Role::ALL), &token).await, Some(Role::Order));
}

#[tokio::test]
async fn only_the_role_itself_signs_for_it_and_for_minutes() {
    let payment = of("s", &[Role::Payment]);
    let by = |role, claims| signed("s", role, claims);
    for (token, expected) in [
        (by(Role::Order, claims("order", "payment", 60)), Some(Role::Order)),
        (by(Role::Order, claims("order", "payment", 300)), Some(Role::Order)),
        (by(Role::Operator, claims("operator", "payment", 60)), Some(Role::Operator)),
        // Ten years, five minutes and a second, no time at all.
        (by(Role::Order, claims("order", "payment", 315_360_000)), None),
        (by(Role::Order, claims("order", "payment", 301)), None),
        (by(Role::Order, claims("order", "payment", 0)), None),
        (by(Role::Article, claims("order", "payment", 60)), None),
        (by(Role::Order, claims("order", "feira", 60)), None),
        (by(Role::Order, claims("order", "", 60)), None),
        (by(Role::Order, claims("nobody", "payment", 60)), None),
        (signed("t", Role::Order, claims("order", "payment", 60)), None),
        (
            by(
                Role::Order,
                json!({"iss": "feira", "sub": "order", "aud": "payment", "iat": NOW, "nbf": NOW, "exp": NOW + 60}),
            ),
            None,
        ),
        (
            by(
                Role::Order,
                json!({"iss": "order", "sub": "order", "aud": ["payment"], "iat": NOW, "nbf": NOW, "exp": NOW + 60}),
            ),
            None,
        ),
        // An end that is soon, and a beginning that says otherwise.
        (
            by(
                Role::Order,
                json!({"iss": "order", "sub": "order", "aud": "payment", "iat": NOW, "nbf": NOW - 315_360_000, "exp": NOW + 60}),
            ),
            None,
        ),
    ] {
        assert_eq!(role_of(&payment, &token).await, expected, "{token}");
        assert_eq!(role_of(&payment, &token).await, expected, "again: {token}");
    }
    let early = json!({"iss": "order", "sub": "order", "aud": "payment", "iat": NOW + 61, "nbf": NOW + 61, "exp": NOW + 90});
    let fault = payment.caller(&headers(&by(Role::Order, early))).await.unwrap_err();
    assert_eq!(fault.reason, Reason::ClockSkew);
}

#[tokio::test]
async fn two_secrets_count_while_one_is_being_changed() {
    let (old, both, new) = (of("old", &Role::ALL), of("new\nold", &Role::ALL), of("new", &Role::ALL));
    let token = |identity: &Identity| identity.service_token(Role::Order, Role::User, None).unwrap();
    for (from, to, counts) in [
        (&old, &both, true),
        (&both, &old, false),
        (&both, &new, true),
        (&new, &both, true),
        (&old, &new, false),
    ] {
        assert_eq!(role_of(to, &token(from)).await.is_some(), counts);
    }
    // While it runs: what was made and verified by what counts no more is forgotten.
    let (before, taken) = (token(&old), token(&new));
    assert!(role_of(&old, &before).await.is_some() && role_of(&old, &taken).await.is_none());
    old.learn_secret(&MeshSecret::new("new")).unwrap();
    assert!(role_of(&old, &before).await.is_none() && role_of(&old, &taken).await.is_some());
    assert!(role_of(&new, &token(&old)).await.is_some());
}
