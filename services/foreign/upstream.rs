//! One upstream: the connections to it, and whether it serves.

use std::{
    error::Error as _,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use contracts::health::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use kit::{Conn, listen::workers::PerWorker};
use tokio::time::timeout;
use tonic::{
    Code, Status,
    body::Body,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use tower::ServiceExt as _;

use crate::error::Error;

/// Connections to one upstream, of each worker. One alone would end for all clients when too many of them leave at once:
/// servers count calls that are broken off, by connection.
const CONNECTIONS: usize = 4;
/// How long connecting may take, and how often a quiet connection is asked whether it is still there.
const CONNECT: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(10);
/// How long an answer about health may take.
const ANSWER: Duration = Duration::from_secs(1);

/// An upstream.
pub struct Upstream {
    /// Where it is.
    pub url: String,
    /// The way to it.
    pub conn: Conn,
    first: Channel,
    serves: AtomicBool,
}

impl Upstream {
    /// One at a URL, known by one of these certificates where it speaks TLS.
    pub fn new(url: &str, authority: Option<&Path>) -> Result<Self, Error> {
        let wrong = |problem: &dyn std::fmt::Display| Error::usage(format!("--upstream {url}: {problem}"));
        let mut endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| wrong(&error))?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_ANSWER)
            .tcp_nodelay(true);
        if url.starts_with("https://") {
            let tls = match authority {
                Some(file) => {
                    let pem = fs::read(file).map_err(|error| {
                        Error::usage(format!("--upstream-ca: {}: {error}", file.display()))
                    })?;
                    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
                }
                None => ClientTlsConfig::new().with_native_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(|error| wrong(&deepest(&error)))?;
        }
        let first = endpoint.connect_lazy();
        let channels = Arc::new(PerWorker::<[Channel; CONNECTIONS]>::default());
        let next = Arc::new(AtomicUsize::new(0));
        let conn = Conn::new(tower::service_fn(move |mut request: axum::http::Request<Body>| {
            let turn = next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
            let channel = channels.get(|| std::array::from_fn(|_| endpoint.connect_lazy()))[turn].clone();
            async move {
                kit::telemetry::inject(request.headers_mut(), None);
                channel.oneshot(request).await.map_err(|error| Status::from_error(error.into()))
            }
        }));
        Ok(Self { url: url.to_owned(), conn, first, serves: AtomicBool::new(true) })
    }

    /// Whether it said at last that it serves.
    pub fn serves(&self) -> bool {
        self.serves.load(Ordering::Relaxed)
    }

    /// Asks for its health (grpc.health.v1). One that answers and has no such service serves.
    pub async fn check(&self) {
        let mut client = HealthClient::new(self.first.clone());
        let asked = timeout(ANSWER, client.check(HealthCheckRequest::default())).await;
        let problem = match asked {
            Err(_) => Some("no answer in time".to_owned()),
            Ok(Err(status)) if status.code() == Code::Unimplemented => None,
            Ok(Err(status)) => Some(status.source().map_or_else(|| status.message().to_owned(), deepest)),
            Ok(Ok(answer)) => match answer.into_inner().status() {
                ServingStatus::Serving => None,
                other => Some(other.as_str_name().to_owned()),
            },
        };
        let serves = problem.is_none();
        if self.serves.swap(serves, Ordering::Relaxed) != serves {
            match problem {
                None => tracing::info!(upstream = self.url, "upstream.ready"),
                Some(problem) => tracing::warn!(upstream = self.url, problem, "upstream.not_ready"),
            }
        }
    }
}

/// What is at the bottom of an error: the rest says only that something failed.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
