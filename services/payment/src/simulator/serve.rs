//! The simulated provider's listener. It is ours rather than axum's, because a lost answer is a connection
//! that ends without one.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

/// In an answer's extensions: it is not to be sent.
#[derive(Clone, Copy)]
pub struct Lost;

/// Serves until `end`.
pub async fn serve(listener: TcpListener, router: Router, end: impl Future<Output = ()>) {
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => drop(tokio::spawn(connection(stream, peer, router.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "the simulated provider cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let router = router.clone();
        async move {
            let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            match response.extensions().get::<Lost>() {
                Some(Lost) => Err(io::Error::other("the answer is lost")),
                None => Ok(response),
            }
        }
    });
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the simulated provider ended");
    }
}
