//! Failures as gRPC says them.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::HeaderMap;
use prost::Message as _;
use tonic::Status;

use super::reply::{End, answer};
use crate::error::Failure;

/// The status that a failure is, with its details.
pub fn of(failure: &Failure) -> Status {
    let status = failure.status().encode_to_vec();
    Status::with_details(failure.code, failure.message.clone(), Bytes::from(status))
}

/// The trailers of a call's end.
pub fn trailers(end: End) -> HeaderMap {
    let mut trailers = end.metadata;
    write(&end.result.map_or_else(|failure| of(&failure), |()| Status::ok("")), &mut trailers);
    trailers
}

fn write(status: &Status, headers: &mut HeaderMap) {
    if status.add_header(headers).is_err() {
        // A message that no header can have: the code is enough.
        let _ = Status::new(status.code(), "").add_header(headers);
    }
    // As much as clients of all languages take.
    kit::wire::fit(headers, kit::wire::MOST);
}

/// A failure before there was an answer: trailers alone, in the place of headers.
pub fn grpc(failure: &Failure) -> Response {
    only_trailers("application/grpc", failure)
}

/// The same as an answer of this type.
pub fn only_trailers(media: &'static str, failure: &Failure) -> Response {
    let mut headers = HeaderMap::new();
    write(&of(failure), &mut headers);
    answer(media, headers, Body::empty())
}
