//! What surrounds every request: its id, its span, its line in the access log, and headers that every
//! answer has.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use contracts::errors::Reason;
use futures::stream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header, uri::Authority};
use http_body::Body as _;
use kit::telemetry::access::Origin;
use tracing::{Instrument as _, field::Empty, info_span};

use crate::{
    accept,
    base::Base,
    edge::{ALL, Edge},
    error::{Failure, allow},
    etag, headers,
    marks::{MatchedRoute, SignsIn},
    metadata,
};

/// Carries a request through.
pub async fn access(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    metadata::end_at_connection(request.headers_mut());
    let id = headers::request_id(request.headers());
    // From here on there is exactly one, also in the call upstream.
    request.headers_mut().insert(&headers::REQUEST_ID, id.clone());
    edge.reach.note_client(&mut request);
    edge.reach.resolve(&mut request, |path| !edge.routes.methods(path).is_empty());
    accept::ignore_refusal_of_identity(request.headers_mut());
    let https = request.extensions().get::<Arc<Base>>().is_some_and(|base| base.is_https());
    let method = request.method().clone();
    let path = (method == Method::OPTIONS).then(|| request.uri().path().to_owned());
    let credentials = Credentials::of(request.headers());
    // RFC 9112, 6.1: what has both a length and a coding may be meant to be taken for two requests further on. hyper
    // hides the length, so whatever is coded ends its connection.
    let coded =
        request.version() == Version::HTTP_11 && request.headers().contains_key(header::TRANSFER_ENCODING);
    let wanted = kit::telemetry::access::is_wanted();
    let client = request.headers().get(&headers::CLIENT_ADDRESS).and_then(|value| value.to_str().ok());
    let span = info_span!(
        "rest",
        http.request.method = method.as_str(),
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = id.to_str().unwrap_or_default(),
        client.address = client,
        otel.kind = Empty,
        otel.status_code = Empty,
    );
    kit::telemetry::child_of(&span, request.headers());
    let origin = wanted.then(|| Origin {
        client: client.and_then(|address| address.parse().ok()),
        request_id: id.to_str().unwrap_or_default().to_owned(),
        ..Origin::default().with_trace(&span, request.headers())
    });
    if let Some(origin) = &origin {
        request.extensions_mut().insert(origin.seen.clone());
    }
    async {
        let mut response = match check_host(&request).and_then(|()| check_coding(&request)) {
            Ok(()) => next.run(request).await,
            Err(failure) => failure.response(&edge.tables),
        };
        if let Some(path) = path.filter(|_| response.extensions().get::<MatchedRoute>().is_none()) {
            finish_options(&edge, &path, &mut response);
        }
        if method == Method::HEAD
            || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        {
            strip_body(&mut response);
        }
        credentials.challenge(&mut response);
        let headers = response.headers_mut();
        etag::tell_compressed(headers);
        if coded {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            // Without a word of ours, some caches keep what they see for a while.
            let keep = if credentials == Credentials::None { "no-cache" } else { "private, no-cache" };
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        }
        if let Some(hsts) = edge.hsts.as_ref().filter(|_| https) {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        headers.insert(&headers::REQUEST_ID, id);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let took = started.elapsed();
        let (route, measured) = match response.extensions().get::<MatchedRoute>() {
            Some(MatchedRoute(route, measured)) => (&**route, measured),
            None => ("", &edge.others),
        };
        measured.answered(route, &method, response.status(), https, took);
        if let Some(origin) = &origin {
            let bytes = response.body().size_hint().exact();
            kit::telemetry::access::request(origin, (&method, route), response.status(), took, bytes);
        }
        log(&method, route, response.status(), took);
        response
    }
    .instrument(span)
    .await
}

/// One line for each answer, with the route's template and never the path itself: paths hold ids.
fn log(method: &Method, route: &str, answered: StatusCode, took: Duration) {
    let status = answered.as_u16();
    let duration_ms = took.as_secs_f64() * 1e3;
    let span = tracing::Span::current();
    kit::telemetry::spans::request_of(method, route);
    span.record("http.route", route);
    span.record("http.response.status_code", status);
    if answered.is_server_error() {
        kit::telemetry::spans::failed(&span);
        tracing::warn!(%method, route, status, duration_ms, "rest.answered");
    } else {
        tracing::debug!(%method, route, status, duration_ms, "rest.answered");
    }
}

/// A preflight is answered before the routes are asked: adds what they know.
fn finish_options(edge: &Edge, path: &str, response: &mut Response) {
    let methods = if path == "*" { ALL.to_vec() } else { edge.routes.methods(path) };
    if response.status() == StatusCode::OK && !methods.is_empty() {
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(header::ALLOW, allow(&methods));
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
}

/// HEAD: the headers of GET, its length among them where it is known, and no body.
fn strip_body(response: &mut Response) {
    match response.body().size_hint().exact() {
        _ if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => {
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        Some(length) => _ = response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into()),
        None => {}
    }
    // A body that is known to be empty would be sent with the length 0.
    *response.body_mut() = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
}

/// HTTP/1.1: exactly one `Host`, and one that can be (RFC 9112, 3.2). Only what came over a connection has to.
fn check_host(request: &Request) -> Result<(), Failure> {
    if request.version() > Version::HTTP_11 || request.extensions().get::<kit::listen::Peer>().is_none() {
        return Ok(());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => Err(Failure::invalid("the header `host` is not a host and a port")),
        (None, _) => Err(Failure::invalid("HTTP/1.1 requires the header `host`")),
        (Some(_), Some(_)) => Err(Failure::invalid("the header `host` is given more than once")),
    }
}

/// A body comes in chunks or not: other transfer codings (RFC 9112, 6.1) are none that would be undone here.
fn check_coding(request: &Request) -> Result<(), Failure> {
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Failure::new(Reason::Unimplemented, "there is no transfer coding here but `chunked`")),
    }
}

fn is_host(value: &HeaderValue) -> bool {
    // Nothing is for URIs that name no host.
    value.is_empty() || Authority::try_from(value.as_bytes()).is_ok_and(|host| !host.as_str().contains('@'))
}

/// What a request says of who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credentials {
    None,
    /// A bearer token.
    Token,
    /// Some other kind.
    Other,
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Self::None };
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case(b"bearer") { Self::Token } else { Self::Other }
    }

    /// Says what is wrong with a token (RFC 6750, 3.1); who sent none gets the scheme alone. What a service itself
    /// asks for stays.
    fn challenge(self, response: &mut Response) {
        if response.headers().contains_key(header::WWW_AUTHENTICATE) {
            return;
        }
        let signs_in = response.extensions().get::<SignsIn>().is_some();
        let problem = match response.status() {
            StatusCode::UNAUTHORIZED if self == Self::Token && !signs_in => {
                "Bearer realm=\"feira\", error=\"invalid_token\", error_description=\"the access token is not valid (any more)\""
            }
            StatusCode::UNAUTHORIZED => "Bearer realm=\"feira\"",
            StatusCode::FORBIDDEN if self == Self::Token => {
                "Bearer realm=\"feira\", error=\"insufficient_scope\""
            }
            _ => return,
        };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(problem));
    }
}
