//! Bodies that come compressed (RFC 9110, 8.4): gzip, bounded in what it can become.

use std::{
    error::Error as _,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_compression::tokio::bufread::GzipDecoder;
use axum::body::Body;
use futures::StreamExt as _;
use http::{HeaderMap, header};
use http_body::Body as _;
use tokio_util::io::{ReaderStream, StreamReader};
use tonic::Status;

use crate::error::{BODY_LIMIT, Failure};

/// What a body may become without regard to how much of it has come.
const FREE: u64 = BODY_LIMIT as u64;
/// What each byte of it may become beyond that. Text rarely reaches 20; gzip can do 1,032, which nobody needs but who
/// means harm.
const RATIO: u64 = 100;
/// Bytes that are decoded at a time.
const PIECE: usize = 16 * 1024;

/// A request's body without its content coding. One that is not known here is refused.
pub fn decoded(headers: &HeaderMap, body: Body) -> Result<Body, Failure> {
    let lines = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = Vec::new();
    for line in lines {
        let line = line.to_str().map_err(|_| Failure::unsupported_encoding())?;
        codings.extend(line.split(',').map(|coding| coding.trim().to_ascii_lowercase()));
    }
    codings.retain(|coding| !coding.is_empty() && coding != "identity");
    match codings.as_slice() {
        [] => Ok(body),
        [only] if only == "gzip" || only == "x-gzip" => {
            Ok(if body.is_end_stream() { body } else { gunzip(body) })
        }
        _ => Err(Failure::unsupported_encoding()),
    }
}

fn gunzip(body: Body) -> Body {
    let come = Arc::new(AtomicU64::new(0));
    let counter = come.clone();
    let pieces = body.into_data_stream().map(move |piece| match piece {
        Ok(piece) => {
            counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
            Ok(piece)
        }
        Err(error) => Err(io::Error::other(error)),
    });
    let mut decoder = GzipDecoder::new(StreamReader::new(pieces));
    // Some programs compress file by file and join what they get.
    decoder.multiple_members(true);
    let mut made = 0;
    let plain = ReaderStream::with_capacity(decoder, PIECE).map(move |piece| {
        let piece = piece?;
        made += piece.len() as u64;
        // Against what has come so far, not the declared length: a sender may declare much and send little.
        if made > FREE + RATIO * come.load(Ordering::Relaxed) {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(piece)
    });
    Body::from_stream(plain)
}

/// What became of a body that ended by an error.
pub fn broken(error: &axum::Error) -> Failure {
    let mut source = error.source();
    while let Some(error) = source {
        // What the port itself says of a body: that there is no room for it, or that it came too slowly.
        if let Some(status) = error.downcast_ref::<Status>().filter(|status| !status.details().is_empty()) {
            return Failure::from_status(status, "");
        }
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::FileTooLarge)
        {
            return Failure::too_large(BODY_LIMIT);
        }
        source = error.source();
    }
    Failure::invalid("the request's body ended too early, or is not what `content-encoding` says")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use bytes::Bytes;
    use flate2::{Compression, write::GzEncoder};
    use http::HeaderValue;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    async fn read(coding: &'static str, body: Vec<u8>) -> Result<Bytes, u16> {
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(coding))]);
        let mut pieces = decoded(&headers, Body::from(body))
            .map_err(|failure| failure.http().as_u16())?
            .into_data_stream();
        let mut all = Vec::new();
        while let Some(piece) = pieces.next().await {
            all.extend_from_slice(&piece.map_err(|error| broken(&error).http().as_u16())?);
        }
        Ok(all.into())
    }

    #[tokio::test]
    async fn gzip_is_read_and_nothing_else() {
        for coding in ["gzip", "GZIP", "x-gzip", "identity, gzip"] {
            assert_eq!(read(coding, gzip(b"hello")).await.unwrap(), "hello", "{coding}");
        }
        assert_eq!(read("gzip", [gzip(b"hel"), gzip(b"lo")].concat()).await.unwrap(), "hello");
        assert_eq!(read("", b"hello".to_vec()).await.unwrap(), "hello");
        for coding in ["br", "deflate", "gzip, gzip", "zstd", "aes128gcm"] {
            assert_eq!(read(coding, Vec::new()).await.unwrap_err(), 415, "{coding}");
        }
        let whole = gzip(&[b'x'; 5_000]);
        assert_eq!(read("gzip", whole[..whole.len() - 9].to_vec()).await.unwrap_err(), 400);
        assert_eq!(read("gzip", b"{}".to_vec()).await.unwrap_err(), 400);
    }

    #[tokio::test]
    async fn little_does_not_become_endlessly_much() {
        let most = vec![0; BODY_LIMIT];
        assert_eq!(read("gzip", gzip(&most)).await.unwrap().len(), BODY_LIMIT);
        assert_eq!(read("gzip", gzip(&vec![0; 64 << 20])).await.unwrap_err(), 413);
    }
}
