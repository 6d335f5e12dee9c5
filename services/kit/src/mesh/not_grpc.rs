//! Answers that are no gRPC: those of a proxy on the way, say, or of a server of something else.
//!
//! Read as gRPC, their bodies would be broken messages. What became of the call is said by their HTTP status
//! ([gRPC's mapping](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md)), whatever type
//! and body they have.

use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use tonic::{Code, Status, body::Body, metadata::MetadataMap};

/// What of such an answer its caller may need. It becomes metadata of the failure.
const KEPT: [HeaderName; 2] = [header::RETRY_AFTER, header::WWW_AUTHENTICATE];

/// The answer itself; in place of one that is no gRPC, the failure that it means.
pub(crate) fn judged(response: Response<Body>) -> Response<Body> {
    let (status, headers) = (response.status(), response.headers());
    // A status of gRPC's counts, whatever HTTP's is.
    if headers.contains_key("grpc-status") || status == StatusCode::OK && is_grpc(headers) {
        return response;
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    tracing::warn!(status = status.as_u16(), content_type, "call.not_grpc");
    let mut kept = HeaderMap::new();
    for name in KEPT {
        for value in headers.get_all(&name) {
            kept.append(&name, value.clone());
        }
    }
    let message = format!("the answer is no gRPC, but HTTP with the status {}", status.as_u16());
    Status::with_metadata(code(status), message, MetadataMap::from_headers(kept)).into_http()
}

fn is_grpc(headers: &HeaderMap) -> bool {
    const NAME: &[u8] = b"application/grpc";
    let Some(value) = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes) else {
        return false;
    };
    let Some((name, rest)) = value.split_at_checked(NAME.len()) else { return false };
    // Nothing follows, a format (`+proto`), or parameters. `application/grpc-web` is another protocol.
    name.eq_ignore_ascii_case(NAME) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

/// The code for an HTTP status without one of gRPC's.
fn code(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502..=504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code that an answer comes to, if it is no gRPC.
    fn judge(status: u16, headers: &[(&str, &str)]) -> Option<Code> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let before = response.body(Body::new("<html>".to_owned())).unwrap();
        let given = before.headers().contains_key("grpc-status");
        let after = judged(before);
        Status::from_header_map(after.headers()).filter(|_| !given).map(|status| status.code())
    }

    #[test]
    fn an_http_status_has_the_code_that_grpc_gives_it() {
        for (status, code) in [
            (200, Code::Unknown),
            (204, Code::Unknown),
            (302, Code::Unknown),
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (405, Code::Unknown),
            (413, Code::Unknown),
            (429, Code::Unavailable),
            (500, Code::Unknown),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
        ] {
            for kind in ["text/html", "application/json", "application/grpc-web", "application/grpcx"] {
                assert_eq!(judge(status, &[("content-type", kind)]), Some(code), "{status} {kind}");
            }
            assert_eq!(judge(status, &[]), Some(code), "{status}");
            assert_eq!(judge(status, &[("grpc-status", "5")]), None, "{status} with a status of gRPC's");
        }
    }

    #[test]
    fn grpc_is_known_by_its_type() {
        for kind in
            ["application/grpc", "Application/gRPC+proto", "application/grpc;x=y", "application/grpc ; x"]
        {
            assert_eq!(judge(200, &[("content-type", kind)]), None, "{kind}");
            assert_eq!(judge(503, &[("content-type", kind)]), Some(Code::Unavailable), "{kind}");
        }
    }

    #[test]
    fn what_says_when_and_how_to_come_back_is_kept() {
        let headers = [
            ("www-authenticate", "Basic"),
            ("www-authenticate", "Bearer"),
            ("retry-after", "7"),
            ("server", "nginx"),
        ];
        let mut response = Response::builder().status(401);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        let after = judged(response.body(Body::empty()).unwrap());
        assert_eq!(after.headers().get_all("www-authenticate").iter().count(), 2);
        assert_eq!(after.headers()["retry-after"], "7");
        assert!(!after.headers().contains_key("server"));
    }
}
