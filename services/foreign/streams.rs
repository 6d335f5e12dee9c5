//! How many streams the clients of one address have open at the same time. A call that answers once has its time; a stream
//! may last for days, and holds a connection's place at the upstream.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use axum::http::{HeaderMap, Request, Response};
use futures::future::{BoxFuture, Either};
use http_body_util::BodyExt as _;
use prost_reflect::DescriptorPool;
use tonic::{Status, body::Body};
use tower::Service;

use super::guard::Guard;

/// Counts the streams of a contract's methods.
#[derive(Clone)]
pub struct Streams<S> {
    inner: S,
    streaming: Arc<HashSet<String>>,
    guard: Arc<Guard>,
}

impl<S> Streams<S> {
    /// Around the way to services whose contracts are in `pool`.
    pub fn new(inner: S, pool: &DescriptorPool, guard: Arc<Guard>) -> Self {
        let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let streaming = methods
            .filter(|method| method.is_server_streaming() || method.is_client_streaming())
            .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()));
        Self { inner, streaming: Arc::new(streaming.collect()), guard }
    }
}

impl<S> Service<Request<Body>> for Streams<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Status>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, Status>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if !self.streaming.contains(request.uri().path()) {
            return Either::Left(self.inner.call(request));
        }
        let open = match self.guard.opens(address(request.headers())) {
            Ok(open) => open,
            Err(status) => return Either::Right(Box::pin(std::future::ready(Err(status)))),
        };
        let answer = self.inner.call(request);
        Either::Right(Box::pin(async move {
            // For as long as somebody reads it.
            let hold = move |frame| {
                let _held = &open;
                frame
            };
            Ok(answer.await?.map(|body| Body::new(body.map_frame(hold))))
        }))
    }
}

/// The client's address, as the edge tells it to services.
fn address(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get("x-forwarded-for")?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::foreign::settings::Limits;

    #[tokio::test]
    async fn an_address_has_so_many_streams_at_once() {
        let limits =
            Limits { rate_limit_address: "off".parse().unwrap(), max_calls: 10, streams_per_address: 2 };
        let endless = service_fn(|_: Request<Body>| async {
            let body = Body::new(http_body_util::StreamBody::new(futures::stream::pending::<
                Result<hyper::body::Frame<bytes::Bytes>, Status>,
            >()));
            Ok::<_, Status>(Response::new(body))
        });
        let streams = Streams::new(endless, contracts::pool(), Arc::new(Guard::new(&limits)));
        let open = |address: &str, path: &str| {
            let request = Request::builder().uri(path).header("x-forwarded-for", address);
            streams.clone().oneshot(request.body(Body::empty()).unwrap())
        };
        let (watch, get) = ("/feira.order.v1.OrderService/WatchOrder", "/feira.user.v1.UserService/GetUser");
        let held = [open("10.0.0.1", watch).await.unwrap(), open("10.0.0.1", watch).await.unwrap()];
        assert!(open("10.0.0.1", watch).await.unwrap_err().message().contains("2 streams are open"));
        assert!(open("10.0.0.2", watch).await.is_ok() && open("10.0.0.1", get).await.is_ok());
        drop(held);
        assert!(open("10.0.0.1", watch).await.is_ok());
    }
}
