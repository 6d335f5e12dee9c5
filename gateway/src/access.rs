//! What surrounds every request: its id, its span, its line in the access log, and headers that every
//! answer has.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use tracing::{Instrument as _, field::Empty, info_span};

use crate::{
    edge::{Edge, MatchedRoute},
    error::allow,
    headers,
};

/// Carries a request through.
pub async fn access(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = headers::request_id(request.headers());
    // From here on there is exactly one, also in the call upstream.
    request.headers_mut().insert(&headers::REQUEST_ID, id.clone());
    let method = request.method().clone();
    let path = (method == Method::OPTIONS).then(|| request.uri().path().to_owned());
    let span = info_span!(
        "rest",
        http.request.method = method.as_str(),
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = id.to_str().unwrap_or_default(),
        otel.kind = Empty,
    );
    kit::telemetry::child_of(&span, request.headers());
    async {
        let mut response = next.run(request).await;
        if let Some(path) = path {
            finish_options(&edge, &path, &mut response);
        }
        if method == Method::HEAD {
            strip_body(&mut response);
        }
        let headers = response.headers_mut();
        headers.insert(&headers::REQUEST_ID, id);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        log(&method, &response, started);
        response
    }
    .instrument(span)
    .await
}

/// One line for each answer, with the route's template and never the path itself: paths hold ids.
fn log(method: &Method, response: &Response, started: Instant) {
    let route = response.extensions().get::<MatchedRoute>().map_or("", |route| &route.0);
    let status = response.status().as_u16();
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    let span = tracing::Span::current();
    span.record("http.route", route);
    span.record("http.response.status_code", status);
    if response.status().is_server_error() {
        tracing::warn!(%method, route, status, duration_ms, "rest.answered");
    } else {
        tracing::debug!(%method, route, status, duration_ms, "rest.answered");
    }
}

/// A preflight is answered before the routes are asked: adds what they know.
fn finish_options(edge: &Edge, path: &str, response: &mut Response) {
    let methods = edge.routes.methods(path);
    if response.status() == StatusCode::OK && !methods.is_empty() {
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(header::ALLOW, allow(&methods));
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
}

/// HEAD: the headers of GET, its length among them where it is known, and no body.
fn strip_body(response: &mut Response) {
    if let Some(length) = response.body().size_hint().exact()
        && response.status() != StatusCode::NO_CONTENT
    {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    *response.body_mut() = Body::empty();
}
