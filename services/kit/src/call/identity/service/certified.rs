//! The roles' keys where roles have certificates: a token carries its signer's chain, and the key is that of the first.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey};
use quick_cache::sync::Cache;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

use crate::{Role, mesh::certificates::Certificate};

/// The most certificates that a chain has here.
const LONGEST: usize = 5;
/// How long a chain that was verified is not verified again.
const TRUSTED_SECONDS: i64 = 60;

/// A process's own certificate, and those of others that it has verified by its authorities.
pub struct Chains {
    own: Arc<Certificate>,
    /// By the SHA-256 of the chain; with when it was verified.
    verified: Cache<[u8; 32], (Arc<Owner>, i64)>,
}

/// Whose a chain is.
pub struct Owner {
    pub roles: Vec<Role>,
    /// The one key, as each kind takes it: a token says of which it is, and of the other kind it is none.
    ed25519: DecodingKey,
    ecdsa: DecodingKey,
}

impl Owner {
    pub fn key(&self, algorithm: Algorithm) -> &DecodingKey {
        if algorithm == Algorithm::EdDSA { &self.ed25519 } else { &self.ecdsa }
    }
}

impl Chains {
    pub fn new(own: Arc<Certificate>) -> Self {
        Self { own, verified: Cache::new(1_000) }
    }

    pub fn own(&self) -> &Certificate {
        &self.own
    }

    /// Whose chain this is, if it counts now.
    pub fn owner(&self, chain: &[String], now: i64) -> Option<Arc<Owner>> {
        let id = id(chain);
        if let Some((owner, at)) = self.verified.get(&id)
            && (at..at.saturating_add(TRUSTED_SECONDS)).contains(&now)
        {
            return Some(owner);
        }
        if chain.len() > LONGEST {
            return None;
        }
        let decode = |text: &String| BASE64_STANDARD.decode(text).map(CertificateDer::from);
        let chain = chain.iter().map(decode).collect::<Result<Vec<_>, _>>().ok()?;
        let seconds = Duration::from_secs(u64::try_from(now).ok()?);
        let roles = self.own.roles_of(&chain, UnixTime::since_unix_epoch(seconds))?;
        let certificate = EndEntityCert::try_from(chain.first()?).ok()?;
        let key = certificate.subject_public_key_info();
        let (ed25519, ecdsa) =
            (DecodingKey::from_ed_der(key.as_ref()), DecodingKey::from_ec_der(key.as_ref()));
        let owner = Arc::new(Owner { roles, ed25519, ecdsa });
        self.verified.insert(id, (owner.clone(), now));
        Some(owner)
    }
}

fn id(chain: &[String]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    for certificate in chain {
        hash.update(&(certificate.len() as u64).to_be_bytes());
        hash.update(certificate.as_bytes());
    }
    let mut id = [0; 32];
    id.copy_from_slice(hash.finish().as_ref());
    id
}
