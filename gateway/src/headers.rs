//! Headers: which ones go upstream as metadata, which come back, and the request's id.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use kit::headers as names;
use tonic::metadata::MetadataMap;

use crate::{error::Failure, request::single, rpc::Rpc};

/// The id of a request, in both directions.
pub static REQUEST_ID: HeaderName = HeaderName::from_static(names::REQUEST_ID);
/// The key that makes a mutation safe to repeat.
pub static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(names::IDEMPOTENCY_KEY);
/// Says that an answer is a stored one.
pub static IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static(names::IDEMPOTENCY_REPLAYED);
/// Where a reader of server-sent events left off.
pub static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How a reverse proxy is reached by the client.
pub const FORWARDED_PROTO: &str = "x-forwarded-proto";
pub const FORWARDED_HOST: &str = "x-forwarded-host";
pub const FORWARDED_PREFIX: &str = "x-forwarded-prefix";

/// Headers that must not be ambiguous.
static ONCE: [&HeaderName; 2] = [&header::AUTHORIZATION, &IDEMPOTENCY_KEY];
/// Headers that go upstream as they are, beside those.
static HANDED_ON: [HeaderName; 3] = [
    HeaderName::from_static(names::REQUEST_ID),
    HeaderName::from_static(names::TRACEPARENT),
    HeaderName::from_static(names::TRACESTATE),
];

/// The metadata of a call: what every method gets, and what this one asks for. `timeout` becomes the
/// call's deadline.
pub fn metadata(headers: &HeaderMap, rpc: &Rpc, timeout: Option<Duration>) -> Result<MetadataMap, Failure> {
    let mut out = HeaderMap::with_capacity(8);
    for name in ONCE {
        if single(headers, name)?.is_some()
            && let Some(value) = headers.get(name)
        {
            out.insert(name, value.clone());
        }
    }
    for name in HANDED_ON.iter().chain(&rpc.request_headers) {
        if out.contains_key(name) {
            continue;
        }
        for value in headers.get_all(name) {
            out.append(name, value.clone());
        }
    }
    if let Some(timeout) = timeout {
        out.insert(names::GRPC_TIMEOUT, names::timeout_value(timeout));
    }
    Ok(MetadataMap::from_headers(out))
}

/// The time that the caller gives the call by `grpc-timeout`; one that is malformed is as good as none.
pub fn caller_timeout(headers: &HeaderMap) -> Option<Duration> {
    names::timeout(headers).ok().flatten()
}

/// The request's id as a header.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    HeaderValue::try_from(&*names::request_id(headers)).unwrap_or(HeaderValue::from_static("none"))
}

/// What of an answer's metadata becomes headers: what every method gives, and what this one names.
pub fn returned(metadata: &MetadataMap, rpc: &Rpc) -> HeaderMap {
    let mut out = HeaderMap::new();
    for name in std::iter::once(&IDEMPOTENCY_REPLAYED).chain(&rpc.response_headers) {
        if let Some(value) = metadata.as_ref().get(name) {
            out.insert(name, value.clone());
        }
    }
    out
}
