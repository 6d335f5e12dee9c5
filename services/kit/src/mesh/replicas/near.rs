//! A worker's own connection to a replica: HTTP/2 and nothing before it. A [`Channel`](tonic::transport::Channel) queues calls
//! for a task that sends them, and has a task for each; here the thread that calls is the one that sends.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use h2::{
    Ping, PingPong,
    client::{Builder, Connection, SendRequest},
};
use http::{
    Request, Response, Uri, Version,
    request::Parts,
    uri::{Authority, PathAndQuery, Scheme},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tonic::body::Body;
use tower::Service as _;

use super::{
    errors::{Failed, Silent, Unconnected},
    keep::{CALL_WINDOW, CONNECT, CONNECTION_WINDOW, HEADERS, KEEP_ALIVE, KEEP_ALIVE_ANSWER},
    received::Received,
};
use crate::mesh::certificates::Connector;

/// How often a call that nobody can have seen is sent by another connection: the one that there is may have been told to end.
const CONNECTIONS: u32 = 2;

/// The connection, opened when it is first used, and again after its end.
pub struct Near {
    address: SocketAddr,
    authority: Option<Authority>,
    connector: Option<Connector>,
    open: Mutex<Option<Open>>,
    /// Held by whoever opens it, so that it is one.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Open {
    calls: SendRequest<Bytes>,
    /// Whether it ended because nothing came any more.
    silent: Arc<AtomicBool>,
}

impl Near {
    pub fn new(address: SocketAddr, connector: Option<Connector>) -> Self {
        let authority = address.to_string().parse().ok();
        Self { address, authority, connector, open: Mutex::default(), opening: tokio::sync::Mutex::default() }
    }

    /// Sends a call that has one message.
    pub async fn send(&self, parts: &Parts, message: &Bytes) -> Result<Response<Body>, Failed> {
        let mut tries = 0;
        let (open, (answer, mut sending)) = loop {
            tries += 1;
            let open = self.open().await?;
            match open
                .calls
                .clone()
                .ready()
                .await
                .and_then(|mut calls| calls.send_request(self.request(parts), false))
            {
                Ok(sent) => break (open, sent),
                // It is known to end: nothing was sent by it.
                Err(error) => {
                    self.forget(&open);
                    if tries == CONNECTIONS {
                        return Err(Failed::NeverSent(error));
                    }
                }
            }
        };
        let failed = |error: h2::Error| match open.silent.load(Ordering::Relaxed) {
            true => Failed::Silent(Silent),
            false => Failed::Broken(error),
        };
        sending.send_data(message.clone(), true).map_err(failed)?;
        let answer = answer.await.map_err(failed)?;
        Ok(answer.map(|stream| Body::new(Received::new(stream))))
    }

    fn request(&self, parts: &Parts) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = parts.method.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = parts.headers.clone();
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = self.authority.clone();
        uri.path_and_query = parts.uri.path_and_query().cloned().or(Some(PathAndQuery::from_static("/")));
        // Its parts are those of URIs that were read before.
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_else(|_| parts.uri.clone());
        request
    }

    /// The connection that there is, or a new one.
    async fn open(&self) -> Result<Open, Unconnected> {
        if let Some(open) = &*self.slot() {
            return Ok(open.clone());
        }
        let _turn = self.opening.lock().await;
        // Somebody else may have opened it meanwhile.
        if let Some(open) = &*self.slot() {
            return Ok(open.clone());
        }
        let open =
            timeout(CONNECT, self.connect()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let open = open.map_err(Unconnected)?;
        *self.slot() = Some(open.clone());
        Ok(open)
    }

    async fn connect(&self) -> io::Result<Open> {
        match self.connector.clone() {
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                begin(stream).await
            }
            Some(mut connector) => {
                let uri = format!("http://{}", self.address).parse().map_err(io::Error::other)?;
                let stream = connector.call(uri).await?;
                begin(stream.into_inner()).await
            }
        }
    }

    /// The next call opens another one.
    fn forget(&self, ended: &Open) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|open| Arc::ptr_eq(&open.silent, &ended.silent)) {
            *slot = None;
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins HTTP/2 on a stream.
async fn begin<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: T) -> io::Result<Open> {
    let begun = Builder::new()
        .enable_push(false)
        .initial_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADERS)
        .handshake(stream)
        .await;
    let (calls, mut connection) = begun.map_err(io::Error::other)?;
    let silent = Arc::<AtomicBool>::default();
    let pings = connection.ping_pong();
    tokio::spawn(keep(connection, pings, silent.clone()));
    Ok(Open { calls, silent })
}

/// Drives a connection until it ends, or nothing comes any more.
async fn keep<T: AsyncRead + AsyncWrite + Unpin>(
    connection: Connection<T, Bytes>,
    pings: Option<PingPong>,
    silent: Arc<AtomicBool>,
) {
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a replica ended");
            }
        }
        // Calls under way see this before they see the connection's end, which this brings about.
        () = is_silent(pings) => silent.store(true, Ordering::Relaxed),
    }
}

/// Ends when the other end has not answered a ping in time.
async fn is_silent(pings: Option<PingPong>) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        sleep(KEEP_ALIVE).await;
        match timeout(KEEP_ALIVE_ANSWER, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            // It has ended, which the connection itself says.
            Ok(Err(_)) => return std::future::pending().await,
            Err(_) => return,
        }
    }
}
