//! Lets calls begin for whose answers there is room.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response};
use tokio::sync::Semaphore;
use tower::{Service, ServiceExt};

use super::{
    BoxError, Held, STRANGERS_STREAMS,
    answer::{Answer, Holds},
    line::Line,
};

/// In the extensions of a request for whose answer there is no room: it is to be refused, by UNAVAILABLE with the
/// reason OVERLOADED, as that is said where it comes in.
#[derive(Debug, Clone, Copy)]
pub struct Crowded;

/// In the extensions of a request: calls of its connection that may be under way at the same time where nobody of the
/// mesh is at the other end.
#[derive(Debug, Clone)]
pub struct Lane(pub Arc<Semaphore>);

/// What an answer takes about which nothing is known; a list; what each item of a large page takes while it is made: as
/// a row, a message, its bytes, and JSON.
const ANSWER: usize = 16 << 10;
const LIST: usize = 2 << 20;
const ITEM: usize = 12 << 10;
/// The largest page has so many items.
const ITEMS: usize = 1_000;

/// A service behind a connection's gate.
#[derive(Clone)]
pub(super) struct Gate<S> {
    inner: S,
    line: Arc<Line>,
    lane: Lane,
}

impl<S> Gate<S> {
    pub(super) fn new(inner: S, line: Arc<Line>) -> Self {
        let lane = Lane(Arc::new(Semaphore::new(STRANGERS_STREAMS as usize)));
        Self { inner, line, lane }
    }
}

impl<S, Q, B> Service<Request<Q>> for Gate<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    Q: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Answer<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let (inner, line) = (self.inner.clone(), self.line.clone());
        let begun = Begun::new(line.clone());
        request.extensions_mut().insert(self.lane.clone());
        Box::pin(async move {
            let bytes = estimate(&request);
            let room = match line.admit(bytes).await {
                Some(room) => room,
                None => {
                    request.extensions_mut().insert(Crowded);
                    line.spare()
                }
            };
            // What has come of the body may be in use until there is an answer.
            let _held = request.extensions().get::<Held>().cloned();
            let response = inner.oneshot(request).await.map_err(Into::into)?;
            begun.handed_on();
            let holds = response.extensions().get().map_or(0, |Holds(bytes)| *bytes);
            Ok(response.map(|body| Answer::new(body, holds, line, room)))
        })
    }
}

/// A call that has begun, and ends with its answer or without one.
struct Begun(Option<Arc<Line>>);

impl Begun {
    fn new(line: Arc<Line>) -> Self {
        line.begin();
        Self(Some(line))
    }

    /// The answer ends it.
    fn handed_on(mut self) {
        self.0 = None;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(line) = &self.0 {
            line.end();
        }
    }
}

/// About how many bytes a call's answer will have. Wrong is not bad: the answer's own count follows.
fn estimate<Q>(request: &Request<Q>) -> usize {
    let path = request.uri().path();
    if path.starts_with("/grpc.health.v1.") {
        // Health checks are answered also when everything else is refused.
        return 0;
    }
    if request.method() == Method::POST {
        let method = path.rsplit('/').next().unwrap_or_default();
        let lists = ["List", "BatchGet", "GetImage"].iter().any(|begin| method.starts_with(begin));
        return if lists { LIST } else { ANSWER };
    }
    let size = request.uri().query().into_iter().flat_map(|query| query.split('&')).find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        matches!(name, "pageSize" | "page_size").then(|| value.parse::<usize>().ok())?
    });
    size.map_or(ANSWER, |items| (items.min(ITEMS) * ITEM).max(ANSWER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_answers_are_foreseen() {
        let of = |method: &str, uri: &str| {
            estimate(&Request::builder().method(method).uri(uri.to_owned()).body(()).unwrap())
        };
        assert_eq!(of("GET", "/v1/articles"), ANSWER);
        assert_eq!(of("GET", "/v1/articles?query=x&pageSize=1000"), 12_000 << 10);
        assert_eq!(of("GET", "/v1/articles?page_size=99999999999"), 12_000 << 10);
        assert_eq!(of("GET", "/v1/articles?pageSize=x"), ANSWER);
        assert_eq!(of("POST", "/feira.article.v1.ArticleService/ListArticles"), LIST);
        assert_eq!(of("POST", "/feira.order.v1.OrderService/Checkout"), ANSWER);
        assert_eq!(of("POST", "/grpc.health.v1.Health/Check"), 0);
    }
}
