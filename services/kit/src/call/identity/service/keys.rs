//! The roles' keys where there is a mesh secret and nothing else: each is derived from it, so that whoever has the
//! secret has all of them.

use std::collections::HashMap;

use aws_lc_rs::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use jsonwebtoken::{DecodingKey, EncodingKey};

use crate::{Fault, Role, identity::MeshSecret};

/// The keys that a secret gives, and those of the other one that counts beside it.
pub struct SecretKeys {
    /// By role: the key's name, and the key.
    signing: HashMap<Role, (String, EncodingKey)>,
    /// By the key's name.
    verifying: HashMap<String, (Role, DecodingKey)>,
}

impl SecretKeys {
    pub fn new(secret: &MeshSecret) -> Result<Self, Fault> {
        let (mut signing, mut verifying) = (HashMap::new(), HashMap::new());
        for role in Role::PARTS {
            for seed in secret.derive_all(&format!("service key of {role}")) {
                let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(Fault::internal)?;
                let public = pair.public_key().as_ref();
                let name = hex::encode(&digest::digest(&digest::SHA256, public).as_ref()[..8]);
                let private = pair.to_pkcs8v1().map_err(Fault::internal)?;
                verifying.insert(name.clone(), (role, DecodingKey::from_ed_der(public)));
                signing.entry(role).or_insert_with(|| (name, EncodingKey::from_ed_der(private.as_ref())));
            }
        }
        Ok(Self { signing, verifying })
    }

    /// The key by which a role signs, with its name.
    pub fn of(&self, role: Role) -> Option<&(String, EncodingKey)> {
        self.signing.get(&role)
    }

    /// Whose key has this name.
    pub fn named(&self, name: &str) -> Option<&(Role, DecodingKey)> {
        self.verifying.get(name)
    }
}
