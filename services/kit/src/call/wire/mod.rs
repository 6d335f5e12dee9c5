//! The letter of gRPC over HTTP/2, for calls that come in by a port: what tonic lets pass or answers
//! otherwise than clients of other languages expect.
//!
//! - Only POST, only `application/grpc` (protobuf): else 405 and 415, which every client maps.
//! - A method that takes one message takes exactly one; none is larger than its rules let it be, or 4 MiB (`frames`).
//! - Every refusal has an ErrorInfo, and its details fit into the headers that clients take (`details`).

mod details;
mod frames;

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use prost_reflect::DescriptorPool;
use tonic::{Status, body::Body};
use tower::Service;

pub use self::{
    details::{MOST, fit},
    frames::Frames,
};

use crate::{headers::DETAILS, sizes};

/// The value of [`DETAILS`] that asks for all of them.
pub const ALL: &str = "all";

/// Keeps calls to the letter of gRPC.
#[derive(Clone)]
pub struct Wire<S> {
    inner: S,
    /// Of each method whether it takes one message, and how large one may be.
    methods: Arc<HashMap<String, (bool, u32)>>,
}

impl<S> Wire<S> {
    /// Around services whose contracts are in `pool`.
    pub fn new(inner: S, pool: &DescriptorPool) -> Self {
        let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let methods = methods.map(|method| {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            let largest = u32::try_from(sizes::of(&method.input())).unwrap_or(frames::LARGEST);
            (path, (!method.is_client_streaming(), largest))
        });
        Self { inner, methods: Arc::new(methods.collect()) }
    }
}

impl<S> Service<Request<Body>> for Wire<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.method() != Method::POST {
            let mut answer = refused(StatusCode::METHOD_NOT_ALLOWED, "gRPC calls are POST requests\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            if request.method() == Method::HEAD {
                // Content after its headers would break the stream (RFC 9113, 8.1.1).
                *answer.body_mut() = Body::empty();
            }
            return Box::pin(std::future::ready(Ok(answer)));
        }
        if !is_grpc(request.headers()) {
            let text = "gRPC calls are sent with `content-type: application/grpc`\n";
            return Box::pin(std::future::ready(Ok(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))));
        }
        let most = match request.headers().get(DETAILS) {
            Some(value) if value == ALL => details::WHOLE,
            _ => details::MOST,
        };
        let method = self.methods.get(request.uri().path()).copied();
        let (single, largest) = method.unwrap_or((false, frames::LARGEST));
        let answer = self.inner.call(request.map(|body| Body::new(Frames::new(body, single, largest))));
        Box::pin(async move {
            let (mut parts, body) = answer.await?.into_parts();
            details::fit(&mut parts.headers, most);
            Ok(Response::from_parts(parts, Body::new(Fitted { body, most })))
        })
    }
}

/// Whether a request is gRPC with protobuf in it. One content type is given, with any parameters.
fn is_grpc(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(given)), None) = (given.next().map(HeaderValue::to_str), given.next()) else { return false };
    let essence = given.split(';').next().unwrap_or_default().trim();
    ["application/grpc", "application/grpc+proto"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

/// What is no gRPC gets an answer that is none either.
fn refused(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::new(http_body_util::Full::new(Bytes::from_static(text.as_bytes()))));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// An answer whose trailers are made to fit.
struct Fitted {
    body: Body,
    most: usize,
}

impl http_body::Body for Fitted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_trailers() {
                Ok(mut trailers) => {
                    details::fit(&mut trailers, self.most);
                    Frame::trailers(trailers)
                }
                Err(frame) => frame,
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_told_by_its_type() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_TYPE, value.parse().unwrap());
            }
            is_grpc(&headers)
        };
        for right in ["application/grpc", "application/grpc+proto", "Application/GRPC; charset=utf-8"] {
            assert!(with(&[right]), "{right}");
        }
        for wrong in ["", "application/json", "application/grpc-web", "application/grpc+json", "text/plain"] {
            assert!(!with(&[wrong]), "{wrong}");
        }
        assert!(!with(&[]) && !with(&["application/grpc", "application/grpc"]));
    }
}
