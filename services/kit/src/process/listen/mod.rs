//! Listening: accept loops with the timeouts, caps and graceful ends that the servers of axum and tonic
//! lack.

mod answer;
mod gate;
mod io;
mod line;
mod preface;
mod refusal;
mod waiting;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONNECTION};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;
use tower::{Service, ServiceExt};

pub use answer::Holds;
pub use gate::Crowded;
pub use line::Limits;

use self::{gate::Gate, io::Watched, line::Line};

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
/// Calls at the same time on one connection.
const STREAMS: u32 = 1_000;
/// Resets that one connection may have waiting. Our own gateway shares a connection among its clients, and
/// at the default (20) a few dozen of them that leave at once would end it for all.
const PENDING_RESETS: usize = 2_000;
/// A gRPC connection is asked to end after five minutes and up to five more, so that clients find new
/// replicas.
const AGE: Duration = Duration::from_secs(300);
const AGE_SPREAD_SECONDS: u64 = 300;
/// Bytes of one call's answer that wait in a connection for its window.
const SEND_BUFFER: usize = 64 * 1024;
/// The longest list of headers that an HTTP/2 request may have, in bytes.
const HEADERS: u32 = 32 * 1024;
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
}

impl Listener {
    /// Opens a port; `address` is a host and a port. Clients are not let in yet.
    pub async fn bind(address: &str, protocol: Protocol) -> std::io::Result<Self> {
        Ok(Self { socket: open(address).await?, protocol })
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
        let free = Arc::new(Semaphore::new(CONNECTIONS));
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
                Ok((stream, peer)) => {
                    let (service, ends, limits) = (service.clone(), ends.clone(), limits.clone());
                    let protocol = self.protocol;
                    connections.spawn(async move {
                        if let Err(error) = connection(stream, peer, protocol, service, ends, &limits).await {
                            tracing::debug!(%peer, ?protocol, error, "connection.ended");
                        }
                        drop(place);
                    });
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

/// Serves one connection to its end.
async fn connection<S, B>(
    stream: TcpStream,
    peer: SocketAddr,
    protocol: Protocol,
    service: S,
    ends: Ends,
    limits: &Limits,
) -> Result<(), BoxError>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    stream.set_nodelay(true)?;
    let speaks_http2 = tokio::select! {
        () = ends.close.cancelled() => return Ok(()),
        spoken = timeout(HEAD, preface::speaks_http2(&stream)) => spoken??,
    };
    let service = service.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.map(Body::new)
    });
    let line = Line::new(limits, protocol == Protocol::Grpc);
    let service = Gate::new(service, line.clone());
    let io = TokioIo::new(Watched::new(stream, line.clone()));
    if !speaks_http2 {
        if protocol == Protocol::Grpc {
            return Err("not HTTP/2".into());
        }
        let mut http1 = hyper::server::conn::http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(limits.idle_timeout);
        // Who has said all of its request may say so (RFC 9112, 9.6) and still wants the answer.
        http1.half_close(true);
        // Closing it while a request is on its way would lose that: so the next answer asks the client to close it.
        let leave = ends.leave.clone();
        let service = ServiceExt::map_response(service, move |mut response: Response<_>| {
            if leave.is_cancelled() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        });
        let service = TowerToHyperService::new(service);
        let served = until_end(http1.serve_connection(io, service), None, ends.close);
        return tokio::select! {
            served = served => served,
            why = line.hopeless(true) => Err(why.into()),
        };
    }
    let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_ANSWER)
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(HEADERS);
    let age = match protocol {
        Protocol::Rest => None,
        Protocol::Grpc => {
            http2.max_pending_accept_reset_streams(PENDING_RESETS);
            Some(AGE + Duration::from_secs(rand::random_range(0..=AGE_SPREAD_SECONDS)))
        }
    };
    // Who comes when all are asked to leave knows no other place yet.
    let end = if ends.leave.is_cancelled() { ends.close } else { ends.leave };
    let served = until_end(http2.serve_connection(io, TowerToHyperService::new(service)), age, end);
    tokio::select! {
        served = served => served,
        why = line.hopeless(false) => Err(why.into()),
    }
}

/// Serves a connection until it ends; asks it to end when it is old, or when the process drains.
async fn until_end<C>(connection: C, age: Option<Duration>, end: CancellationToken) -> Result<(), BoxError>
where
    C: GracefulConnection,
    C::Error: Into<BoxError>,
{
    let mut connection = std::pin::pin!(connection);
    let old = async {
        match age {
            Some(age) => sleep(age).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = connection.as_mut() => return ended.map_err(Into::into),
        () = end.cancelled() => {}
        () = old => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await.map_err(Into::into)
}

#[cfg(test)]
mod tests;
