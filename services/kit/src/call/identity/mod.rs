//! Who a caller is: access tokens of users (EdDSA, verified offline by published keys) and service tokens
//! between processes (made from the mesh secret).
//!
//! Access tokens are JWTs as RFC 9068 has them. What a token says can be taken back before it expires:
//! every process follows the user service's feed and knows the revocations.

mod keys;
mod revocations;
mod secret;
mod service;
mod tokens;
mod verified;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use contracts::user::{AccessRevoked, Jwks};
use jsonwebtoken::{Algorithm, Header};

use crate::{Caller, Clock, Fault, Reason, Role, headers::EDGE, id::UserId};

pub use keys::Fetch;
pub use secret::MeshSecret;
pub use tokens::AccessClaims;

/// Issuer and audience of all our tokens.
pub const ISSUER: &str = "feira";
/// The media type of access tokens (RFC 9068).
pub const ACCESS_TOKEN: &str = "at+jwt";
/// Seconds that an access token lives.
pub const ACCESS_TOKEN_SECONDS: i64 = 600;
/// How often the token of an open stream is looked at, besides at every revocation.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// The least time between two warnings that clocks are too far apart.
const LOG_AGAIN: Duration = Duration::from_secs(60);
/// How far two machines' clocks may be apart, unless the operator says otherwise.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(60);

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 4096;

/// Why a token does not count.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// Its key is not known here; it may be new.
    UnknownKey,
    /// It is forged, malformed, expired, or revoked.
    Invalid,
    /// It begins so many seconds from now.
    NotYet { ahead: i64 },
    /// It ended so many seconds ago.
    Expired { since: i64 },
}

/// Verifies callers; one per process, cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    clock: Clock,
    /// Seconds that two machines' clocks may differ.
    leeway: i64,
    secret: MeshSecret,
    keys: keys::Keys,
    verified: verified::Verified,
    revocations: revocations::Revocations,
    services: service::ServiceTokens,
    /// When it was last logged that clocks are too far apart.
    skew_logged: Mutex<Option<Instant>>,
}

impl Identity {
    /// An identity that knows no keys yet.
    pub fn new(secret: MeshSecret, clock: Clock) -> Self {
        Self::with_leeway(secret, clock, CLOCK_LEEWAY)
    }

    /// The same where clocks may be so far apart.
    pub fn with_leeway(secret: MeshSecret, clock: Clock, leeway: Duration) -> Self {
        Self(Arc::new(Inner {
            clock,
            leeway: i64::try_from(leeway.as_secs()).unwrap_or(i64::MAX / 4),
            keys: keys::Keys::default(),
            verified: verified::Verified::default(),
            revocations: revocations::Revocations::default(),
            services: service::ServiceTokens::new(&secret),
            skew_logged: Mutex::new(None),
            secret,
        }))
    }

    /// Says where to ask for keys.
    pub fn fetch_from(&self, fetch: Arc<dyn Fetch>) {
        self.0.keys.fetch_from(fetch);
    }

    /// The mesh secret.
    pub fn secret(&self) -> &MeshSecret {
        &self.0.secret
    }

    /// Takes a key set. Keys that are gone from it stop counting.
    pub fn learn(&self, jwks: &Jwks) {
        self.0.keys.learn(jwks);
        // They count no more in any case: those that other keys have verified are of no use to anybody.
        self.0.verified.clear();
    }

    /// Asks for the keys now.
    pub async fn fetch_keys(&self) -> Result<(), Fault> {
        if let Some(jwks) = self.0.keys.fetch().await? {
            self.learn(&jwks);
        }
        Ok(())
    }

    /// Takes a revocation.
    pub fn revoke(&self, event: &AccessRevoked) {
        self.0.revocations.note(event, self.now(), self.0.leeway);
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

    /// Ends when the session of the token in these headers is ended, or its user's rights have changed. That
    /// it expires meanwhile is no matter: an upload, which cannot change its token, may take longer.
    pub async fn until_revoked(&self, headers: http::HeaderMap) -> Fault {
        let mut revocations = self.0.revocations.subscribe();
        let Some(claims) = headers.get(http::header::AUTHORIZATION).and_then(bearer).and_then(|token| {
            let header = jsonwebtoken::decode_header(token).ok()?;
            self.read_access(token, header).ok().map(|(_, claims)| claims)
        }) else {
            return self.until_refused(headers).await;
        };
        loop {
            revocations.mark_unchanged();
            if self.0.revocations.concern(&claims) {
                return Fault::unauthenticated("the session has ended: sign in again");
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
        let token =
            bearer(value).ok_or_else(|| Fault::unauthenticated("authorization must be a bearer token"))?;
        if token.len() > LONGEST {
            return Err(invalid());
        }
        let verified = match self.verify(token) {
            Err(Refused::UnknownKey) => {
                self.0.keys.at_most_once_a_second(self.fetch_keys()).await?;
                self.verify(token)
            }
            verified => verified,
        };
        verified.map_err(|refused| match refused {
            Refused::NotYet { ahead } => self.clock_skew(ahead, format!("begins {ahead} s from now")),
            Refused::Expired { since } => self.clock_skew(since, format!("ended {since} s ago")),
            Refused::UnknownKey | Refused::Invalid => invalid(),
        })
    }

    /// Whether these headers are from the gateway of this mesh, whoever its client is.
    pub fn is_edge(&self, headers: &http::HeaderMap) -> bool {
        let token = headers.get(EDGE).and_then(|value| value.to_str().ok());
        let caller = token.filter(|token| token.len() <= LONGEST).map(|token| self.verify(token));
        matches!(caller, Some(Ok(Caller::Service { role: Role::Gateway, .. })))
    }

    /// Nothing is wrong with the token, so signing in again would not help: the clock of this machine, or of the
    /// one that made the token, is wrong. It is logged for the operator, and not once for every call.
    fn clock_skew(&self, seconds: i64, how: String) -> Fault {
        let leeway = self.0.leeway;
        let message = format!(
            "the clocks of two processes are too far apart: a token that was just made {how} by this one's; \
             {leeway} s are allowed (FEIRA_CLOCK_LEEWAY)"
        );
        let mut logged = self.0.skew_logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|when| when.elapsed() >= LOG_AGAIN) {
            *logged = Some(Instant::now());
            tracing::warn!(seconds, leeway_seconds = leeway, problem = message, "clock.skew");
        }
        Fault::new(Reason::ClockSkew, message).with("seconds", seconds).with("leeway_seconds", leeway)
    }

    fn verify(&self, token: &str) -> Result<Caller, Refused> {
        let (id, now) = (sha256(token), self.now());
        if let Some(claims) = self.0.verified.get(&id, self.0.keys.generation()) {
            return self.admit(&claims, now);
        }
        if let Some(known) = self.0.services.known(&id, now, self.0.leeway) {
            return known;
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Invalid)?;
        match header.typ.as_deref() {
            Some(ACCESS_TOKEN) => {
                let (generation, claims) =
                    self.read_access(token, header).map_err(|refused| match refused {
                        // That one expires is how it ends, whatever the clocks are.
                        Refused::Expired { .. } => Refused::Invalid,
                        other => other,
                    })?;
                let claims = Arc::new(claims);
                self.0.verified.insert(id, generation, claims.clone());
                self.admit(&claims, now)
            }
            Some(service::SERVICE_TOKEN) => self.0.services.verify(token, id, now, self.0.leeway),
            _ => Err(Refused::Invalid),
        }
    }

    /// The caller whom a verified token names, as long as it counts: on every call, remembered or not.
    fn admit(&self, claims: &AccessClaims, now: i64) -> Result<Caller, Refused> {
        if claims.exp.saturating_add(self.0.leeway) <= now || self.0.revocations.concern(claims) {
            return Err(Refused::Invalid);
        }
        Ok(Caller::User { id: claims.sub, roles: claims.roles, session: claims.sid })
    }

    /// What an access token says, and the generation of the keys by which it was verified.
    fn read_access(&self, token: &str, header: Header) -> Result<(u64, AccessClaims), Refused> {
        if header.alg != Algorithm::EdDSA || header.crit.is_some() {
            return Err(Refused::Invalid);
        }
        let kid = header.kid.ok_or(Refused::Invalid)?;
        let read = |key: &_| tokens::read(token, key, Algorithm::EdDSA, self.now(), self.0.leeway);
        let (generation, read) = self.0.keys.with(&kid, read).ok_or(Refused::UnknownKey)?;
        Ok((generation, read?))
    }

    /// The service token with which `role` calls.
    pub fn service_token(&self, role: Role, on_behalf_of: Option<UserId>) -> Result<Arc<str>, Fault> {
        self.0.services.make(role, on_behalf_of, self.now())
    }

    fn now(&self) -> i64 {
        self.0.clock.now().seconds()
    }
}

/// The token of an `authorization` of that kind.
fn bearer(value: &http::HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn sha256(token: &str) -> [u8; 32] {
    let mut id = [0; 32];
    id.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    id
}

#[cfg(test)]
mod tests;
