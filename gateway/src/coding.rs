//! Bodies that come compressed (RFC 9110, 8.4): gzip, Brotli and Zstandard, bounded in what they can become.

use std::{
    error::Error as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_compression::{
    tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use axum::body::Body;
use futures::StreamExt as _;
use http::{HeaderMap, header};
use http_body::Body as _;
use tokio::io::{AsyncBufRead, AsyncRead};
use tokio_util::io::{ReaderStream, StreamReader};
use tonic::Status;

use crate::error::{BODY_LIMIT, Failure};

/// What a body may become without regard to how much of it has come.
const FREE: u64 = BODY_LIMIT as u64;
/// What each byte of it may become beyond that. Text rarely reaches 20; gzip can do 1,032, the others far more, which
/// nobody needs but who means harm.
const RATIO: u64 = 100;
/// The window of Zstandard, as a power of two: what its senders keep to over HTTP (RFC 9659).
const ZSTD_WINDOW: u32 = 23;
/// The codings that there are, as `Accept-Encoding` lists them.
pub const ACCEPTED: &str = "gzip, br, zstd";
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
    let coding = match codings.as_slice() {
        [] => return Ok(body),
        [only] => Coding::of(only).ok_or_else(Failure::unsupported_encoding)?,
        _ => return Err(Failure::unsupported_encoding()),
    };
    Ok(if body.is_end_stream() { body } else { without(coding, body) })
}

/// A coding of one layer.
#[derive(Clone, Copy)]
enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

impl Coding {
    fn of(name: &str) -> Option<Self> {
        match name {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn decoder(self, coded: impl AsyncBufRead + Send + 'static) -> Pin<Box<dyn AsyncRead + Send>> {
        match self {
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(coded);
                // Some programs compress file by file and join what they get.
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            Self::Brotli => Box::pin(BrotliDecoder::new(coded)),
            Self::Zstd => {
                let window = [DParameter::window_log_max(ZSTD_WINDOW)];
                let mut decoder = ZstdDecoder::with_params(coded, &window);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
        }
    }
}

fn without(coding: Coding, body: Body) -> Body {
    let come = Arc::new(AtomicU64::new(0));
    let counter = come.clone();
    let pieces = body.into_data_stream().map(move |piece| match piece {
        Ok(piece) => {
            counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
            Ok(piece)
        }
        Err(error) => Err(io::Error::other(error)),
    });
    let decoder = coding.decoder(StreamReader::new(pieces));
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
    use async_compression::{
        Level,
        tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder},
        zstd::CParameter,
    };
    use bytes::Bytes;
    use http::HeaderValue;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn coded(coding: &str, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            "br" => BrotliEncoder::with_quality(plain, Level::Fastest).read_to_end(&mut out).await,
            "zstd" => ZstdEncoder::new(plain).read_to_end(&mut out).await,
            _ => GzipEncoder::new(plain).read_to_end(&mut out).await,
        }
        .unwrap();
        out
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
    async fn what_is_known_is_read_and_nothing_else() {
        for coding in ["gzip", "GZIP", "x-gzip", "identity, gzip", "br", "zstd", "ZSTD"] {
            let body = coded(&coding.to_ascii_lowercase(), b"hello").await;
            assert_eq!(read(coding, body).await.unwrap(), "hello", "{coding}");
        }
        for joins in ["gzip", "zstd"] {
            let two = [coded(joins, b"hel").await, coded(joins, b"lo").await].concat();
            assert_eq!(read(joins, two).await.unwrap(), "hello", "{joins}");
        }
        assert_eq!(read("", b"hello".to_vec()).await.unwrap(), "hello");
        for coding in ["deflate", "gzip, gzip", "gzip, br", "compress", "aes128gcm", "dcz"] {
            assert_eq!(read(coding, Vec::new()).await.unwrap_err(), 415, "{coding}");
        }
        for coding in ["gzip", "br", "zstd"] {
            assert_eq!(read(coding, b"{}".to_vec()).await.unwrap_err(), 400, "{coding}");
            let noise: Vec<u8> =
                (0..5_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let whole = coded(coding, &noise).await;
            assert_eq!(read(coding, whole[..whole.len() - 9].to_vec()).await.unwrap_err(), 400, "{coding}");
        }
    }

    #[tokio::test]
    async fn little_does_not_become_endlessly_much() {
        let most = vec![0; BODY_LIMIT];
        let bomb = vec![0; 8 << 20];
        for coding in ["gzip", "br", "zstd"] {
            assert_eq!(read(coding, coded(coding, &most).await).await.unwrap().len(), BODY_LIMIT, "{coding}");
            assert_eq!(read(coding, coded(coding, &bomb).await).await.unwrap_err(), 413, "{coding}");
        }
    }

    #[tokio::test]
    async fn a_window_has_a_bound() {
        let plain = vec![0; 1 << 20];
        let coded = async |log| {
            let window = [CParameter::window_log(log)];
            let mut out = Vec::new();
            let mut encoder = ZstdEncoder::with_quality_and_params(&*plain, Level::Default, &window);
            encoder.read_to_end(&mut out).await.unwrap();
            out
        };
        assert_eq!(read("zstd", coded(ZSTD_WINDOW).await).await.unwrap().len(), plain.len());
        assert_eq!(read("zstd", coded(ZSTD_WINDOW + 1).await).await.unwrap_err(), 400);
    }
}
