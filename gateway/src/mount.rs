//! Pages of another component's, among the edge's own: they pass the same layers, behind the same proxy.

use std::sync::Arc;

use axum::{Router, body::Body, response::Response};
use http::{Request, StatusCode, request::Parts};
use http_body::Body as _;
use kit::telemetry::metrics::web::Route;
use tower::ServiceExt as _;

use crate::marks::MatchedRoute;

/// Routes whose paths all begin with one segment, which is no route's of a contract.
#[derive(Debug, Clone)]
pub struct Mount {
    below: String,
    route: Arc<str>,
    measured: Route,
    router: Router,
}

impl Mount {
    /// `router` has whole paths; those that begin with `below` (`/pages`) are its own.
    pub fn new(below: &str, router: Router) -> Self {
        Self {
            below: format!("{below}/"),
            route: format!("{below}/…").into(),
            measured: Route::default(),
            router,
        }
    }

    /// Whether a path is its own.
    pub fn has(&self, path: &str) -> bool {
        path.starts_with(&self.below)
    }

    /// Its answer; none, where it has nothing at that path.
    pub async fn answer(&self, parts: &Parts, body: Body) -> Option<Response> {
        let request = Request::from_parts(parts.clone(), body);
        let mut answer = self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        // A router says so by 404 without a body.
        let nothing = answer.status() == StatusCode::NOT_FOUND && answer.body().is_end_stream();
        answer.extensions_mut().insert(MatchedRoute(self.route.clone(), self.measured.clone()));
        (!nothing).then_some(answer)
    }
}
