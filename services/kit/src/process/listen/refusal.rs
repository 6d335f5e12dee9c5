//! What HTTP/1.1 refuses before there is a request gets the form of every other error.
//!
//! hyper answers a head that it cannot read by itself, with a status and no body, and has no hook for that. Its
//! answer is recognised where it is written: no call is under way and all before it was flushed, so that whatever is
//! written is hyper's own.

use bytes::Bytes;
use contracts::errors::{DOMAIN, Reason, code_name};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::call::headers;

/// The answer for what begins as hyper's answers to unreadable heads do; nothing where it does not.
pub(super) fn instead_of(written: &[u8]) -> Option<Bytes> {
    let code = std::str::from_utf8(written.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?.parse().ok()?;
    let status = StatusCode::from_u16(code).ok().filter(StatusCode::is_client_error)?;
    let message = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the request has too many headers, or too long ones",
        StatusCode::URI_TOO_LONG => "the request's path is too long",
        _ => "this is not the head of an HTTP/1.1 request",
    };
    let reason = Reason::Validation;
    let info = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason.to_string(), "domain": DOMAIN, "metadata": {},
    });
    let error = json!({
        "code": code, "status": code_name(reason.code()), "message": message, "details": [info],
    });
    let body = json!({ "error": error }).to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\
         cache-control: no-cache\r\nx-content-type-options: nosniff\r\n{}: {}\r\n\r\n{body}",
        body.len(),
        headers::REQUEST_ID,
        headers::request_id(&HeaderMap::new()),
    );
    Some(answer.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_is_replaced() {
        let answer = instead_of(b"HTTP/1.1 431 Request Header Fields Too Large\r\n\r\n").unwrap();
        let text = std::str::from_utf8(&answer).unwrap();
        assert!(text.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        for other in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 500 Oh\r\n", "HTTP/1.1 4", "HTTP/1.1 xxx ", "PRI", ""]
        {
            assert_eq!(instead_of(other.as_bytes()), None, "{other}");
        }
    }
}
