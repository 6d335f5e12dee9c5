//! How commands connect to a process of the mesh: in the clear, or by TLS with a certificate of the mesh.

use std::time::Duration;

use kit::{Role, mesh::certificates::Certificates};
use tonic::transport::{Channel, Endpoint};

use crate::error::Error;

/// Connects within a time, to a process that is this role, or any of the mesh. At once, not by the first call: only so is
/// "nothing answers" told from a refusal.
pub async fn connect(
    url: &str,
    certificates: Option<&Certificates>,
    to: Option<Role>,
    within: Duration,
) -> Result<Channel, Error> {
    let endpoint = endpoint(url, certificates.is_some())?.connect_timeout(within);
    let connected = match certificates.filter(|_| url.starts_with("https:")) {
        Some(certificates) => {
            let connector = certificates.connector(to).map_err(Error::other)?;
            endpoint.connect_with_connector(connector).await
        }
        None => endpoint.connect().await,
    };
    connected.map_err(|error| {
        // What TLS says of a certificate is what an operator needs; of a port that is not open there is nothing to say.
        let cause =
            std::iter::successors(Some(&error as &(dyn std::error::Error + 'static)), |error| error.source())
                .last();
        match cause.filter(|_| url.starts_with("https:")) {
            Some(cause) => Error::Unhealthy(format!("nothing answers at {url}: {cause}")),
            None => Error::Unhealthy(format!("nothing answers at {url}")),
        }
    })
}

/// The end of a way to a URL. Where it is https://, its connector speaks TLS and the channel knows nothing of it.
pub fn endpoint(url: &str, has_certificates: bool) -> Result<Endpoint, Error> {
    let plain = match url.strip_prefix("https://") {
        Some(_) if !has_certificates => {
            return Err(Error::usage(format!(
                "{url}: https:// takes a certificate of the mesh: --mesh-cert, --mesh-key, --mesh-ca"
            )));
        }
        Some(rest) => format!("http://{rest}"),
        None => url.to_owned(),
    };
    Endpoint::from_shared(plain).map_err(|error| Error::usage(format!("--url: {error}")))
}
