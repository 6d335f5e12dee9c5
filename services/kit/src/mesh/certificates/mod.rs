//! A process's certificate of the mesh: which roles it says the process is, by which key that is proven, and whose
//! certificates are taken of others.
//!
//! A role is a URI name of the certificate, as SPIFFE has them: `spiffe://DOMAIN/role/order`. What is of another domain,
//! or of an authority that the file of authorities does not hold, is a stranger's.

mod connect;
mod facts;
mod names;
#[cfg(test)]
pub(crate) mod tests;
mod verify;

use std::{fmt, path::PathBuf, sync::Arc};

use ::aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey};
use rustls::{
    RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};

pub use self::{connect::Connector, facts::Facts};
pub(crate) use self::{names::is_of_mesh, verify::Peers};
use crate::{Role, process::reread::Reread};

/// Where a process's certificate is: the chain, its key, and the authorities that all of the mesh have theirs of, in PEM.
#[derive(Debug, Clone)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub authorities: PathBuf,
}

/// A process's certificate, as its files are now; cheap to clone.
#[derive(Clone)]
pub struct Certificates(Arc<Reread<Certificate>>);

impl fmt::Debug for Certificates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Certificates(…)")
    }
}

impl Certificates {
    /// Reads them. Fails where they cannot be used.
    pub fn open(files: Files) -> Result<Self, String> {
        let all = vec![files.certificate.clone(), files.key.clone(), files.authorities.clone()];
        let told = |read: Result<(), String>| match read {
            Ok(()) => tracing::info!("mesh_certificate.reloaded"),
            Err(error) => tracing::warn!(error, "mesh_certificate.not_reloaded"),
        };
        Ok(Self(Arc::new(Reread::open(all, told, move || Certificate::read(&files))?)))
    }

    /// As the files are now.
    pub fn current(&self) -> Arc<Certificate> {
        self.0.current()
    }
}

/// What the files say.
pub struct Certificate {
    /// The roles that the process is.
    pub roles: Vec<Role>,
    domain: String,
    /// For TLS.
    pub(crate) certified: Arc<CertifiedKey>,
    /// Signs tokens.
    pub(crate) algorithm: Algorithm,
    pub(crate) token_key: EncodingKey,
    /// The chain, as tokens carry it (RFC 7515, 4.1.6).
    pub(crate) chain: Vec<String>,
    authorities: Arc<RootCertStore>,
    clients: Arc<dyn ClientCertVerifier>,
}

impl Certificate {
    fn read(files: &Files) -> Result<Self, String> {
        let chain = certificates(&files.certificate)?;
        let in_key = |error: &dyn fmt::Display| format!("{}: {error}", files.key.display());
        let in_chain = |error: &dyn fmt::Display| format!("{}: {error}", files.certificate.display());
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| in_key(&error))?;
        let (algorithm, token_key) = token_key(&key)
            .ok_or_else(|| in_key(&"a key of the mesh is one of Ed25519 or of ECDSA P-256"))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certified = CertifiedKey::from_der(chain.clone(), key, &provider);
        let certified = certified.map_err(|error| in_chain(&error))?;
        let mut authorities = RootCertStore::empty();
        for authority in certificates(&files.authorities)? {
            let added = authorities.add(authority);
            added.map_err(|error| format!("{}: {error}", files.authorities.display()))?;
        }
        let authorities = Arc::new(authorities);
        let clients = WebPkiClientVerifier::builder_with_provider(authorities.clone(), provider).build();
        let clients = clients.map_err(|error| error.to_string())?;
        let (own, others) = chain.split_first().ok_or_else(|| in_chain(&"it is empty"))?;
        let (domain, roles) = names::of(own).map_err(|error| in_chain(&error))?;
        let verified = clients.verify_client_cert(own, others, UnixTime::now());
        verified.map_err(|error| {
            in_chain(&format_args!("not one that {} vouches for now: {error}", files.authorities.display()))
        })?;
        let in_tokens = chain.iter().map(|certificate| BASE64_STANDARD.encode(certificate)).collect();
        Ok(Self {
            roles,
            domain,
            certified: Arc::new(certified),
            algorithm,
            token_key,
            chain: in_tokens,
            authorities,
            clients,
        })
    }

    /// The roles that a chain of certificates says its owner is, if it counts at this moment.
    pub(crate) fn roles_of(&self, chain: &[CertificateDer<'_>], at: UnixTime) -> Option<Vec<Role>> {
        let (own, others) = chain.split_first()?;
        self.clients.verify_client_cert(own, others, at).ok()?;
        self.named_by(own)
    }

    /// The roles that a verified certificate names.
    pub(crate) fn named_by(&self, certificate: &CertificateDer<'_>) -> Option<Vec<Role>> {
        let (domain, roles) = names::of(certificate).ok()?;
        (domain == self.domain).then_some(roles)
    }
}

/// All certificates of a file.
fn certificates(file: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let in_file = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.map_err(|error| in_file(&error))?;
    if all.is_empty() { Err(in_file(&"there is no certificate in it")) } else { Ok(all) }
}

/// How tokens are signed by a key.
fn token_key(key: &PrivateKeyDer<'_>) -> Option<(Algorithm, EncodingKey)> {
    let der = key.secret_der();
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        let pkcs8 = pair.to_pkcs8v1().ok()?;
        return Some((Algorithm::EdDSA, EncodingKey::from_ed_der(pkcs8.as_ref())));
    }
    // PKCS#8, or the older form of SEC 1.
    let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
    let pkcs8 = pair.to_pkcs8v1().ok()?;
    Some((Algorithm::ES256, EncodingKey::from_ec_der(pkcs8.as_ref())))
}
