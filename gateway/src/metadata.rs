//! Metadata of calls: which headers go upstream, and which come back.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use kit::headers as names;
use tonic::metadata::MetadataMap;

use crate::{
    error::Failure,
    headers::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, single},
    rpc::Rpc,
};

/// Headers that must not be ambiguous.
static ONCE: [&HeaderName; 2] = [&header::AUTHORIZATION, &IDEMPOTENCY_KEY];
/// Headers that go upstream as they are, beside those.
static HANDED_ON: [HeaderName; 5] = [
    HeaderName::from_static(names::REQUEST_ID),
    HeaderName::from_static(names::TRACEPARENT),
    HeaderName::from_static(names::TRACESTATE),
    HeaderName::from_static(names::CLIENT_ADDRESS),
    HeaderName::from_static(names::CLIENT_AGENT),
];

/// The metadata of a call: what every method gets, and what this one asks for. `timeout` becomes the
/// call's deadline.
pub fn of(headers: &HeaderMap, rpc: &Rpc, timeout: Option<Duration>) -> Result<MetadataMap, Failure> {
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
    // What is left of it by now, not the caller's own header.
    if let Some(timeout) = timeout {
        out.insert(names::GRPC_TIMEOUT, names::timeout_value(timeout));
    }
    Ok(MetadataMap::from_headers(out))
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
