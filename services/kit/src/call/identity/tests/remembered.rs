//! Access tokens that were verified before: remembered, and no less revocable.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::user::Jwk;
use jsonwebtoken::EncodingKey;

use super::*;
use crate::call::identity::callers::sha256;

/// A signing key as the user service has it.
struct Signer {
    kid: &'static str,
    signing: EncodingKey,
    public: String,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.as_ref()).unwrap();
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Self { kid, signing: EncodingKey::from_ed_der(pkcs8.as_ref()), public }
    }

    fn jwks(&self) -> Jwks {
        let (kid, x) = (self.kid.to_owned(), self.public.clone());
        let (kty, crv) = ("OKP".to_owned(), "Ed25519".to_owned());
        Jwks { keys: vec![Jwk { kty, crv, x, kid, alg: "EdDSA".to_owned(), r#use: "sig".to_owned() }] }
    }

    /// A token of somebody who has just signed in, and what it says.
    fn token(&self, now: i64) -> (String, AccessClaims) {
        let claims = AccessClaims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: UserId::new(),
            sid: SessionId::new(),
            ver: 3,
            staff: true,
            admin: false,
            permissions: Default::default(),
            role: None,
            iat: now,
            nbf: now,
            exp: now + ACCESS_TOKEN_SECONDS,
        };
        let header = Header {
            typ: Some(ACCESS_TOKEN.to_owned()),
            kid: Some(self.kid.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        (jsonwebtoken::encode(&header, &claims, &self.signing).unwrap(), claims)
    }
}

/// Somebody whose token has been verified and is remembered.
async fn signed_in() -> (Identity, Clock, Signer, String, AccessClaims) {
    let (identity, clock) = identity();
    let signer = Signer::new("k1");
    identity.learn(&signer.jwks());
    let (token, claims) = signer.token(clock.now().seconds());
    let caller = Caller::User { id: claims.sub, roles: claims.roles(), session: claims.sid };
    for _ in 0..2 {
        assert_eq!(identity.caller(&headers(&token)).await.unwrap(), caller);
    }
    assert_eq!(identity.0.verified.len(), 1);
    (identity, clock, signer, token, claims)
}

async fn refused(identity: &Identity, token: &str) -> bool {
    let answer = identity.caller(&headers(token)).await;
    answer.is_err_and(|fault| fault.code == tonic::Code::Unauthenticated)
}

#[tokio::test]
async fn a_remembered_token_is_refused_as_soon_as_its_session_ends() {
    let (identity, _, _, token, claims) = signed_in().await;
    identity.revoke(&AccessRevoked { session_id: claims.sid.to_string(), ..Default::default() });
    assert!(refused(&identity, &token).await);
}

#[tokio::test]
async fn a_remembered_token_is_refused_as_soon_as_its_user_is_disabled_or_has_other_roles() {
    let (identity, _, _, token, claims) = signed_in().await;
    let event = |minimum_version| {
        let user_id = claims.sub.to_string();
        AccessRevoked { user_id, minimum_version, ..Default::default() }
    };
    identity.revoke(&event(3));
    assert!(!refused(&identity, &token).await, "its own version counts");
    identity.revoke(&event(4));
    assert!(refused(&identity, &token).await);
}

#[tokio::test]
async fn a_remembered_token_expires() {
    let (identity, clock, _, token, _) = signed_in().await;
    clock.advance(Duration::from_secs(600 + 59));
    assert!(!refused(&identity, &token).await);
    clock.advance(Duration::from_secs(1));
    assert!(refused(&identity, &token).await);
}

#[tokio::test]
async fn what_a_withdrawn_key_has_verified_counts_no_more_even_if_it_is_remembered_after_that() {
    let (identity, _, _, token, claims) = signed_in().await;
    let before = identity.0.keys.generation();
    identity.learn(&Signer::new("k2").jwks());
    assert!(refused(&identity, &token).await);
    // A call that began to verify it before the key was withdrawn, and remembers it afterwards.
    identity.0.verified.insert(sha256(&token), before, Arc::new(claims));
    assert!(refused(&identity, &token).await);
}

#[tokio::test]
async fn keys_that_are_learned_again_forget_nothing() {
    let (identity, ..) = signed_in().await;
    let signer = Signer::new("k2");
    identity.learn(&signer.jwks());
    let before = identity.0.keys.generation();
    identity.learn(&signer.jwks());
    assert_eq!(identity.0.keys.generation(), before);
    identity.learn(&Signer::new("k2").jwks());
    assert_ne!(identity.0.keys.generation(), before, "another key by the same name");
}

#[tokio::test]
async fn a_token_that_differs_in_one_character_is_not_the_remembered_one() {
    let (identity, _, _, token, _) = signed_in().await;
    for place in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[place] = if other[place] == b'A' { b'B' } else { b'A' };
        assert!(refused(&identity, &String::from_utf8(other).unwrap()).await, "{place}");
    }
}

#[tokio::test]
async fn no_more_tokens_are_remembered_than_there_is_room_for() {
    let (identity, clock) = identity();
    let (_, claims) = Signer::new("k1").token(clock.now().seconds());
    let claims = Arc::new(claims);
    for number in 0..30_000_u32 {
        identity.0.verified.insert(sha256(&number.to_string()), 0, claims.clone());
    }
    let remembered = identity.0.verified.len();
    assert!((15_000..=20_500).contains(&remembered), "{remembered}");
}
