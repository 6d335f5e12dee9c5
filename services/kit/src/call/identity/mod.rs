//! Who a caller is: access tokens of users (EdDSA, verified offline by published keys) and service tokens
//! between roles (signed by the calling role's key).
//!
//! Access tokens are JWTs as RFC 9068 has them. What a token says can be taken back before it expires:
//! every process follows the user service's feed and knows the revocations.

pub mod api_key;
mod api_keys;
pub mod basic;
mod callers;
mod keys;
mod revocations;
mod secret;
mod service;
mod tokens;
mod verified;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use contracts::user::{AccessRevoked, Jwks};

use crate::{Clock, Fault, Role, id::UserId, mesh::certificates::Certificate};

use callers::bearer;
pub use keys::Fetch;
pub use secret::MeshSecret;
pub use tokens::{AccessClaims, RoleVersion};

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

/// The longest token that is looked at, in bytes: a service token may carry a chain of certificates.
const LONGEST: usize = 16 * 1024;
/// The same of an access token.
const LONGEST_ACCESS: usize = 4096;

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
    /// It is for another role.
    Elsewhere(Role),
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
    api_keys: api_keys::ApiKeys,
    revocations: revocations::Revocations,
    services: service::ServiceTokens,
    /// When it was last logged that clocks are too far apart.
    skew_logged: Mutex<Option<Instant>>,
}

impl Identity {
    /// An identity that knows no keys of users yet, in a process that runs all roles.
    pub fn new(secret: MeshSecret, clock: Clock) -> Result<Self, Fault> {
        Self::of(secret, clock, CLOCK_LEEWAY, &Role::ALL)
    }

    /// The same where clocks may be so far apart, and these roles run.
    pub fn of(secret: MeshSecret, clock: Clock, leeway: Duration, here: &[Role]) -> Result<Self, Fault> {
        Ok(Self(Arc::new(Inner {
            clock,
            leeway: i64::try_from(leeway.as_secs()).unwrap_or(i64::MAX / 4),
            keys: keys::Keys::default(),
            verified: verified::Verified::default(),
            api_keys: api_keys::ApiKeys::default(),
            revocations: revocations::Revocations::default(),
            services: service::ServiceTokens::new(&secret, here.to_vec())?,
            skew_logged: Mutex::new(None),
            secret,
        })))
    }

    /// Says where to ask for keys.
    pub fn fetch_from(&self, fetch: Arc<dyn Fetch>) {
        self.0.keys.fetch_from(fetch);
    }

    /// The mesh secret.
    pub fn secret(&self) -> &MeshSecret {
        &self.0.secret
    }

    /// Takes another mesh secret, or two, for service tokens from now on. What else is derived from it stays.
    pub fn learn_secret(&self, secret: &MeshSecret) -> Result<(), Fault> {
        self.0.services.learn(secret)
    }

    /// Takes the process's certificate of the mesh, which roles are known by from now on; the mesh secret makes no tokens any
    /// more.
    pub fn learn_certificate(&self, certificate: Arc<Certificate>) {
        self.0.services.learn_certificate(certificate);
    }

    /// Whether roles are known by certificates.
    pub fn has_certificates(&self) -> bool {
        self.0.services.has_certificates()
    }

    /// Takes a key set. Keys that are gone from it stop counting.
    pub fn learn(&self, jwks: &Jwks) {
        self.0.keys.learn(jwks);
        // They count no more in any case: those that other keys have verified are of no use to anybody.
        self.0.verified.clear();
    }

    /// Asks for the keys now.
    pub async fn fetch_keys(&self) -> Result<(), Fault> {
        let _asking = self.0.keys.fetching.lock().await;
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

    /// The service token with which `from` calls `to` in another process.
    pub fn service_token(
        &self,
        from: Role,
        to: Role,
        on_behalf_of: Option<UserId>,
    ) -> Result<Arc<str>, Fault> {
        self.0.services.make((from, to), on_behalf_of, false, self.now())
    }

    /// The same within this process, where nobody else can use it.
    pub fn near_token(&self, from: Role, to: Role, on_behalf_of: Option<UserId>) -> Result<Arc<str>, Fault> {
        self.0.services.make((from, to), on_behalf_of, true, self.now())
    }

    /// The time by which tokens are judged.
    pub fn time(&self) -> crate::Time {
        self.0.clock.now()
    }

    fn now(&self) -> i64 {
        self.0.clock.now().seconds()
    }
}

#[cfg(test)]
mod tests;
