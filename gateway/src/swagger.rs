//! The files of the page at `/docs`: ours (`docs/`), and Swagger UI's, embedded by `build.rs` as compressed as
//! they travel.

use std::io::Read as _;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, header};

/// The page itself, and what signs in on it.
pub const PAGE: &str = include_str!("docs/index.html");
const SIGN_IN: &str = include_str!("docs/sign-in.js");
const SIGN_IN_STYLE: &str = include_str!("docs/sign-in.css");

macro_rules! embedded {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz"))
    };
}

/// A file by its name, to a client that said in `headers` which encodings it reads.
pub fn file(name: &str, headers: &HeaderMap) -> Option<Response> {
    let text = |content_type, text: &'static str| {
        ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], text).into_response()
    };
    let (content_type, compressed): (_, &'static [u8]) = match name {
        "sign-in.js" => return Some(text("text/javascript", SIGN_IN)),
        "sign-in.css" => return Some(text("text/css", SIGN_IN_STYLE)),
        "index.css" => ("text/css", embedded!("index.css")),
        "favicon-32x32.png" => ("image/png", embedded!("favicon-32x32.png")),
        "swagger-ui.css" => ("text/css", embedded!("swagger-ui.css")),
        "swagger-ui-bundle.js" => ("text/javascript", embedded!("swagger-ui-bundle.js")),
        "swagger-ui-standalone-preset.js" => {
            ("text/javascript", embedded!("swagger-ui-standalone-preset.js"))
        }
        _ => return None,
    };
    let mut response = if reads_gzip(headers) {
        ([(header::CONTENT_ENCODING, "gzip")], Bytes::from_static(compressed)).into_response()
    } else {
        let mut plain = Vec::new();
        GzDecoder::new(compressed).read_to_end(&mut plain).ok()?;
        plain.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    Some(response)
}

/// Whether `Accept-Encoding` (RFC 9110, section 12.5.3) names gzip, and not as refused.
pub fn reads_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offer| {
            let (coding, weight) = offer.split_once(';').unwrap_or((offer, ""));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
            coding.trim().eq_ignore_ascii_case("gzip") && weight != Some(0.0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_goes_to_those_who_read_it() {
        let reads = |value: &'static str| {
            reads_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        assert!(reads("gzip") && reads("br, GZIP;q=0.5") && reads("deflate,gzip"));
        assert!(!reads("br") && !reads("gzip;q=0") && !reads("identity, gzip; q=0.0"));
        assert!(!reads_gzip(&HeaderMap::new()));
    }
}
