//! Connections to other roles by TLS, at both ends of which is a certificate of the mesh.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, client::Resumption, crypto::aws_lc_rs, pki_types::ServerName, version::TLS13};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::Service;

use super::{
    Certificates,
    names::asking_for,
    verify::{Callee, Own},
};
use crate::Role;

/// Connects a channel to a role; cheap to clone.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
    name: ServerName<'static>,
}

impl Certificates {
    /// What connects to a role, or to any of the mesh.
    pub fn connector(&self, to: Option<Role>) -> Result<Connector, String> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Callee::new(self.clone())));
        let mut config = config.with_client_cert_resolver(Arc::new(Own(self.clone())));
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A session that goes on would go on with certificates that count no more.
        config.resumption = Resumption::disabled();
        let name = asking_for(to).ok_or("it has no name")?;
        Ok(Connector { tls: TlsConnector::from(Arc::new(config)), name })
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { tls, name } = self.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
            let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(tls.connect(name, stream).await?))
        })
    }
}
