//! From the headers of a call to who calls.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use aws_lc_rs::digest;
use jsonwebtoken::{Algorithm, Header};

use super::{
    ACCESS_TOKEN, AccessClaims, Identity, LOG_AGAIN, LONGEST, LONGEST_ACCESS, Refused,
    api_key::{self, KeyHash},
    basic::Basic,
    service, tokens,
};
use crate::{Caller, Fault, Reason, Role, call::Roles, headers::EDGE};

impl Identity {
    /// Tells who sent these headers. None sent is nobody; what is sent must be valid.
    pub async fn caller(&self, headers: &http::HeaderMap) -> Result<Caller, Fault> {
        let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(Caller::Anonymous) };
        let invalid = || Fault::unauthenticated("the access token is not valid (any more): sign in again");
        if values.next().is_some() {
            return Err(Fault::unauthenticated("authorization must be given once"));
        }
        if value.len() > LONGEST {
            return Err(invalid());
        }
        let basic = Basic::read(value.as_bytes());
        if let Some(key) = basic.as_ref().map(|basic| basic.user.as_str()).or_else(|| bearer(value))
            && api_key::looks_like_one(key)
            && basic.as_ref().is_none_or(|basic| basic.password.is_empty())
        {
            return self.holder(key).await;
        }
        let token = bearer(value).ok_or_else(|| {
            Fault::unauthenticated(
                "authorization must be a bearer token, or `Basic` with an API key as user name and no password; \
                 a login and a password are for signing in",
            )
        })?;
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
            Refused::Elsewhere(role) => {
                Fault::unauthenticated(format!("the token is for the role {role}, which does not run here"))
                    .with("audience", role)
            }
            Refused::UnknownKey | Refused::Invalid => invalid(),
        })
    }

    /// Who holds an API key.
    async fn holder(&self, key: &str) -> Result<Caller, Fault> {
        let (source, revocations) = (&self.0.keys, &self.0.revocations);
        let holder = match KeyHash::of(key) {
            Some(key) => self.0.api_keys.caller(&key, source, revocations, self.now()).await?,
            None => None,
        };
        holder.ok_or_else(|| Fault::unauthenticated("the API key is not valid (any more)"))
    }

    /// The same for a method that takes an access token also when it has expired or was revoked.
    pub async fn late_caller(&self, headers: &http::HeaderMap) -> Result<Caller, Fault> {
        let refused = match self.caller(headers).await {
            Err(fault) if fault.code == tonic::Code::Unauthenticated => fault,
            known => return known,
        };
        let token = headers.get(http::header::AUTHORIZATION).and_then(bearer);
        let claims =
            token.filter(|token| token.len() <= LONGEST_ACCESS).and_then(|token| self.read_late(token));
        // It says whose it is, and gives no rights any more.
        claims
            .map(|claims| Caller::User { id: claims.sub, roles: Roles::default(), session: claims.sid })
            .ok_or(refused)
    }

    /// What an access token of ours says, whenever it expires.
    fn read_late(&self, token: &str) -> Option<AccessClaims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(ACCESS_TOKEN)
            || header.alg != Algorithm::EdDSA
            || header.crit.is_some()
        {
            return None;
        }
        let read = |key: &_| tokens::read_any(token, key, Algorithm::EdDSA);
        self.0.keys.with(&header.kid?, read)?.1.ok()
    }

    /// Whether these headers are from the gateway of this mesh, whoever its client is.
    pub fn is_edge(&self, headers: &http::HeaderMap) -> bool {
        let token = headers.get(EDGE).and_then(|value| value.to_str().ok());
        let caller = token.filter(|token| token.len() <= LONGEST).map(|token| self.verify(token));
        matches!(caller, Some(Ok(Caller::Service { role: Role::Gateway, .. })))
    }

    /// Whether these headers are from the edge, or say to be from another role: whether that is so, costs no call to find out.
    pub fn names_a_role(&self, headers: &http::HeaderMap) -> bool {
        self.says_a_role(headers) || self.is_edge(headers)
    }

    /// Whether these headers say to be from a role. Nothing is verified.
    pub fn says_a_role(&self, headers: &http::HeaderMap) -> bool {
        let token = headers.get(http::header::AUTHORIZATION).and_then(bearer);
        let token = token.filter(|token| token.len() <= LONGEST);
        let header = token.and_then(|token| jsonwebtoken::decode_header(token).ok());
        header.is_some_and(|header| header.typ.as_deref() == Some(service::SERVICE_TOKEN))
    }

    /// Whether these headers are from the edge or another role.
    pub fn proves_a_role(&self, headers: &http::HeaderMap) -> bool {
        let token = headers.get(http::header::AUTHORIZATION).and_then(bearer);
        let by_role = self.says_a_role(headers)
            && token.is_some_and(|token| matches!(self.verify(token), Ok(Caller::Service { .. })));
        by_role || self.is_edge(headers)
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
        // What must be understood is not understood here (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(Refused::Invalid);
        }
        match header.typ.as_deref() {
            Some(ACCESS_TOKEN) if token.len() <= LONGEST_ACCESS => {
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
            Some(service::SERVICE_TOKEN) => self.0.services.verify(token, &header, id, (now, self.0.leeway)),
            _ => Err(Refused::Invalid),
        }
    }

    /// The caller whom a verified token names, as long as it counts: on every call, remembered or not.
    fn admit(&self, claims: &AccessClaims, now: i64) -> Result<Caller, Refused> {
        if claims.exp.saturating_add(self.0.leeway) <= now || self.0.revocations.concern(claims) {
            return Err(Refused::Invalid);
        }
        Ok(Caller::User { id: claims.sub, roles: claims.roles(), session: claims.sid })
    }

    /// What an access token says, and the generation of the keys by which it was verified.
    pub(super) fn read_access(&self, token: &str, header: Header) -> Result<(u64, AccessClaims), Refused> {
        if header.alg != Algorithm::EdDSA || header.crit.is_some() {
            return Err(Refused::Invalid);
        }
        let kid = header.kid.ok_or(Refused::Invalid)?;
        let read = |key: &_| tokens::read(token, key, Algorithm::EdDSA, self.now(), self.0.leeway);
        let (generation, read) = self.0.keys.with(&kid, read).ok_or(Refused::UnknownKey)?;
        Ok((generation, read?))
    }
}

/// The token of an `authorization` of that kind.
pub(super) fn bearer(value: &http::HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(super) fn sha256(token: &str) -> [u8; 32] {
    let mut id = [0; 32];
    id.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    id
}
