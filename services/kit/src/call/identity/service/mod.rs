//! Service tokens: how one role knows that another calls it, and on whose behalf.
//!
//! A token names the role that calls and the one that is called, lives for a minute, and is signed by the caller's own
//! key. Within a process it is signed by a key that the process has made for itself and shows nobody: a signature
//! that nobody else must be able to check costs a fiftieth.

mod certified;
mod keys;

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use quick_cache::sync::Cache;

use self::{certified::Chains, keys::SecretKeys};
use super::{MeshSecret, Refused, tokens};
use crate::{Caller, Fault, Role, id::UserId, mesh::certificates::Certificate};

/// The `typ` of service tokens.
pub const SERVICE_TOKEN: &str = "feira-service+jwt";
const LIFE_SECONDS: i64 = 60;
/// The longest life of a token that is taken, whatever it is signed with.
const LONGEST_LIFE_SECONDS: i64 = 300;

/// Makes and verifies service tokens, each once for many calls.
pub struct ServiceTokens {
    /// The roles that run here: tokens for others are refused.
    here: Vec<Role>,
    /// Of this process alone.
    own: [u8; 32],
    keys: RwLock<Keys>,
    /// Whether they are those of certificates.
    certified: AtomicBool,
    /// How often the keys changed: what was made or verified by others counts no more.
    generation: AtomicU64,
    verified: Cache<[u8; 32], Verified>,
    made: Cache<For, Made>,
}

/// By what roles are known.
#[derive(Clone)]
enum Keys {
    Secret(Arc<SecretKeys>),
    Certificate(Arc<Chains>),
}

/// Whom a token is for: the caller, the called, on whose behalf, and whether both are in this process.
type For = (Role, Role, Option<UserId>, bool);

#[derive(Clone)]
struct Made {
    token: Arc<str>,
    fresh_until: i64,
    generation: u64,
}

#[derive(Clone, Copy)]
struct Verified {
    role: Role,
    on_behalf_of: Option<UserId>,
    expires: i64,
    generation: u64,
}

impl ServiceTokens {
    /// Tokens of the mesh that has this secret, in a process that runs these roles.
    pub fn new(secret: &MeshSecret, here: Vec<Role>) -> Result<Self, Fault> {
        Ok(Self {
            here,
            own: rand::random(),
            keys: RwLock::new(Keys::Secret(Arc::new(SecretKeys::new(secret)?))),
            certified: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            verified: Cache::new(5_000),
            made: Cache::new(5_000),
        })
    }

    /// Takes another secret, or other two, from now on; not where roles are known by certificates.
    pub fn learn(&self, secret: &MeshSecret) -> Result<(), Fault> {
        if !self.has_certificates() {
            self.change(Keys::Secret(Arc::new(SecretKeys::new(secret)?)));
        }
        Ok(())
    }

    /// Takes the process's certificate.
    pub fn learn_certificate(&self, certificate: Arc<Certificate>) {
        self.certified.store(true, Ordering::Release);
        self.change(Keys::Certificate(Arc::new(Chains::new(certificate))));
    }

    /// Whether roles are known by certificates.
    pub fn has_certificates(&self) -> bool {
        self.certified.load(Ordering::Acquire)
    }

    fn change(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        // After they count: what is verified by the old ones meanwhile is of the generation before.
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The token with which `from` calls `to`, which is in this process if it is `near`.
    pub fn make(
        &self,
        (from, to): (Role, Role),
        on_behalf_of: Option<UserId>,
        near: bool,
        now: i64,
    ) -> Result<Arc<str>, Fault> {
        let generation = self.generation();
        let is_for = (from, to, on_behalf_of, near);
        if let Some(made) = self.made.get(&is_for)
            && now < made.fresh_until
            && made.generation == generation
        {
            return Ok(made.token);
        }
        let claims = tokens::ServiceClaims {
            iss: from.name().to_owned(),
            sub: from.name().to_owned(),
            aud: to.name().to_owned(),
            on_behalf_of,
            iat: now,
            nbf: now,
            exp: now + LIFE_SECONDS,
        };
        let token = if near {
            jsonwebtoken::encode(&header(Algorithm::HS256), &claims, &EncodingKey::from_secret(&self.own))
        } else {
            match self.keys() {
                Keys::Secret(keys) => {
                    let (name, key) = keys.of(from).ok_or_else(|| Fault::internal("a role has no key"))?;
                    let header = Header { kid: Some(name.clone()), ..header(Algorithm::EdDSA) };
                    jsonwebtoken::encode(&header, &claims, key)
                }
                Keys::Certificate(chains) => {
                    let own = chains.own();
                    let header = Header { x5c: Some(own.chain.clone()), ..header(own.algorithm) };
                    jsonwebtoken::encode(&header, &claims, &own.token_key)
                }
            }
        };
        let token: Arc<str> = Arc::from(token.map_err(Fault::internal)?);
        let fresh_until = now + LIFE_SECONDS / 2;
        self.made.insert(is_for, Made { token: token.clone(), fresh_until, generation });
        Ok(token)
    }

    /// Who calls with the token of this SHA-256, if it was verified before.
    pub fn known(&self, id: &[u8; 32], now: i64, leeway: i64) -> Option<Result<Caller, Refused>> {
        let Verified { role, on_behalf_of, expires, generation } = self.verified.get(id)?;
        if generation != self.generation() {
            return None;
        }
        Some(match expires.saturating_add(leeway) > now {
            true => Ok(Caller::Service { role, on_behalf_of }),
            false => Err(Refused::Expired { since: now.saturating_sub(expires) }),
        })
    }

    /// Who calls with this token, whose SHA-256 is `id`, where clocks may be `leeway` seconds apart.
    pub fn verify(
        &self,
        token: &str,
        header: &Header,
        id: [u8; 32],
        (now, leeway): (i64, i64),
    ) -> Result<Caller, Refused> {
        let generation = self.generation();
        let read = |key: &_| tokens::read_service(token, key, header.alg, now, leeway);
        let (roles, claims) = match (header.alg, &header.kid, &header.x5c, self.keys()) {
            (Algorithm::HS256, None, None, _) => {
                (self.here.clone(), read(&DecodingKey::from_secret(&self.own))?)
            }
            (Algorithm::EdDSA, Some(name), None, Keys::Secret(keys)) => {
                let (role, key) = keys.named(name).ok_or(Refused::Invalid)?;
                (vec![*role], read(key)?)
            }
            (Algorithm::EdDSA | Algorithm::ES256, None, Some(chain), Keys::Certificate(chains)) => {
                let owner = chains.owner(chain, now).ok_or(Refused::Invalid)?;
                (owner.roles.clone(), read(owner.key(header.alg))?)
            }
            _ => return Err(Refused::Invalid),
        };
        let role = Role::part(&claims.sub).filter(|role| roles.contains(role)).ok_or(Refused::Invalid)?;
        let lives = claims.exp.saturating_sub(claims.iat);
        if claims.iss != claims.sub || !(1..=LONGEST_LIFE_SECONDS).contains(&lives) || claims.nbf < claims.iat
        {
            return Err(Refused::Invalid);
        }
        match Role::part(&claims.aud) {
            Some(to) if self.here.contains(&to) => {}
            Some(to) => return Err(Refused::Elsewhere(to)),
            None => return Err(Refused::Invalid),
        }
        let on_behalf_of = claims.on_behalf_of;
        self.verified.insert(id, Verified { role, on_behalf_of, expires: claims.exp, generation });
        Ok(Caller::Service { role, on_behalf_of })
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

fn header(algorithm: Algorithm) -> Header {
    Header { typ: Some(SERVICE_TOKEN.to_owned()), ..Header::new(algorithm) }
}
