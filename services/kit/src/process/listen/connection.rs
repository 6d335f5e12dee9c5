//! One connection, from its first byte to its end.

use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, UPGRADE},
};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use super::{
    AGE, AGE_SPREAD_SECONDS, BoxError, Encrypted, Ends, HEAD, HEAD_SPARED, HEADERS, HTTP1_BUFFER, Held,
    KEEP_ALIVE, KEEP_ALIVE_ANSWER, Limits, PENDING_RESETS, Peer, Protocol, SEND_BUFFER, STRANGERS_STREAMS,
    STREAMS, gate::Gate, intake::Received, io::Watched, line::Line, preface, takeover::Slot, tls::Tls,
};

/// Serves one connection to its end.
pub(super) async fn connection<S, B>(
    stream: TcpStream,
    peer: SocketAddr,
    (protocol, tls): (Protocol, Option<Arc<Tls>>),
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
    let plain = match &tls {
        None => true,
        // Who may do without says by the first byte whether it does.
        Some(tls) if tls.takes_plain(peer) => tokio::select! {
            () = ends.close.cancelled() => return Ok(()),
            plain = timeout(HEAD, preface::is_plain(&stream)) => plain??,
        },
        Some(_) => false,
    };
    let Some(tls) = tls.filter(|_| !plain) else {
        let speaks_http2 = tokio::select! {
            () = ends.close.cancelled() => return Ok(()),
            spoken = timeout(HEAD, preface::speaks_http2(&stream)) => spoken??,
        };
        return serve(stream, peer, (protocol, speaks_http2), service, ends, limits).await;
    };
    let stream = tokio::select! {
        () = ends.close.cancelled() => return Ok(()),
        greeted = timeout(HEAD, tls.acceptor().accept(stream)) => greeted??,
    };
    let session = stream.get_ref().1;
    let (speaks_http2, roles) = (session.alpn_protocol() == Some(&b"h2"[..]), tls.roles(session));
    let service = service.map_request(move |mut request: Request<Body>| {
        request.extensions_mut().insert(Encrypted);
        if let Some(roles) = &roles {
            request.extensions_mut().insert(roles.clone());
        }
        request
    });
    serve(stream, peer, (protocol, speaks_http2), service, ends, limits).await
}

/// Serves HTTP on a connection to its end.
async fn serve<T, S, B>(
    stream: T,
    peer: SocketAddr,
    (protocol, speaks_http2): (Protocol, bool),
    service: S,
    ends: Ends,
    limits: &Limits,
) -> Result<(), BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // Over gRPC, streams of requests may pause; a message that is begun and not ended is held only until memory is short.
    let patience = (protocol == Protocol::Rest).then_some(limits.send_timeout);
    let intake = limits.intake.clone();
    let line = Line::new(limits, peer.ip(), protocol == Protocol::Grpc);
    let slot = Slot::new(line.clone(), limits, ends.close.clone());
    let upgrades = (!speaks_http2).then(|| slot.clone());
    let service = service.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        if let Some(slot) = upgrades.as_ref().filter(|_| request.headers().contains_key(UPGRADE)) {
            let upgrade = hyper::upgrade::on(&mut request);
            request.extensions_mut().insert(slot.of(upgrade));
        }
        if request.body().is_end_stream() {
            return request.map(Body::new);
        }
        let held = Held::with_head(&intake, head(&request));
        request.extensions_mut().insert(held.clone());
        request.map(|body| Body::new(Received::new(body, held, patience)))
    });
    let service = Gate::new(service, line.clone());
    let io = TokioIo::new(Watched::new(stream, line.clone()));
    if !speaks_http2 {
        if protocol == Protocol::Grpc {
            return Err("not HTTP/2".into());
        }
        let mut http1 = hyper::server::conn::http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(limits.idle_timeout).max_buf_size(HTTP1_BUFFER);
        // Who has said all of its request may say so (RFC 9112, 9.6) and still wants the answer.
        http1.half_close(true);
        // Closing it while a request is on its way would lose that: so the next answer asks the client to close it.
        let leave = ends.leave.clone();
        let service = ServiceExt::map_response(service, move |mut response: Response<_>| {
            if leave.is_cancelled() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        });
        let service = TowerToHyperService::new(service);
        let served = http1.serve_connection(io, service).with_upgrades();
        let served = until_end(served, std::future::pending(), ends.close, |it| it.graceful_shutdown());
        let served = tokio::select! {
            served = served => served,
            why = line.hopeless(true) => Err(why.into()),
        };
        if served.is_err() {
            slot.clear();
        }
        served?;
        return slot.run().await;
    }
    let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_ANSWER)
        .max_concurrent_streams(if protocol == Protocol::Rest { STRANGERS_STREAMS } else { STREAMS })
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(HEADERS);
    if protocol == Protocol::Grpc {
        http2.max_pending_accept_reset_streams(PENDING_RESETS);
    }
    let age = AGE + Duration::from_secs(rand::random_range(0..=AGE_SPREAD_SECONDS));
    // Who comes when all are asked to leave knows no other place yet.
    let end = if ends.leave.is_cancelled() { ends.close } else { ends.leave };
    // Services keep their connections among themselves; whoever has called nothing yet is none of them.
    let idle = async {
        let called = || protocol == Protocol::Grpc && line.has_called();
        loop {
            let left =
                line.idle().map_or(limits.idle_timeout, |idle| limits.idle_timeout.saturating_sub(idle));
            if left.is_zero() && !called() {
                return;
            }
            sleep(left.max(Duration::from_millis(100))).await;
        }
    };
    let over = async {
        tokio::select! {
            () = sleep(age) => {}
            () = idle => {}
        }
    };
    let served = http2.serve_connection(io, TowerToHyperService::new(service));
    let served = until_end(served, over, end, |it| it.graceful_shutdown());
    tokio::select! {
        served = served => served,
        why = line.hopeless(false) => Err(why.into()),
    }
}

/// Bytes of a request's head, where they are more than nearly every request has.
fn head<B>(request: &Request<B>) -> usize {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    let bytes =
        fields.sum::<usize>() + request.uri().path().len() + request.uri().query().map_or(0, str::len);
    if bytes > HEAD_SPARED { bytes } else { 0 }
}

/// Serves a connection until it ends; asks it to end when it is old or idle, or when the process drains.
async fn until_end<C, E>(
    connection: C,
    over: impl Future<Output = ()>,
    end: CancellationToken,
    ask: impl FnOnce(Pin<&mut C>),
) -> Result<(), BoxError>
where
    C: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended.map_err(Into::into),
        () = end.cancelled() => {}
        () = over => {}
    }
    ask(connection.as_mut());
    connection.await.map_err(Into::into)
}
