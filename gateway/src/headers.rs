//! Headers: which ones go upstream as metadata, which come back, and the request's id.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tonic::metadata::MetadataMap;

use crate::{error::Failure, request::single, rpc::Rpc};

/// The id of a request, in both directions.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The key that makes a mutation safe to repeat.
pub static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is a stored one.
pub static IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Headers that must not be ambiguous.
static ONCE: [&HeaderName; 2] = [&header::AUTHORIZATION, &IDEMPOTENCY_KEY];
/// Headers that go upstream as they are, beside those.
static HANDED_ON: [HeaderName; 3] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
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
        out.insert(&GRPC_TIMEOUT, timeout_value(timeout));
    }
    Ok(MetadataMap::from_headers(out))
}

/// The time that the caller gives the call by `grpc-timeout`; one that is malformed is as good as none.
pub fn caller_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(&GRPC_TIMEOUT)?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.is_empty() || number.len() > 8 || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

fn timeout_value(timeout: Duration) -> HeaderValue {
    // At most eight digits.
    let micros = timeout.as_micros();
    let text = match (micros, timeout.as_millis()) {
        (micros, _) if micros < 100_000_000 => format!("{micros}u"),
        (_, millis) if millis < 100_000_000 => format!("{millis}m"),
        _ => format!("{}S", timeout.as_secs().min(99_999_999)),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("99999999S"))
}

/// The request's id: the caller's where it is fit to be logged (1 to 128 visible ASCII characters), else a
/// new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    match headers.get(&REQUEST_ID) {
        Some(id) if (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic) => {
            id.clone()
        }
        _ => HeaderValue::try_from(uuid::Uuid::now_v7().to_string())
            .unwrap_or(HeaderValue::from_static("none")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(text: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(&GRPC_TIMEOUT, HeaderValue::from_static(text));
        caller_timeout(&headers)
    }

    #[test]
    fn a_timeout_survives_being_written_and_read() {
        for millis in [1, 250, 15_000, 99_999, 100_000, 3_600_000, 86_400_000] {
            let given = Duration::from_millis(millis);
            let mut headers = HeaderMap::new();
            headers.insert(&GRPC_TIMEOUT, timeout_value(given));
            assert_eq!(caller_timeout(&headers), Some(given));
        }
    }

    #[test]
    fn malformed_timeouts_count_as_none() {
        assert_eq!(timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for wrong in ["", "S", "5", "5s", "-5S", "+5S", "123456789S", "5 S"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_ids_fit_for_a_log_are_kept() {
        let id = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(&REQUEST_ID, HeaderValue::from_bytes(text.as_bytes()).unwrap());
            request_id(&headers) == text
        };
        assert!(id("abc-123"));
        assert!(id(&"x".repeat(128)));
        for wrong in ["", "a b", "é", &"x".repeat(129)] {
            assert!(!id(wrong), "{wrong}");
        }
    }
}
