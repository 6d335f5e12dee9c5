//! Headers: their names, and how they are read.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use kit::headers as names;

use crate::error::Failure;

/// The id of a request, in both directions.
pub static REQUEST_ID: HeaderName = HeaderName::from_static(names::REQUEST_ID);
/// The address of a request's client, as the edge found it.
pub static CLIENT_ADDRESS: HeaderName = HeaderName::from_static(names::CLIENT_ADDRESS);
/// Why a request is refused that comes too often: what is left of the limit, and the limit itself
/// (draft-ietf-httpapi-ratelimit-headers-10).
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The key that makes a mutation safe to repeat.
pub static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(names::IDEMPOTENCY_KEY);
/// Says that an answer is a stored one.
pub static IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static(names::IDEMPOTENCY_REPLAYED);
/// Where a reader of server-sent events left off.
pub static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What a caller says for all services on its request's way (W3C Baggage).
pub static BAGGAGE: HeaderName = HeaderName::from_static("baggage");
/// How a reverse proxy is reached by the client.
pub const FORWARDED_PROTO: &str = "x-forwarded-proto";
pub const FORWARDED_HOST: &str = "x-forwarded-host";
pub const FORWARDED_PREFIX: &str = "x-forwarded-prefix";

/// The time that the caller gives the call by `grpc-timeout`; one that is malformed is as good as none.
pub fn caller_timeout(headers: &HeaderMap) -> Option<Duration> {
    names::timeout(headers).ok().flatten()
}

/// The request's id as a header.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    HeaderValue::try_from(&*names::request_id(headers)).unwrap_or(HeaderValue::from_static("none"))
}

/// The only value of a header; more than one is an error.
pub fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Failure> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| {
            Failure::invalid(format!("the header `{name}` has other than visible ASCII characters"))
        }),
        (Some(_), Some(_)) => Err(Failure::invalid(format!("the header `{name}` is given more than once"))),
    }
}
