//! Which pages of other origins may call, and what they may send and see (CORS).

use std::{collections::HashSet, time::Duration};

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::headers;

/// Lets pages of other origins in. Their credentials travel in `authorization`, never in cookies: the header
/// that asks for these ([`crate::cookie::ASKED`]) is not among those that they may send. Headers that go to the services by
/// their names, or come from there, pass here, too.
pub fn layer(
    origins: &[HeaderValue],
    to_services: HashSet<HeaderName>,
    from_services: HashSet<HeaderName>,
) -> CorsLayer {
    let sent = [
        header::AUTHORIZATION,
        headers::BAGGAGE.clone(),
        header::CONTENT_ENCODING,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        HeaderName::from_static(kit::headers::GRPC_TIMEOUT),
        HeaderName::from_static(kit::headers::IDEMPOTENCY_KEY),
        headers::LAST_EVENT_ID.clone(),
        HeaderName::from_static(kit::headers::TRACEPARENT),
        HeaderName::from_static(kit::headers::TRACESTATE),
        HeaderName::from_static(kit::headers::REQUEST_ID),
        HeaderName::from_static("connect-protocol-version"),
        HeaderName::from_static("connect-timeout-ms"),
        HeaderName::from_static("x-grpc-web"),
        HeaderName::from_static("x-user-agent"),
    ];
    const SEEN: [HeaderName; 14] = [
        header::ACCEPT_ENCODING,
        header::ALLOW,
        header::ETAG,
        header::LINK,
        header::LOCATION,
        headers::RATE_LIMIT,
        headers::RATE_LIMIT_POLICY,
        header::RETRY_AFTER,
        header::WWW_AUTHENTICATE,
        HeaderName::from_static(kit::headers::IDEMPOTENCY_REPLAYED),
        HeaderName::from_static(kit::headers::REQUEST_ID),
        HeaderName::from_static("grpc-status"),
        HeaderName::from_static("grpc-message"),
        HeaderName::from_static("grpc-status-details-bin"),
    ];
    // In Connect the trailers of an answer are headers of this name.
    let trailers = from_services.iter().filter_map(|name| format!("trailer-{name}").try_into().ok());
    let seen: Vec<HeaderName> =
        SEEN.into_iter().chain(trailers).chain(from_services.iter().cloned()).collect();
    let origins = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().cloned())
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(Vec::from_iter(sent.into_iter().chain(to_services)))
        .expose_headers(seen)
        .max_age(Duration::from_secs(3_600))
}
