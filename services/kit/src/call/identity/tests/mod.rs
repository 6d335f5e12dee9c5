//! Tokens: what is accepted and what is refused.

use jsonwebtoken::{Algorithm, Header};

use super::*;
use crate::{
    Caller, Reason, Time,
    id::{Id, SessionId},
};

mod api_keys;
mod certified;
mod forged;
mod remembered;
mod service;

fn identity() -> (Identity, Clock) {
    let clock = Clock::manual(Time(1_700_000_000_000_000));
    (Identity::new(MeshSecret::new("a secret"), clock.clone()).unwrap(), clock)
}

fn headers(token: &str) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    headers
}

#[tokio::test]
async fn a_service_token_names_role_and_user_until_it_expires() {
    let (identity, clock) = identity();
    let user = UserId::new();
    let token = identity.service_token(Role::Order, Role::User, Some(user)).unwrap();
    let caller = identity.caller(&headers(&token)).await.unwrap();
    assert_eq!(caller, Caller::Service { role: Role::Order, on_behalf_of: Some(user) });
    clock.advance(Duration::from_secs(125));
    assert!(identity.caller(&headers(&token)).await.is_err());
}

#[tokio::test]
async fn clocks_may_be_a_minute_apart_or_as_far_as_the_operator_says() {
    let start = Time(1_700_000_000_000_000);
    let at = |time: Time, leeway: u64| {
        let clock = Clock::manual(time);
        Identity::of(MeshSecret::new("a secret"), clock, Duration::from_secs(leeway), &Role::ALL).unwrap()
    };
    let token = at(start, 60).service_token(Role::Order, Role::User, None).unwrap();
    for (seconds, leeway, counts) in [
        (55, 60, true),
        (-55, 60, true),
        (-65, 60, false),
        (115, 60, true),
        (125, 60, false),
        (-8, 5, false),
        (-200, 300, true),
    ] {
        let time = Time(start.0 + seconds * 1_000_000);
        let other = at(time, leeway);
        let answer = other.caller(&headers(&token)).await;
        assert_eq!(answer.is_ok(), counts, "{seconds} s, {leeway} s");
        if let Err(fault) = answer {
            assert_eq!((fault.code, fault.reason), (tonic::Code::Unavailable, Reason::ClockSkew));
        }
        // What was verified before is held to the same.
        assert_eq!(other.caller(&headers(&token)).await.is_ok(), counts, "{seconds} s, {leeway} s");
    }
}

#[tokio::test]
async fn a_session_outlives_its_token_for_those_who_began_in_time() {
    let (identity, clock) = identity();
    let (seconds, user) = (clock.now().seconds(), UserId::new());
    let claims = AccessClaims {
        iss: ISSUER.to_owned(),
        aud: ISSUER.to_owned(),
        sub: user,
        sid: SessionId::new(),
        ver: 3,
        staff: false,
        admin: false,
        permissions: Default::default(),
        role: None,
        iat: seconds,
        nbf: seconds,
        exp: seconds + ACCESS_TOKEN_SECONDS,
    };
    assert!(!identity.0.revocations.concern(&claims));
    clock.advance(Duration::from_secs(3 * 3600));
    assert!(!identity.0.revocations.concern(&claims), "its age is no matter");
    let event = AccessRevoked { user_id: user.to_string(), minimum_version: 4, ..Default::default() };
    identity.revoke(&event);
    assert!(identity.0.revocations.concern(&claims));
}

#[tokio::test]
async fn a_service_token_of_another_mesh_is_refused() {
    let (identity, clock) = identity();
    let other = Identity::new(MeshSecret::new("another secret"), clock).unwrap();
    let token = other.service_token(Role::Order, Role::User, None).unwrap();
    assert!(identity.caller(&headers(&token)).await.is_err());
}

#[tokio::test]
async fn nobody_is_anonymous_and_rubbish_is_refused() {
    let (identity, _) = identity();
    assert_eq!(identity.caller(&http::HeaderMap::new()).await.unwrap(), Caller::Anonymous);
    for bad in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        assert!(identity.caller(&headers(bad)).await.is_err(), "{bad}");
    }
}
