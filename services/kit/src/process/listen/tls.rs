//! TLS at a port: a certificate and its key, read again when their files change.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 2 });

/// In the extensions of a request that came by TLS.
#[derive(Debug, Clone, Copy)]
pub struct Encrypted;

/// A port's certificate.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    state: Mutex<State>,
}

struct State {
    acceptor: TlsAcceptor,
    /// When the files were changed that it is of.
    of: [SystemTime; 2],
    looked: Instant,
}

impl Tls {
    /// Reads a chain of certificates and its key, in PEM. Fails where they cannot be read or do not belong together.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, String> {
        let of = changed(certificate, key).map_err(|error| error.to_string())?;
        let state = State { acceptor: acceptor(certificate, key)?, of, looked: Instant::now() };
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), state: Mutex::new(state) })
    }

    /// What the next connection is greeted with: of the files as they are now, unless these cannot be used.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK {
            state.looked = Instant::now();
            let of = changed(&self.certificate, &self.key);
            if let Some(of) = of.ok().filter(|of| *of != state.of) {
                // Once for each change: between the two files' changes they do not belong together.
                state.of = of;
                match acceptor(&self.certificate, &self.key) {
                    Ok(acceptor) => {
                        state.acceptor = acceptor;
                        tracing::info!(certificate = %self.certificate.display(), "certificate.reloaded");
                    }
                    Err(error) => {
                        let certificate = self.certificate.display();
                        tracing::warn!(error, %certificate, "certificate.not_reloaded");
                    }
                }
            }
        }
        state.acceptor.clone()
    }
}

fn changed(certificate: &Path, key: &Path) -> io::Result<[SystemTime; 2]> {
    Ok([fs::metadata(certificate)?.modified()?, fs::metadata(key)?.modified()?])
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let in_file = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| in_file(certificate, &error))?;
    if chain.is_empty() {
        return Err(in_file(certificate, &"there is no certificate in it"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, secret);
    let mut config = config.map_err(|error| in_file(certificate, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
