//! What tokens say, and what is required of all of them.

use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{ISSUER, Refused};
use crate::{
    call::Roles,
    id::{RoleId, SessionId, UserId},
    permissions::Permissions,
};

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
    pub staff: bool,
    pub admin: bool,
    /// Of the role that an administrator made for the user.
    #[serde(default, skip_serializing_if = "Permissions::is_empty")]
    pub permissions: Permissions,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleVersion>,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
}

impl AccessClaims {
    /// What the user may do.
    pub fn roles(&self) -> Roles {
        Roles::new(self.staff, self.admin, self.permissions)
    }
}

/// A role that an administrator made, as it was when a token was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleVersion {
    pub id: RoleId,
    pub version: i64,
}

/// What a service token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceClaims {
    /// The calling role, twice: who says it, and whom it is about.
    pub iss: String,
    pub sub: String,
    /// The called role.
    pub aud: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<UserId>,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
}

/// From when until when, in seconds since 1970.
pub trait Times {
    fn times(&self) -> (i64, i64);
}

impl Times for AccessClaims {
    fn times(&self) -> (i64, i64) {
        (self.nbf, self.exp)
    }
}

impl Times for ServiceClaims {
    fn times(&self) -> (i64, i64) {
        (self.nbf, self.exp)
    }
}

/// Reads a token signed by `key`, whenever it begins and expires.
pub fn read_any<C: DeserializeOwned + Clone>(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Result<C, Refused> {
    let mut validation = validation(algorithm);
    validation.set_audience(&[ISSUER]);
    validation.set_issuer(&[ISSUER]);
    let read: Result<TokenData<C>, _> = jsonwebtoken::decode(token, key, &validation);
    Ok(read.map_err(|_| Refused::Invalid)?.claims)
}

/// Reads a service token in the same way; who may have made it, and for whom, is for the caller to judge.
pub fn read_service(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
    now: i64,
    leeway: i64,
) -> Result<ServiceClaims, Refused> {
    let mut validation = validation(algorithm);
    validation.validate_aud = false;
    let read: Result<TokenData<ServiceClaims>, _> = jsonwebtoken::decode(token, key, &validation);
    in_time(read.map_err(|_| Refused::Invalid)?.claims, now, leeway)
}

/// Reads a token signed by `key`; `now` is our own clock, which tests can set, and from which the signer's may
/// be `leeway` seconds off.
pub fn read<C: DeserializeOwned + Clone + Times>(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
    now: i64,
    leeway: i64,
) -> Result<C, Refused> {
    in_time(read_any(token, key, algorithm)?, now, leeway)
}

fn in_time<C: Times>(claims: C, now: i64, leeway: i64) -> Result<C, Refused> {
    let (not_before, expires) = claims.times();
    if not_before.saturating_sub(leeway) > now {
        return Err(Refused::NotYet { ahead: not_before.saturating_sub(now) });
    }
    if expires.saturating_add(leeway) <= now {
        return Err(Refused::Expired { since: now.saturating_sub(expires) });
    }
    Ok(claims)
}

/// Everything that jsonwebtoken lets pass by default is required here; times are checked by [`read`].
fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}
