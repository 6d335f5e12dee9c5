//! TLS at a port: which certificate it shows, and what it learns of a client by the client's.

use std::{fmt, net::SocketAddr, path::Path, sync::Arc};

use rustls::{
    ProtocolVersion, ServerConfig, ServerConnection,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Role,
    mesh::certificates::{Certificates, Peers, is_of_mesh},
    process::reread::Reread,
};

/// In the extensions of a request that came by TLS.
#[derive(Debug, Clone, Copy)]
pub struct Encrypted;

/// In the extensions of a request that came by a connection with a certificate of the mesh: the roles that it names.
#[derive(Debug, Clone)]
pub struct PeerRoles(pub Arc<[Role]>);

/// A certificate for outsiders and its key, read again when their files change; cheap to clone.
#[derive(Clone)]
pub struct Outward(Arc<Reread<CertifiedKey>>);

impl Outward {
    /// Reads a chain of certificates and its key, in PEM. Fails where they cannot be read or do not belong together.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, String> {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let told = |read: Result<(), String>| match read {
            Ok(()) => tracing::info!("certificate.reloaded"),
            Err(error) => tracing::warn!(error, "certificate.not_reloaded"),
        };
        let files = vec![certificate.clone(), key.clone()];
        Ok(Self(Arc::new(Reread::open(files, told, move || certified(&certificate, &key))?)))
    }
}

fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let in_file = |path: &Path, error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| in_file(certificate, &error))?;
    if chain.is_empty() {
        return Err(in_file(certificate, &"there is no certificate in it"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, &error))?;
    let certified = CertifiedKey::from_der(chain, secret, &aws_lc_rs::default_provider());
    certified.map_err(|error| in_file(certificate, &error))
}

/// What a port does about TLS; cheap to clone.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    mesh: Option<Certificates>,
    plain_here: bool,
}

impl Tls {
    /// TLS for everybody.
    pub fn outward(outward: Outward) -> Result<Self, String> {
        Self::new(Shown { outward: Some(outward), mesh: None })
    }

    /// The same, and without TLS for who is on this machine.
    pub fn outward_or_here(outward: Outward) -> Result<Self, String> {
        Ok(Self { plain_here: true, ..Self::outward(outward)? })
    }

    /// TLS with the mesh's certificates; outsiders are shown the other one, where there is one.
    pub fn of_mesh(mesh: Certificates, outward: Option<Outward>) -> Result<Self, String> {
        Self::new(Shown { outward, mesh: Some(mesh) })
    }

    fn new(shown: Shown) -> Result<Self, String> {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mesh = shown.mesh.clone();
        let mut config = match &mesh {
            Some(mesh) => config.with_client_cert_verifier(Arc::new(Peers::new(mesh.clone()))),
            None => config.with_no_client_auth(),
        }
        .with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if mesh.is_some() {
            // A session that goes on would go on with certificates that count no more.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), mesh, plain_here: false })
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Whether a client from there may do without TLS.
    pub(super) fn takes_plain(&self, peer: SocketAddr) -> bool {
        self.plain_here && peer.ip().to_canonical().is_loopback()
    }

    /// The roles that a client's certificate names, which was verified in the handshake.
    pub(super) fn roles(&self, connection: &ServerConnection) -> Option<PeerRoles> {
        // Between roles both ends speak it; by an older one comes nobody of the mesh.
        if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return None;
        }
        let own = connection.peer_certificates()?.first()?;
        Some(PeerRoles(self.mesh.as_ref()?.current().named_by(own)?.into()))
    }
}

/// Picks the certificate that a client is shown.
struct Shown {
    outward: Option<Outward>,
    mesh: Option<Certificates>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Shown(…)")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let by_mesh = hello.server_name().is_some_and(is_of_mesh);
        match (&self.mesh, &self.outward) {
            (Some(_), Some(outward)) if !by_mesh => Some(outward.0.current()),
            (Some(mesh), _) => Some(mesh.current().certified.clone()),
            (None, Some(outward)) => Some(outward.0.current()),
            (None, None) => None,
        }
    }
}
