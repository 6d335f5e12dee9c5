//! Who calls as what: the operator, and whoever has got hold of a role's key.

use aws_lc_rs::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use kit::{
    Role,
    identity::MeshSecret,
    mesh::certificates::{Certificates, Files},
};
use serde_json::{Value, json};

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::{
    mesh::{MESH_SECRET, Mesh},
    process::Start,
    setup::KnownBy,
};

impl Mesh {
    /// What processes know each other by.
    pub(super) fn make_known(&self) {
        match self.setup.known_by {
            KnownBy::Secret => {}
            KnownBy::SecretFile => std::fs::write(self.folder().join("mesh.secret"), MESH_SECRET).unwrap(),
            KnownBy::Certificates => self.certify("certs", ""),
        }
    }

    /// Makes certificates in a folder.
    pub fn certify(&self, folder: &str, flags: &str) {
        let ended = Start::of(&format!("certs {folder} {flags}")).run(self.folder());
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    /// Tells a process of a role what it is known by.
    pub(super) fn known(&self, start: Start, role: &str) -> Start {
        let path = |name: &str| self.folder().join(name).to_str().unwrap().to_owned();
        match self.setup.known_by {
            KnownBy::Secret => start.env("FEIRA_MESH_SECRET", MESH_SECRET),
            KnownBy::SecretFile => start.env("FEIRA_MESH_SECRET_FILE", &path("mesh.secret")),
            KnownBy::Certificates => start
                .env("FEIRA_MESH_SECRET", &format!("what the replicas of {role} share"))
                .env("FEIRA_MESH_CERT", &path(&format!("certs/{role}.pem")))
                .env("FEIRA_MESH_KEY", &path(&format!("certs/{role}.key")))
                .env("FEIRA_MESH_CA", &path("certs/ca.pem")),
        }
    }

    /// A role's certificate.
    pub fn certificates(&self, folder: &str, role: Role) -> Certificates {
        let path = |ending: &str| self.folder().join(format!("{folder}/{role}.{ending}"));
        let authorities = self.folder().join(folder).join("ca.pem");
        Certificates::open(Files { certificate: path("pem"), key: path("key"), authorities }).unwrap()
    }

    /// An outsider's way to a process.
    pub fn channel(&self, url: &str) -> Channel {
        let endpoint = Endpoint::from_shared(url.to_owned()).unwrap();
        if !url.starts_with("https:") {
            return endpoint.connect_lazy();
        }
        let authority = std::fs::read(self.folder().join("certs/ca.pem")).unwrap();
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
        endpoint.tls_config(tls.domain_name("localhost")).unwrap().connect_lazy()
    }

    /// A command of the operator, who has a certificate or knows the mesh secret.
    pub fn as_operator(&self, mut command: Start) -> Start {
        if self.setup.known_by == KnownBy::Certificates {
            return self.known(command, "operator");
        }
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
