//! What a service answers to a call, piece by piece, whichever protocol it is written in afterwards.

use std::sync::Arc;

use axum::{body::Body as HttpBody, response::Response};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, body::Body};
use tower::ServiceExt as _;

use super::status;
use crate::{error::Failure, metadata, rpc::Rpc};

/// How messages of a gRPC call are compressed.
pub const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// An answer.
pub struct Reply {
    /// What of its headers is for the client.
    pub headers: HeaderMap,
    encoding: Option<HeaderValue>,
    pieces: stream::BoxStream<'static, Piece>,
}

/// A piece of it.
pub enum Piece {
    /// Bytes of messages, cut anywhere.
    Data(Bytes),
    /// The end; nothing comes after it, and it always comes.
    End(End),
}

/// How a call ended.
pub struct End {
    pub result: Result<(), Failure>,
    /// What of its trailers is for the client.
    pub metadata: HeaderMap,
}

/// What is needed to read on.
struct Reading {
    /// Gone after the end.
    body: Option<Body>,
    rpc: Arc<Rpc>,
    deadline: Option<Instant>,
}

impl Reply {
    /// Calls a method with messages that are framed already.
    pub async fn call(
        rpc: &Arc<Rpc>,
        headers: HeaderMap,
        body: Body,
        deadline: Option<Instant>,
    ) -> Result<Self, Failure> {
        let mut request = http::Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = http::Version::HTTP_2;
        *request.uri_mut() = rpc.path.clone().into();
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
        let answered = rpc.way.conn.clone().oneshot(request).await;
        let (parts, body) =
            answered.map_err(|status| Failure::from_status(&status, &rpc.service))?.into_parts();
        let metadata = metadata::returned_headers(&parts.headers, rpc);
        let refused =
            Status::from_header_map(&parts.headers).or_else(|| not_grpc(parts.status, &parts.headers));
        if let Some(status) = refused {
            let end = End { result: result(&status, rpc), metadata };
            let pieces = stream::iter([Piece::End(end)]).fuse().boxed();
            return Ok(Self { headers: HeaderMap::new(), encoding: None, pieces });
        }
        let reading = Reading { body: Some(body), rpc: rpc.clone(), deadline };
        let encoding = parts.headers.get(&ENCODING).filter(|encoding| *encoding != "identity").cloned();
        // What compresses an answer asks again after its end.
        Ok(Self { headers: metadata, encoding, pieces: stream::unfold(reading, read).fuse().boxed() })
    }

    /// The same, which ends by this failure where there is one by then.
    pub fn ending(mut self, failure: impl Fn() -> Option<Failure> + Send + 'static) -> Self {
        let pieces = self.pieces.map(move |piece| match piece {
            Piece::End(End { result, metadata }) => {
                Piece::End(End { result: failure().map_or(result, Err), metadata })
            }
            piece => piece,
        });
        self.pieces = pieces.boxed();
        self
    }

    /// Its pieces.
    pub fn into_pieces(self) -> impl Stream<Item = Piece> + Send + 'static {
        self.pieces
    }

    /// Whether its messages are compressed.
    pub fn is_compressed(&self) -> bool {
        self.encoding.is_some()
    }

    /// The answer with gRPC's headers, its pieces written by `write`.
    pub fn written(
        self,
        media: &'static str,
        write: impl FnMut(Piece) -> Frame<Bytes> + Send + 'static,
    ) -> Response {
        let mut headers = self.headers;
        if let Some(encoding) = self.encoding {
            headers.insert(ENCODING, encoding);
        }
        let frames = self.pieces.map(write).map(Ok::<_, std::convert::Infallible>);
        answer(media, headers, HttpBody::new(StreamBody::new(frames)))
    }

    /// As gRPC has it.
    pub fn into_grpc(self) -> Response {
        self.written("application/grpc", |piece| match piece {
            Piece::Data(data) => Frame::data(data),
            Piece::End(end) => Frame::trailers(status::trailers(end)),
        })
    }
}

/// An answer of this type.
pub fn answer(media: &'static str, headers: HeaderMap, body: HttpBody) -> Response {
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

async fn read(mut reading: Reading) -> Option<(Piece, Reading)> {
    loop {
        let body = reading.body.as_mut()?;
        let next = match reading.deadline {
            Some(deadline) => timeout_at(deadline, body.frame()).await,
            None => Ok(body.frame().await),
        };
        let end = match next {
            Err(_) => End { result: Err(Failure::deadline()), metadata: HeaderMap::new() },
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => return Some((Piece::Data(data), reading)),
                Err(frame) => match frame.into_trailers() {
                    Ok(trailers) => end(&trailers, &reading.rpc),
                    Err(_) => continue,
                },
            },
            Ok(Some(Err(status))) => {
                End { result: result(&status, &reading.rpc), metadata: HeaderMap::new() }
            }
            Ok(None) => end(&HeaderMap::new(), &reading.rpc),
        };
        reading.body = None;
        return Some((Piece::End(end), reading));
    }
}

fn end(trailers: &HeaderMap, rpc: &Rpc) -> End {
    let status = Status::from_header_map(trailers);
    let status = status.unwrap_or_else(|| Status::internal("the answer ended without a status"));
    End { result: result(&status, rpc), metadata: metadata::returned_headers(trailers, rpc) }
}

fn result(status: &Status, rpc: &Rpc) -> Result<(), Failure> {
    match status.code() {
        Code::Ok => Ok(()),
        _ => Err(Failure::from_status(status, &rpc.service)),
    }
}

/// What an HTTP answer means that no gRPC server gave (gRPC's `http-grpc-status-mapping`).
fn not_grpc(answered: StatusCode, headers: &HeaderMap) -> Option<Status> {
    let media = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let code = match answered.as_u16() {
        200 if media.starts_with(b"application/grpc") => return None,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        400 => Code::Internal,
        _ => Code::Unknown,
    };
    Some(Status::new(code, format!("answered with {answered}, not by gRPC")))
}
