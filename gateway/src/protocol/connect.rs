//! The Connect protocol (connectrpc.com/docs/protocol): one message as a plain body, streams in envelopes whose last one is
//! JSON that says how it ended.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Body as HttpBody,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use bytes::{Bytes, BytesMut};
use contracts::errors::Reason;
use futures::{StreamExt as _, future, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use kit::listen::Holds;
use serde_json::{Map, Value as Json, json};
use tonic::Code;

use super::{
    Codec,
    frames::{Frames, frame, only},
    json as messages,
    reply::{End, Piece, Reply, answer as answer_of},
};
use crate::{call::ANSWER_LIMIT, details, error::Failure, headers::single, json::Tables, limited, rpc::Rpc};

/// The flag of the envelope that ends a stream.
const END: u8 = 2;
/// The most digits of a timeout.
const DIGITS: usize = 10;
static VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
static TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
static STREAM_ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");

/// Refuses other versions of the protocol.
pub fn check_version(headers: &HeaderMap) -> Result<(), Failure> {
    match single(headers, &VERSION)? {
        None | Some("1") => Ok(()),
        Some(_) => Err(Failure::invalid("`connect-protocol-version` can be 1")),
    }
}

/// Whether messages of a stream may be compressed by gzip.
pub fn takes_gzip(headers: &HeaderMap) -> Result<bool, Failure> {
    match single(headers, &STREAM_ENCODING)? {
        None | Some("identity") => Ok(false),
        Some("gzip") => Ok(true),
        Some(_) => {
            Err(Failure::new(Reason::Unimplemented, "`connect-content-encoding` can be identity or gzip"))
        }
    }
}

/// How long the caller waits.
pub fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let Some(text) = single(headers, &TIMEOUT)? else { return Ok(None) };
    let is_number = (1..=DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let milliseconds = text.parse().ok().filter(|_| is_number);
    let wrong = || Failure::invalid("`connect-timeout-ms` must be up to ten digits");
    milliseconds.map(Duration::from_millis).map(Some).ok_or_else(wrong)
}

/// The answer with one message.
pub async fn answer(reply: Reply, codec: Codec, rpc: &Rpc, parts: &Parts) -> Result<Response, Failure> {
    let mut headers = reply.headers.clone();
    let mut pieces = reply.into_pieces();
    let (mut body, mut end) = (BytesMut::new(), None);
    while let Some(piece) = pieces.next().await {
        match piece {
            Piece::Data(data) if body.len() + data.len() > ANSWER_LIMIT => {
                return Err(malformed(rpc, "it is too large"));
            }
            Piece::Data(data) => body.extend_from_slice(&data),
            Piece::End(it) => end = Some(it),
        }
    }
    let End { result, metadata } = end.ok_or_else(Failure::internal)?;
    result?;
    let message = only(&body, false, ANSWER_LIMIT).map_err(|_| malformed(rpc, "it is not one message"))?;
    for (name, value) in &metadata {
        if let Ok(name) = HeaderName::try_from(format!("trailer-{name}")) {
            headers.append(name, value.clone());
        }
    }
    if rpc.private || rpc.access_token.is_some() || rpc.cookie.is_some() {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if parts.method == http::Method::GET {
        headers.append(header::VARY, HeaderValue::from_static("connect-protocol-version"));
    }
    let message = messages::answer(codec, rpc, message)?;
    let holds = Extension(Holds(message.len()));
    let media = match codec {
        Codec::Proto => "application/proto",
        Codec::Json => "application/json",
    };
    Ok((holds, answer_of(media, headers, message.into())).into_response())
}

fn malformed(rpc: &Rpc, problem: &str) -> Failure {
    tracing::warn!(path = %rpc.path, problem, "upstream answered with another message");
    Failure::internal()
}

/// A failure instead of a message.
pub fn refuse(failure: &Failure) -> Response {
    let mut headers = HeaderMap::new();
    limited::tell(&failure.details, &mut headers);
    let mut response = answer_of("application/json", headers, error(failure).to_string().into());
    *response.status_mut() = status(failure.code);
    response
}

/// A stream of answers.
pub fn stream(reply: Reply, codec: Codec, rpc: Arc<Rpc>) -> Response {
    let headers = reply.headers.clone();
    if reply.is_compressed() {
        return refuse_stream(&malformed(&rpc, "it is compressed, which nobody asked for"), codec);
    }
    let mut frames = Frames::new(ANSWER_LIMIT);
    let written = reply.into_pieces().scan(false, move |over, piece| {
        if *over {
            return future::ready(None);
        }
        let bytes = match piece {
            Piece::Data(data) => envelopes(&mut frames, codec, &rpc, &data).unwrap_or_else(|failure| {
                *over = true;
                last(Err(&failure), &HeaderMap::new())
            }),
            Piece::End(End { result: Ok(()), metadata }) if frames.is_within() => {
                last(Err(&malformed(&rpc, "it ends within a message")), &metadata)
            }
            Piece::End(end) => last(end.result.as_ref().copied(), &end.metadata),
        };
        future::ready(Some(Ok::<_, std::convert::Infallible>(bytes)))
    });
    answer_of(media_of_stream(codec), headers, HttpBody::from_stream(written))
}

/// What has come of a stream's messages, written anew.
fn envelopes(frames: &mut Frames, codec: Codec, rpc: &Rpc, data: &[u8]) -> Result<Bytes, Failure> {
    frames.push(data);
    let mut out = BytesMut::new();
    while let Some((_, message)) = frames.next().map_err(|_| malformed(rpc, "a message is too large"))? {
        out.extend_from_slice(&frame(0, &messages::answer(codec, rpc, message)?));
    }
    Ok(out.freeze())
}

/// A failure before there was an answer: a stream that ends at once.
pub fn refuse_stream(failure: &Failure, codec: Codec) -> Response {
    let body = HttpBody::from_stream(stream::iter([Ok::<_, std::convert::Infallible>(last(
        Err(failure),
        &HeaderMap::new(),
    ))]));
    answer_of(media_of_stream(codec), HeaderMap::new(), body)
}

fn media_of_stream(codec: Codec) -> &'static str {
    match codec {
        Codec::Proto => "application/connect+proto",
        Codec::Json => "application/connect+json",
    }
}

/// The last envelope of a stream.
fn last(result: Result<(), &Failure>, metadata: &HeaderMap) -> Bytes {
    let mut end = Map::new();
    if let Err(failure) = result {
        end.insert("error".to_owned(), error(failure));
    }
    let mut told = Map::new();
    for (name, value) in metadata {
        if let (Ok(value), Json::Array(values)) =
            (value.to_str(), told.entry(name.as_str()).or_insert_with(|| json!([])))
        {
            values.push(value.into());
        }
    }
    if !told.is_empty() {
        end.insert("metadata".to_owned(), told.into());
    }
    frame(END, Json::Object(end).to_string().as_bytes())
}

/// A failure's JSON.
fn error(failure: &Failure) -> Json {
    let details = failure.details.iter().map(|detail| {
        let kind = detail.type_url.rsplit('/').next().unwrap_or_default();
        let mut one = json!({"type": kind, "value": BASE64_STANDARD_NO_PAD.encode(&detail.value)});
        // For people; programs read the value.
        if let Some(Json::Object(mut shown)) = details::json(detail, &Tables::default()) {
            shown.remove("@type");
            one["debug"] = shown.into();
        }
        one
    });
    json!({"code": code(failure.code), "message": failure.message, "details": details.collect::<Vec<_>>()})
}

fn code(code: Code) -> &'static str {
    match code {
        Code::Ok | Code::Unknown => "unknown",
        Code::Cancelled => "canceled",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

/// The HTTP status of each code. Connect's own table, which is not quite that of google.rpc.
fn status(code: Code) -> StatusCode {
    let status = match code {
        Code::Cancelled => 499,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::ResourceExhausted => 429,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::DeadlineExceeded => 504,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => 500,
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
