//! Pages of another component's, among the edge's own: they pass the same layers, behind the same proxy.

use std::sync::Arc;

use axum::{Router, body::Body, response::Response};
use http::{Request, StatusCode, request::Parts};
use http_body::Body as _;
use kit::telemetry::metrics::web::Route;
use tower::ServiceExt as _;

use crate::marks::MatchedRoute;

/// Routes at paths of their own, which are no route's of a contract.
#[derive(Debug, Clone)]
pub struct Mount {
    paths: Paths,
    route: Arc<str>,
    measured: Route,
    router: Router,
}

#[derive(Debug, Clone)]
enum Paths {
    /// All that begin so.
    Below(String),
    /// These.
    These(&'static [&'static str]),
}

impl Mount {
    /// `router` has whole paths; those that begin with `below` (`/pages`) are its own.
    pub fn new(below: &str, router: Router) -> Self {
        Self {
            paths: Paths::Below(format!("{below}/")),
            route: format!("{below}/…").into(),
            measured: Route::default(),
            router,
        }
    }

    /// `router` has whole paths, which are these. They are measured as one, by the name of the first.
    pub fn at(paths: &'static [&'static str], router: Router) -> Self {
        let route = paths.first().copied().unwrap_or_default().into();
        Self { paths: Paths::These(paths), route, measured: Route::default(), router }
    }

    /// Whether a path is its own.
    pub fn has(&self, path: &str) -> bool {
        match &self.paths {
            Paths::Below(below) => path.starts_with(below),
            Paths::These(paths) => paths.contains(&path),
        }
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
