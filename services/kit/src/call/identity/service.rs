//! Service tokens: how one process of the mesh knows another's role, and on whose behalf it calls.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use quick_cache::sync::Cache;

use super::{ISSUER, MeshSecret, Refused, tokens};
use crate::{Caller, Fault, Role, id::UserId};

/// The `typ` of service tokens.
pub const SERVICE_TOKEN: &str = "feira-service+jwt";
const LIFE_SECONDS: i64 = 60;

/// Makes and verifies service tokens, each once for many calls.
pub struct ServiceTokens {
    key: Arc<[u8]>,
    /// By their SHA-256; the last is when they expire.
    verified: Cache<[u8; 32], (Role, Option<UserId>, i64)>,
    /// The last is until when they count as fresh.
    made: Cache<(Role, Option<UserId>), (Arc<str>, i64)>,
}

impl ServiceTokens {
    /// Tokens of the mesh that has this secret.
    pub fn new(secret: &MeshSecret) -> Self {
        Self { key: secret.service.clone(), verified: Cache::new(5_000), made: Cache::new(5_000) }
    }

    /// The token with which `role` calls.
    pub fn make(&self, role: Role, on_behalf_of: Option<UserId>, now: i64) -> Result<Arc<str>, Fault> {
        if let Some((token, fresh_until)) = self.made.get(&(role, on_behalf_of))
            && now < fresh_until
        {
            return Ok(token);
        }
        let claims = tokens::ServiceClaims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: role.name().to_owned(),
            on_behalf_of,
            iat: now,
            nbf: now,
            exp: now + LIFE_SECONDS,
        };
        let header = Header { typ: Some(SERVICE_TOKEN.to_owned()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&self.key))
            .map_err(Fault::internal)?;
        let token: Arc<str> = Arc::from(token);
        self.made.insert((role, on_behalf_of), (token.clone(), now + LIFE_SECONDS / 2));
        Ok(token)
    }

    /// Who calls with the token of this SHA-256, if it was verified before.
    pub fn known(&self, id: &[u8; 32], now: i64, leeway: i64) -> Option<Result<Caller, Refused>> {
        let (role, on_behalf_of, expires) = self.verified.get(id)?;
        Some(match expires.saturating_add(leeway) > now {
            true => Ok(Caller::Service { role, on_behalf_of }),
            false => Err(Refused::Expired { since: now.saturating_sub(expires) }),
        })
    }

    /// Who calls with this token, whose SHA-256 is `id`, where clocks may be `leeway` seconds apart.
    pub fn verify(&self, token: &str, id: [u8; 32], now: i64, leeway: i64) -> Result<Caller, Refused> {
        let key = DecodingKey::from_secret(&self.key);
        let claims: tokens::ServiceClaims = tokens::read(token, &key, Algorithm::HS256, now, leeway)?;
        let role: Role = claims.sub.parse().map_err(|_| Refused::Invalid)?;
        self.verified.insert(id, (role, claims.on_behalf_of, claims.exp));
        Ok(Caller::Service { role, on_behalf_of: claims.on_behalf_of })
    }
}
