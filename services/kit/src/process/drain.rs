//! Streams that would never end by themselves end when the process drains.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::future::{BoxFuture, Either};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use prost_reflect::DescriptorPool;
use tonic::{Status, body::Body};
use tower::Service;

use crate::{Fault, Reason, Tasks};

/// Ends the answers of streaming methods with UNAVAILABLE when the process drains; clients connect again
/// and resume elsewhere. Calls that answer once are let finish.
#[derive(Clone)]
pub struct EndStreams<S> {
    inner: S,
    streaming: Arc<HashSet<String>>,
    tasks: Tasks,
}

impl<S> EndStreams<S> {
    /// Around services whose contracts are in `pool`, and health.
    pub fn new(inner: S, pool: &DescriptorPool, tasks: Tasks) -> Self {
        let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let streaming = methods
            .filter(prost_reflect::MethodDescriptor::is_server_streaming)
            .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()))
            .chain(["/grpc.health.v1.Health/Watch".to_owned()]);
        Self { inner, streaming: Arc::new(streaming.collect()), tasks }
    }
}

impl<S> Service<Request<Body>> for EndStreams<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let streams = self.streaming.contains(request.uri().path());
        let answer = self.inner.call(request);
        if !streams {
            return Either::Left(answer);
        }
        let tasks = self.tasks.clone();
        Either::Right(Box::pin(async move {
            let drain = async move {
                tasks.draining().await;
                let message = "this instance is going away: connect again";
                Fault::new(Reason::UpstreamUnavailable, message)
            };
            Ok(answer.await?.map(|body| until(body, drain)))
        }))
    }
}

/// A streaming answer that ends with a fault as soon as there is one.
pub(crate) fn until(body: Body, end: impl Future<Output = Fault> + Send + 'static) -> Body {
    Body::new(Until { body, end: Box::pin(end), ended: false })
}

struct Until {
    body: Body,
    end: BoxFuture<'static, Fault>,
    ended: bool,
}

impl http_body::Body for Until {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // What is there already goes out first.
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let status = Status::from(ready!(self.end.as_mut().poll(cx)));
        self.ended = true;
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers)?;
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use futures::StreamExt;
    use http_body_util::{BodyExt, StreamBody};
    use tower::{ServiceExt, service_fn};

    use super::*;

    #[tokio::test]
    async fn an_endless_stream_ends_on_drain_and_a_single_answer_does_not() {
        let endless = service_fn(|_: Request<Body>| async {
            let once = futures::stream::once(async { Ok::<_, Status>(Frame::data(Bytes::from("first"))) });
            let body = Body::new(StreamBody::new(once.chain(futures::stream::pending())));
            Ok::<_, Infallible>(Response::new(body))
        });
        let tasks = Tasks::default();
        let service = EndStreams::new(endless, contracts::pool(), tasks.clone());
        let call = |path: &str| {
            let request = Request::builder().uri(path.to_owned()).body(Body::empty()).unwrap();
            service.clone().oneshot(request)
        };
        let mut stream = call("/feira.mesh.v1.NodeService/Subscribe").await.unwrap().into_body();
        let single = call("/feira.user.v1.UserService/GetUser").await.unwrap().into_body();
        tasks.drain();
        assert!(stream.frame().await.unwrap().unwrap().is_data());
        let trailers = stream.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers.get("grpc-status").unwrap(), "14");
        assert!(stream.frame().await.is_none());
        assert!(tokio::time::timeout(Duration::from_millis(20), single.collect()).await.is_err());
    }
}
