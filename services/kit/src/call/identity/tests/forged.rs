//! Tokens that the right key has signed, or one that looks like it, and that must not count all the same
//! (RFC 8725, section 3).

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::user::Jwk;
use serde_json::{Value, json};

use super::*;

fn pair() -> Ed25519KeyPair {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.as_ref()).unwrap()
}

fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The same object with another member; without it where that is null.
fn with(object: &Value, name: &str, member: Value) -> Value {
    let mut changed = object.clone();
    let members = changed.as_object_mut().unwrap();
    members.remove(name);
    if !member.is_null() {
        members.insert(name.to_owned(), member);
    }
    changed
}

#[tokio::test]
async fn a_token_counts_as_it_was_given_and_in_no_other_way() {
    let (identity, clock) = identity();
    let (ours, other) = (pair(), pair());
    let (x, foreign) =
        (ours.public_key().as_ref().to_vec(), URL_SAFE_NO_PAD.encode(other.public_key().as_ref()));
    let published = Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: URL_SAFE_NO_PAD.encode(&x),
        kid: "k1".to_owned(),
        alg: "EdDSA".to_owned(),
        r#use: "sig".to_owned(),
    };
    identity.learn(&Jwks { keys: vec![published] });
    let now = clock.now().seconds();
    let header = json!({"typ": ACCESS_TOKEN, "alg": "EdDSA", "kid": "k1"});
    let claims = json!({
        "iss": ISSUER, "aud": ISSUER, "sub": UserId::new().to_string(), "sid": SessionId::new().to_string(),
        "ver": 1, "staff": true, "admin": true, "iat": now, "nbf": now, "exp": now + ACCESS_TOKEN_SECONDS,
    });
    let by = |pair: &Ed25519KeyPair, header: &Value, claims: &Value| {
        token(header, claims, |bytes| pair.sign(bytes).as_ref().to_vec())
    };
    let hashed = |header: &Value, claims: &Value, secret: &[u8]| {
        token(header, claims, |bytes| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), bytes).as_ref().to_vec()
        })
    };
    let good = by(&ours, &header, &claims);
    assert!(identity.caller(&headers(&good)).await.is_ok());

    let mut forged = Vec::new();
    for (name, member) in [
        ("typ", json!("JWT")),
        ("typ", json!("AT+JWT")),
        ("typ", json!("feira-service+jwt")),
        ("typ", Value::Null),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("none")),
        ("alg", Value::Null),
        ("kid", json!("k2")),
        ("kid", json!("../k1")),
        ("kid", Value::Null),
    ] {
        forged.push((format!("{name}: {member}"), by(&ours, &with(&header, name, member), &claims)));
    }
    for (name, member) in [
        ("aud", json!("another shop")),
        ("aud", Value::Null),
        ("iss", json!("somebody")),
        ("iss", Value::Null),
        ("sub", json!("gateway")),
        ("sub", Value::Null),
        ("sid", Value::Null),
        ("nbf", Value::Null),
        ("exp", Value::Null),
        ("exp", json!(-1)),
        ("exp", json!("tomorrow")),
        ("exp", json!(now - 61)),
        ("pad", json!("x".repeat(4096))),
    ] {
        forged.push((format!("{name}: {member:.20}"), by(&ours, &header, &with(&claims, name, member))));
    }
    // The key that everybody knows is no secret, and one that comes along is none of ours.
    let hs256 = with(&header, "alg", json!("HS256"));
    let service = json!({"typ": "feira-service+jwt", "alg": "HS256", "kid": "k1"});
    let as_role = with(&claims, "sub", json!("gateway"));
    for secret in [&x[..], URL_SAFE_NO_PAD.encode(&x).as_bytes(), b""] {
        forged.push(("HS256 by the published key".to_owned(), hashed(&hs256, &claims, secret)));
        forged.push(("a service by the published key".to_owned(), hashed(&service, &as_role, secret)));
    }
    let embedded = json!({"kty": "OKP", "crv": "Ed25519", "x": foreign});
    for (name, member) in [
        ("jwk", embedded),
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("x5u", json!("http://127.0.0.1:1/keys")),
        ("none of these", json!(1)),
    ] {
        forged.push((format!("another key, {name}"), by(&other, &with(&header, name, member), &claims)));
    }
    forged.push(("a part too many".to_owned(), format!("{good}.x")));
    for (what, token) in forged {
        let answer = identity.caller(&headers(&token)).await;
        assert!(answer.is_err_and(|fault| fault.code == tonic::Code::Unauthenticated), "{what}");
    }
    assert!(identity.caller(&headers(&good)).await.is_ok(), "what was forged has changed nothing");
}

#[tokio::test]
async fn credentials_are_given_once() {
    let (identity, _) = identity();
    let token = identity.service_token(Role::Order, Role::User, None).unwrap();
    let mut twice = headers(&token);
    twice.append(http::header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    assert_eq!(identity.caller(&twice).await.unwrap_err().code, tonic::Code::Unauthenticated);
}
