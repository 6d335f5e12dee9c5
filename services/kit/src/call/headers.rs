//! The headers and metadata that have a meaning here: their names, and how their values are read and written.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue};

/// The key that makes a mutation safe to repeat.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Says that an answer was given before.
pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
/// The id of a request, both ways: what it is found by in every log.
pub const REQUEST_ID: &str = "x-request-id";
/// How long the caller waits (gRPC over HTTP/2).
pub const GRPC_TIMEOUT: &str = "grpc-timeout";
/// The place in a trace that a call came from (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";
/// What tracing systems add to it.
pub const TRACESTATE: &str = "tracestate";
/// By which a caller takes an error's details whole (`all`), up to 48 KiB of them.
pub const DETAILS: &str = "x-feira-details";
/// With an answer: for how many microseconds of it somebody outside the mesh was waited for.
pub const WAITED: &str = "x-feira-waited-us";
/// From the edge and between services: the address of the client for whom a call is.
pub const CLIENT_ADDRESS: &str = "x-feira-client-address";
/// The same: the `user-agent` of that client.
pub const CLIENT_AGENT: &str = "x-feira-client-agent";
/// The edge's service token, beside its client's own credentials: what proves that it is the edge that says so.
pub const EDGE: &str = "x-feira-edge";
/// Who calls.
pub const AUTHORIZATION: &str = "authorization";

/// The most digits of a `grpc-timeout`.
const DIGITS: usize = 8;
/// The longest request id that is kept, in bytes.
const LONGEST_ID: usize = 128;

/// A `grpc-timeout` that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be up to eight digits and one of H M S m u n")]
pub struct BadTimeout;

/// How long the caller waits; `None` where it does not say.
pub fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, BadTimeout> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    let text = value.to_str().map_err(|_| BadTimeout)?;
    let unit = text.bytes().last().ok_or(BadTimeout)?;
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || digits.len() > DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadTimeout);
    }
    let count: u64 = digits.parse().map_err(|_| BadTimeout)?;
    Ok(Some(match unit {
        b'H' => Duration::from_secs(count * 3_600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return Err(BadTimeout),
    }))
}

/// The value of `grpc-timeout` for so long: as exact as eight digits are, never nothing.
pub fn timeout_value(timeout: Duration) -> HeaderValue {
    let most = 10_u128.pow(DIGITS as u32) - 1;
    let text = match (timeout.as_micros(), timeout.as_millis()) {
        (micros, _) if micros <= most => format!("{}u", micros.max(1)),
        (_, millis) if millis <= most => format!("{millis}m"),
        _ => format!("{}S", u128::from(timeout.as_secs()).min(most)),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("99999999S"))
}

/// The request's id: the caller's where it is fit to be logged (1 to 128 visible ASCII characters), else a new one.
pub fn request_id(headers: &HeaderMap) -> Arc<str> {
    let sent = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    match sent.filter(|id| (1..=LONGEST_ID).contains(&id.len()) && is_visible(id)) {
        Some(id) => Arc::from(id),
        None => Arc::from(uuid::Uuid::now_v7().to_string()),
    }
}

/// Whether a text is of visible ASCII characters alone.
pub(crate) fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str, value: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value).unwrap());
        headers
    }

    #[test]
    fn a_timeout_survives_being_written_and_read() {
        for millis in [1, 250, 15_000, 99_999, 100_000, 3_600_000, 86_400_000] {
            let given = Duration::from_millis(millis);
            let mut headers = HeaderMap::new();
            headers.insert(GRPC_TIMEOUT, timeout_value(given));
            assert_eq!(timeout(&headers), Ok(Some(given)));
        }
        assert_eq!(timeout_value(Duration::ZERO), "1u", "no time left is not no timeout");
        assert_eq!(timeout_value(Duration::MAX), "99999999S");
    }

    #[test]
    fn malformed_timeouts_are_none() {
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
        assert_eq!(timeout(&of(GRPC_TIMEOUT, b"5S")), Ok(Some(Duration::from_secs(5))));
        let longest = Duration::from_secs(99_999_999 * 3_600);
        assert_eq!(timeout(&of(GRPC_TIMEOUT, b"99999999H")), Ok(Some(longest)));
        for wrong in ["", "S", "5", "5s", "-5S", "+5S", "123456789S", "5 S", "5é"] {
            assert_eq!(timeout(&of(GRPC_TIMEOUT, wrong.as_bytes())), Err(BadTimeout), "{wrong}");
        }
    }

    #[test]
    fn only_ids_fit_for_a_log_are_kept() {
        for kept in ["abc-123", &"x".repeat(128)] {
            assert_eq!(&*request_id(&of(REQUEST_ID, kept.as_bytes())), kept);
        }
        for wrong in ["", "a b", "é", &"x".repeat(129)] {
            assert_ne!(&*request_id(&of(REQUEST_ID, wrong.as_bytes())), wrong, "{wrong}");
        }
        assert_eq!(request_id(&HeaderMap::new()).len(), 36);
    }
}
