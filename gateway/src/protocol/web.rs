//! gRPC-Web: gRPC whose trailers are the last message of the body, for browsers, which see no trailers; in base64 for those
//! of them that can read no bytes.

use axum::response::Response;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;

use super::{
    frames::frame,
    reply::{Piece, Reply},
    status,
};
use crate::error::Failure;

/// The flag of the message that is the trailers.
const TRAILERS: u8 = 0x80;

fn media(text: bool) -> &'static str {
    if text { "application/grpc-web-text+proto" } else { "application/grpc-web+proto" }
}

/// The answer.
pub fn answer(reply: Reply, text: bool) -> Response {
    reply.written(media(text), move |piece| {
        let bytes = match piece {
            Piece::Data(data) => data,
            Piece::End(end) => frame(TRAILERS, &lines(&status::trailers(end))),
        };
        // Each piece is padded by itself: who reads takes four characters at a time.
        Frame::data(if text { BASE64_STANDARD.encode(bytes).into() } else { bytes })
    })
}

/// A failure before there was an answer.
pub fn refuse(failure: &Failure, text: bool) -> Response {
    status::only_trailers(media(text), failure)
}

/// A body that came in base64: padded as a whole, or piece by piece.
pub fn decoded(body: &[u8]) -> Result<Bytes, Failure> {
    let wrong = || Failure::invalid("the request's body is not the base64 that `content-type` says");
    let mut out = BytesMut::with_capacity(body.len() / 4 * 3);
    let mut rest = body.trim_ascii();
    while !rest.is_empty() {
        let padding = rest.iter().position(|byte| *byte == b'=');
        let end =
            padding.map_or(rest.len(), |at| at + rest[at..].iter().take_while(|byte| **byte == b'=').count());
        let (piece, next) = rest.split_at(end);
        out.extend_from_slice(&BASE64_STANDARD.decode(piece).map_err(|_| wrong())?);
        rest = next;
    }
    Ok(out.freeze())
}

/// Trailers as HTTP/1.1 would have them.
fn lines(trailers: &HeaderMap) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in trailers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_may_be_padded_in_its_middle() {
        assert_eq!(decoded(b"AAAA").unwrap(), [0, 0, 0][..]);
        assert_eq!(decoded(b"AA==AQ==").unwrap(), [0, 1][..]);
        assert_eq!(decoded(b"AAE=AgM=\r\n").unwrap(), [0, 1, 2, 3][..]);
        assert_eq!(decoded(b"").unwrap(), b""[..]);
        for wrong in [&b"A"[..], b"AA=A", b"A===", b"====", b"\xff\xff"] {
            assert!(decoded(wrong).is_err(), "{wrong:?}");
        }
    }
}
