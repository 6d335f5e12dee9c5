//! Who a caller is: access tokens of users (EdDSA, verified offline by published keys) and service tokens
//! between processes (made from the mesh secret).
//!
//! Access tokens are JWTs as RFC 9068 has them. What a token says can be taken back before it expires:
//! every process follows the user service's feed and knows the revocations.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::{digest, hmac};
use contracts::user::{AccessRevoked, Jwks};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, TokenData, Validation};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    Caller, Clock, Fault, Role,
    call::Roles,
    id::{SessionId, UserId},
};

/// Issuer and audience of all our tokens.
pub const ISSUER: &str = "feira";
/// The media type of access tokens (RFC 9068).
pub const ACCESS_TOKEN: &str = "at+jwt";
const SERVICE_TOKEN: &str = "feira-service+jwt";
/// Seconds that an access token lives.
pub const ACCESS_TOKEN_SECONDS: i64 = 600;
const SERVICE_TOKEN_SECONDS: i64 = 60;
/// How often the token of an open stream is looked at, besides at every revocation.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// Seconds that two machines' clocks may differ.
const LEEWAY: i64 = 5;

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    pub sub: UserId,
    /// The session it belongs to.
    pub sid: SessionId,
    /// The user's token version: changes of roles or password raise it, and older tokens stop working.
    pub ver: i64,
    #[serde(flatten)]
    pub roles: Roles,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ServiceClaims {
    iss: String,
    aud: String,
    /// The calling role.
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<UserId>,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// The secret that the processes of a mesh share.
#[derive(Clone)]
pub struct MeshSecret {
    service: Arc<[u8]>,
    root: hmac::Key,
}

impl std::fmt::Debug for MeshSecret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("MeshSecret(…)")
    }
}

impl MeshSecret {
    /// Takes the secret's text.
    pub fn new(text: &str) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, text.trim().as_bytes());
        let service = Arc::from(hmac::sign(&root, b"service tokens").as_ref());
        Self { service, root }
    }

    /// A key for one purpose, the same in every process of the mesh.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(hmac::sign(&self.root, purpose.as_bytes()).as_ref());
        key
    }
}

/// Why a token does not count.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// Its key is not known here; it may be new.
    UnknownKey,
    /// It is forged, malformed, expired, not valid yet, or revoked.
    Invalid,
}

/// Verifies callers; one per process, cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    clock: Clock,
    secret: MeshSecret,
    keys: RwLock<HashMap<String, DecodingKey>>,
    /// Tokens verified before, by their SHA-256: a signature costs 50 µs.
    verified: quick_cache::sync::Cache<[u8; 32], AccessClaims>,
    services: quick_cache::sync::Cache<[u8; 32], (Role, Option<UserId>, i64)>,
    minted: quick_cache::sync::Cache<(Role, Option<UserId>), (Arc<str>, i64)>,
    revoked: RwLock<Revoked>,
    /// Counts the revocations, for those who hold a stream open.
    revocations: tokio::sync::watch::Sender<u64>,
    /// When keys were asked for last, and whether they came.
    last_fetch: tokio::sync::Mutex<Option<(Instant, bool)>>,
    fetch: RwLock<Option<Arc<dyn Fetch>>>,
}

/// Asks the user service for its keys.
#[async_trait::async_trait]
pub trait Fetch: Send + Sync {
    async fn keys(&self) -> Result<Jwks, Fault>;
}

#[derive(Default)]
struct Revoked {
    /// Until when to remember, in seconds since 1970.
    sessions: HashMap<SessionId, i64>,
    versions: HashMap<UserId, (i64, i64)>,
}

impl Identity {
    /// An identity that knows no keys yet.
    pub fn new(secret: MeshSecret, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            clock,
            secret,
            keys: RwLock::default(),
            verified: quick_cache::sync::Cache::new(20_000),
            services: quick_cache::sync::Cache::new(5_000),
            minted: quick_cache::sync::Cache::new(5_000),
            revoked: RwLock::default(),
            revocations: tokio::sync::watch::Sender::new(0),
            last_fetch: tokio::sync::Mutex::new(None),
            fetch: RwLock::new(None),
        }))
    }

    /// Says where to ask for keys.
    pub fn fetch_from(&self, fetch: Arc<dyn Fetch>) {
        *self.0.fetch.write().unwrap_or_else(PoisonError::into_inner) = Some(fetch);
    }

    /// The mesh secret.
    pub fn secret(&self) -> &MeshSecret {
        &self.0.secret
    }

    /// Takes a key set. Keys that are gone from it stop counting.
    pub fn learn(&self, jwks: &Jwks) {
        let keys = jwks.keys.iter().filter(|key| key.crv == "Ed25519").filter_map(|key| {
            DecodingKey::from_ed_components(&key.x).ok().map(|decoding| (key.kid.clone(), decoding))
        });
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.collect();
        self.0.verified.clear();
    }

    /// Takes a revocation.
    pub fn revoke(&self, event: &AccessRevoked) {
        let now = self.0.clock.now().seconds();
        let until = now + ACCESS_TOKEN_SECONDS + 2 * LEEWAY;
        let mut revoked = self.0.revoked.write().unwrap_or_else(PoisonError::into_inner);
        revoked.sessions.retain(|_, until| *until > now);
        revoked.versions.retain(|_, (_, until)| *until > now);
        if let Ok(session) = event.session_id.parse() {
            revoked.sessions.insert(session, until);
        } else if let Ok(user) = event.user_id.parse() {
            let least = revoked.versions.entry(user).or_insert((event.minimum_version, until));
            *least = (least.0.max(event.minimum_version), until);
        }
        drop(revoked);
        self.0.revocations.send_modify(|count| *count += 1);
    }

    /// Ends when the token in these headers does not count any more: a stream must not outlive it.
    pub async fn until_refused(&self, headers: http::HeaderMap) -> Fault {
        let mut revocations = self.0.revocations.subscribe();
        loop {
            revocations.mark_unchanged();
            match self.caller(&headers).await {
                Err(fault) if fault.code == tonic::Code::Unauthenticated => return fault,
                _ => {}
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, revocations.changed()).await;
        }
    }

    /// Tells who sent these headers. None sent is nobody; what is sent must be valid.
    pub async fn caller(&self, headers: &http::HeaderMap) -> Result<Caller, Fault> {
        let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(Caller::Anonymous) };
        let invalid = || Fault::unauthenticated("the access token is not valid (any more): sign in again");
        if values.next().is_some() {
            return Err(Fault::unauthenticated("authorization must be given once"));
        }
        let token = value
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Fault::unauthenticated("authorization must be a bearer token"))?;
        if token.len() > 4096 {
            return Err(invalid());
        }
        match self.verify(token) {
            Ok(caller) => Ok(caller),
            Err(Refused::Invalid) => Err(invalid()),
            Err(Refused::UnknownKey) => {
                self.refresh().await?;
                self.verify(token).map_err(|_| invalid())
            }
        }
    }

    fn verify(&self, token: &str) -> Result<Caller, Refused> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Invalid)?;
        match header.typ.as_deref() {
            Some(ACCESS_TOKEN) => self.verify_access(token, header),
            Some(SERVICE_TOKEN) => self.verify_service(token),
            _ => Err(Refused::Invalid),
        }
    }

    fn verify_access(&self, token: &str, header: Header) -> Result<Caller, Refused> {
        let id = sha256(token);
        let now = self.0.clock.now().seconds();
        let claims = match self.0.verified.get(&id) {
            Some(claims) if claims.exp + LEEWAY > now => claims,
            Some(_) => return Err(Refused::Invalid),
            None => {
                let claims = self.decode_access(token, header)?;
                self.0.verified.insert(id, claims.clone());
                claims
            }
        };
        let revoked = self.0.revoked.read().unwrap_or_else(PoisonError::into_inner);
        let too_old = revoked.versions.get(&claims.sub).is_some_and(|(least, _)| claims.ver < *least);
        if too_old || revoked.sessions.contains_key(&claims.sid) {
            return Err(Refused::Invalid);
        }
        Ok(Caller::User { id: claims.sub, roles: claims.roles, session: claims.sid })
    }

    fn decode_access(&self, token: &str, header: Header) -> Result<AccessClaims, Refused> {
        if header.alg != Algorithm::EdDSA || header.crit.is_some() {
            return Err(Refused::Invalid);
        }
        let kid = header.kid.ok_or(Refused::Invalid)?;
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&kid).ok_or(Refused::UnknownKey)?;
        self.checked(
            jsonwebtoken::decode(token, key, &validation(Algorithm::EdDSA)),
            |claims: &AccessClaims| (claims.nbf, claims.exp),
        )
    }

    fn verify_service(&self, token: &str) -> Result<Caller, Refused> {
        let id = sha256(token);
        let now = self.0.clock.now().seconds();
        if let Some((role, on_behalf_of, exp)) = self.0.services.get(&id) {
            return if exp + LEEWAY > now {
                Ok(Caller::Service { role, on_behalf_of })
            } else {
                Err(Refused::Invalid)
            };
        }
        let key = DecodingKey::from_secret(&self.0.secret.service);
        let claims = self.checked(
            jsonwebtoken::decode(token, &key, &validation(Algorithm::HS256)),
            |claims: &ServiceClaims| (claims.nbf, claims.exp),
        )?;
        let role: Role = claims.sub.parse().map_err(|_| Refused::Invalid)?;
        self.0.services.insert(id, (role, claims.on_behalf_of, claims.exp));
        Ok(Caller::Service { role, on_behalf_of: claims.on_behalf_of })
    }

    /// Checks times by our own clock, which tests can set; signature, issuer and audience are checked already.
    fn checked<C>(
        &self,
        decoded: Result<TokenData<C>, jsonwebtoken::errors::Error>,
        times: impl Fn(&C) -> (i64, i64),
    ) -> Result<C, Refused> {
        let claims = decoded.map_err(|_| Refused::Invalid)?.claims;
        let now = self.0.clock.now().seconds();
        let (not_before, expires) = times(&claims);
        if not_before - LEEWAY > now || expires + LEEWAY <= now { Err(Refused::Invalid) } else { Ok(claims) }
    }

    /// Asks for the keys, at most once a second; whoever comes meanwhile waits for the same answer.
    async fn refresh(&self) -> Result<(), Fault> {
        let wanted = Instant::now();
        let mut last = self.0.last_fetch.lock().await;
        if let Some((begun, known)) = *last
            && (begun >= wanted || begun.elapsed() < Duration::from_secs(1))
        {
            return if known { Ok(()) } else { Err(Fault::unavailable("user")) };
        }
        let begun = Instant::now();
        let fetched = self.fetch_keys().await;
        *last = Some((begun, fetched.is_ok()));
        fetched
    }

    /// Asks for the keys now.
    pub async fn fetch_keys(&self) -> Result<(), Fault> {
        let fetch = self.0.fetch.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(fetch) = fetch {
            let jwks = fetch.keys().await.map_err(|_| Fault::unavailable("user"))?;
            self.learn(&jwks);
        }
        Ok(())
    }

    /// The service token with which `role` calls, made once for many calls.
    pub(crate) fn service_token(&self, role: Role, on_behalf_of: Option<UserId>) -> Result<Arc<str>, Fault> {
        let now = self.0.clock.now().seconds();
        if let Some((token, fresh_until)) = self.0.minted.get(&(role, on_behalf_of))
            && now < fresh_until
        {
            return Ok(token);
        }
        let claims = ServiceClaims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: role.name().to_owned(),
            on_behalf_of,
            iat: now,
            nbf: now,
            exp: now + SERVICE_TOKEN_SECONDS,
        };
        let header = Header { typ: Some(SERVICE_TOKEN.to_owned()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&self.0.secret.service))
            .map_err(Fault::internal)?;
        let token: Arc<str> = Arc::from(token);
        self.0.minted.insert((role, on_behalf_of), (token.clone(), now + SERVICE_TOKEN_SECONDS / 2));
        Ok(token)
    }
}

fn sha256(token: &str) -> [u8; 32] {
    let mut id = [0; 32];
    id.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    id
}

/// Everything that jsonwebtoken lets pass by default is required here; times are checked by [`Identity::checked`].
fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
    validation.set_audience(&[ISSUER]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Time, id::Id};

    fn identity() -> (Identity, Clock) {
        let clock = Clock::manual(Time(1_700_000_000_000_000));
        (Identity::new(MeshSecret::new("a secret"), clock.clone()), clock)
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
        let token = identity.service_token(Role::Order, Some(user)).unwrap();
        let caller = identity.caller(&headers(&token)).await.unwrap();
        assert_eq!(caller, Caller::Service { role: Role::Order, on_behalf_of: Some(user) });
        clock.advance(Duration::from_secs(70));
        assert!(identity.caller(&headers(&token)).await.is_err());
    }

    #[tokio::test]
    async fn a_service_token_of_another_mesh_is_refused() {
        let (identity, clock) = identity();
        let other = Identity::new(MeshSecret::new("another secret"), clock);
        let token = other.service_token(Role::Order, None).unwrap();
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
}
