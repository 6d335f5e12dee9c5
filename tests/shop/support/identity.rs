//! Who calls as what: the operator, and whoever has got hold of a role's key.

use aws_lc_rs::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use kit::{Role, identity::MeshSecret};
use serde_json::{Value, json};

use super::{mesh::Mesh, process::Start};

impl Mesh {
    /// A command of the operator, who knows the mesh secret.
    pub fn as_operator(&self, mut command: Start) -> Start {
        let running = self.processes.values().next().expect("a process");
        let known = ["FEIRA_DATA_DIR", "FEIRA_MESH_SECRET", "FEIRA_MESH_SECRET_FILE"];
        for (name, value) in running.start.env.iter().filter(|(name, _)| known.contains(&name.as_str())) {
            command = command.env(name, value);
        }
        command
    }

    /// The mesh secret, as it was given or generated.
    pub fn secret(&self) -> MeshSecret {
        let start = &self.processes.values().next().expect("a process").start;
        let setting = |name| start.env.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone());
        let secret = setting("FEIRA_MESH_SECRET").unwrap_or_else(|| {
            let folder = setting("FEIRA_DATA_DIR").expect("a data folder");
            std::fs::read_to_string(format!("{folder}/mesh.secret")).expect("a generated secret")
        });
        MeshSecret::new(&secret)
    }

    /// A token by which a role calls another for a minute.
    pub fn token(&self, from: Role, to: &str) -> String {
        signed(&self.secret(), from, &claims(from.name(), to, 60))
    }
}

/// What a service token says that lives so many seconds.
pub fn claims(from: &str, to: &str, lives: u64) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
    json!({"iss": from, "sub": from, "aud": to, "iat": now, "nbf": now, "exp": now + lives})
}

/// A token that says this, signed by the key that a role has of a mesh secret.
pub fn signed(secret: &MeshSecret, role: Role, claims: &Value) -> String {
    let seed = secret.derive(&format!("service key of {role}"));
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key");
    let name = digest::digest(&digest::SHA256, pair.public_key().as_ref());
    let header = json!({"typ": "feira-service+jwt", "alg": "EdDSA", "kid": hex::encode(&name.as_ref()[..8])});
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let said = format!("{}.{}", part(&header), part(claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(pair.sign(said.as_bytes()).as_ref());
    format!("{said}.{signature}")
}
