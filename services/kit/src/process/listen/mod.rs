//! Listening: accept loops with the timeouts, caps and graceful ends that the servers of axum and tonic
//! lack.

mod answer;
mod connection;
mod gate;
mod intake;
mod io;
mod limits;
mod line;
mod places;
mod preface;
mod proxied;
mod refusal;
mod takeover;
mod tls;
mod waiting;
pub mod workers;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;
use tower::Service;

pub use answer::Holds;
pub use gate::{Crowded, Lane};
pub use intake::Held;
pub use limits::Limits;
pub use takeover::{Io, Meter, Takeover};
pub use tls::{Encrypted, Outward, PeerRoles, Tls};
pub use workers::Workers;

use self::{
    connection::connection,
    places::{Place, Places},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a client may take to say its first word, and to send the head of an HTTP/1 request once it has begun.
const HEAD: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(10) };
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(10);
/// Connections that wait to be accepted; the kernel may allow fewer (`net.core.somaxconn`).
const QUEUE: u32 = 4_096;
/// Connections at the same time; more wait in the kernel's queue.
const CONNECTIONS: usize = 10_000;
/// File descriptors that are kept for everything else: databases, files, calls to other roles.
const OTHER_FILES: u64 = 512;
/// Calls at the same time on one connection: a gateway's, which carries the calls of all its clients, and of anybody.
const STREAMS: u32 = 1_000;
const STRANGERS_STREAMS: u32 = 100;
/// Resets that one connection may have waiting. Our own gateway shares a connection among its clients, and
/// at the default (20) a few dozen of them that leave at once would end it for all.
const PENDING_RESETS: usize = 2_000;
/// A connection of HTTP/2 is asked to end after five minutes and up to five more, so that clients find new
/// replicas.
const AGE: Duration = Duration::from_secs(300);
const AGE_SPREAD_SECONDS: u64 = 300;
/// Bytes of one call's answer that wait in a connection for its window.
const SEND_BUFFER: usize = 64 * 1024;
/// The longest list of headers that an HTTP/2 request may have, in bytes.
const HEADERS: u32 = 32 * 1024;
/// Bytes after which a connection of HTTP/1.1 reads no further for a head that is not whole: as long as HTTP/2's with room
/// for how it is written. The last read may bring as much again.
const HTTP1_BUFFER: usize = 64 * 1024;
/// A head, and one that is not whole, is counted among what is being sent where it has more than this: nearly no request
/// has, and those of all connections together are bounded by their number.
const HEAD_SPARED: usize = 4 << 10;
/// How long to wait when accepting failed: there are no free file descriptors, most likely.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Who is at the other end of the connection; in the extensions of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, and HTTP/2 where a client begins with it.
    Rest,
    /// HTTP/2.
    Grpc,
}

/// How a port comes to its end.
#[derive(Debug, Clone)]
pub struct Ends {
    leave: CancellationToken,
    close: CancellationToken,
}

impl Default for Ends {
    fn default() -> Self {
        let close = CancellationToken::new();
        Self { leave: close.child_token(), close }
    }
}

impl Ends {
    /// Asks clients to go elsewhere: HTTP/2 by GOAWAY, HTTP/1 with the next answer. They are still let in.
    pub fn leave(&self) {
        self.leave.cancel();
    }

    /// Closes the port.
    pub fn close(&self) {
        self.close.cancel();
    }
}

/// An open port.
pub struct Listener {
    socket: TcpListener,
    protocol: Protocol,
    tls: Option<Arc<Tls>>,
    proxied: bool,
    workers: Option<Workers>,
}

impl Listener {
    /// Opens a port; `address` is a host and a port. Clients are not let in yet.
    pub async fn bind(address: &str, protocol: Protocol) -> std::io::Result<Self> {
        Ok(Self { socket: open(address).await?, protocol, tls: None, proxied: false, workers: None })
    }

    /// The same by TLS.
    pub fn by_tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls.map(Arc::new);
        self
    }

    /// Whether the proxies that are believed begin their connections by a header of the PROXY protocol.
    pub fn proxied(mut self, proxied: bool) -> Self {
        self.proxied = proxied;
        self
    }

    /// Has connections served by these, and not where it is served itself.
    pub fn on(mut self, workers: Option<Workers>) -> Self {
        self.workers = workers;
        self
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Lets clients in until the port closes, then returns when the last has left. Connections end with their
    /// last call, and idle ones at once.
    pub async fn serve<S, B>(self, service: S, ends: Ends, limits: Limits)
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let connections = TaskTracker::new();
        let (free, places) = (Arc::new(Semaphore::new(most_connections())), Arc::new(Places::default()));
        loop {
            let accepted = async {
                let place = free.clone().acquire_owned().await;
                (self.socket.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = ends.close.cancelled() => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, mut peer)) => {
                    let proxied = self.proxied && limits.proxies.trust(peer.ip());
                    let mut of_address = enter(&places, peer, &limits);
                    if of_address.is_none() {
                        tracing::debug!(%peer, protocol = ?self.protocol, "connection.too_many");
                        continue;
                    }
                    let (service, ends, limits) = (service.clone(), ends.clone(), limits.clone());
                    let (protocol, tls, places) = (self.protocol, self.tls.clone(), places.clone());
                    let serve = move |mut stream: TcpStream| async move {
                        let served = async {
                            if proxied {
                                peer = tokio::select! {
                                    () = ends.close.cancelled() => return Ok(()),
                                    client = timeout(HEAD, proxied::client(&mut stream, peer)) => client??,
                                };
                                of_address = enter(&places, peer, &limits);
                                if of_address.is_none() {
                                    return Err("its address has too many".into());
                                }
                            }
                            connection(stream, peer, (protocol, tls), service, ends, &limits).await
                        };
                        if let Err(error) = served.await {
                            tracing::debug!(%peer, ?protocol, error, "connection.ended");
                        }
                        drop((place, of_address));
                    };
                    match &self.workers {
                        None => drop(connections.spawn(serve(stream))),
                        // Whoever waits for a stream is woken by the runtime that it was made on.
                        Some(workers) => match stream.into_std() {
                            Ok(stream) => {
                                let serving = async move {
                                    match TcpStream::from_std(stream) {
                                        Ok(stream) => serve(stream).await,
                                        Err(error) => tracing::warn!(%error, "connection.not_moved"),
                                    }
                                };
                                drop(connections.spawn_on(serving, workers.next()));
                            }
                            Err(error) => tracing::warn!(%error, "connection.not_moved"),
                        },
                    }
                }
                // The client left before it was let in.
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::ConnectionAborted | std::io::ErrorKind::ConnectionReset
                    ) => {}
                Err(error) => {
                    tracing::warn!(%error, protocol = ?self.protocol, "connection.not_accepted");
                    sleep(BACK_OFF).await;
                }
            }
        }
        drop(self.socket);
        connections.close();
        connections.wait().await;
    }
}

/// A place for a connection, unless its address has too many.
fn enter(places: &Arc<Places>, peer: SocketAddr, limits: &Limits) -> Option<Place> {
    let most = if limits.proxies.trust(peer.ip()) { usize::MAX } else { limits.connections };
    places.enter(peer.ip(), most)
}

/// As many connections as there are file descriptors for.
fn most_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let most = files.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES).max(files / 2) / 2);
    CONNECTIONS.min(usize::try_from(most).unwrap_or(CONNECTIONS)).max(1)
}

/// Lets the process have as many open files as it may: each connection is one.
pub fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "connection.open_files_not_raised");
    }
}

/// Opens a port with a queue for those who come at once. The usual one holds 128: the client of a connection that
/// is dropped there tries again after a second.
pub async fn open(address: impl ToSocketAddrs) -> std::io::Result<TcpListener> {
    let mut failed = std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no address");
    for address in tokio::net::lookup_host(address).await? {
        let opened = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // As every server does: connections of the process before do not keep the port.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(QUEUE)
        };
        match opened() {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests;
