//! An interface that is exchanged for another while requests are under way: these end on the one that they began on.

use std::{
    convert::Infallible,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
};

use axum::{BoxError, Router, response::Response, routing::future::RouteFuture};
use bytes::Bytes;
use http::Request;
use tower::Service;

/// The interface that counts; cheap to clone.
#[derive(Clone)]
pub struct Switch(Arc<RwLock<Router>>);

impl Switch {
    /// Begins with this one.
    pub fn new(router: Router) -> Self {
        Self(Arc::new(RwLock::new(router)))
    }

    /// From now on requests go to this one.
    pub fn set(&self, router: Router) {
        let mut counts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *counts, router);
        // A contract may be large, and no request is to wait until the one before is taken apart.
        drop(counts);
        drop(before);
    }
}

impl<B> Service<Request<B>> for Switch
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router always is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut router = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        router.call(request)
    }
}
