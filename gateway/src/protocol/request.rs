//! Makes a service's call of a client's.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Body as HttpBody;
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, Method, Version, request::Parts};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use kit::wire;
use prost_types::method_options::IdempotencyLevel;
use tokio::time::Instant;
use tonic::{Status, body::Body};

use super::{
    Protocol, connect,
    frames::{Frames, HEAD, frame, gunzip, only, plain},
    json,
    reply::{ENCODING, Reply},
    web,
};
use crate::{
    coding,
    edge::{Edge, begin, within},
    error::Failure,
    headers, metadata,
    percent::form_bytes,
    request,
    rpc::Rpc,
};

const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// What a message of a client's may be called: URL-safe base64, padded or not.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A failure that ended the stream of a request, for whoever answers.
type Broken = Arc<Mutex<Option<Failure>>>;

/// Calls a method as a client asks for it.
pub async fn call(
    edge: &Edge,
    rpc: &Arc<Rpc>,
    protocol: Protocol,
    parts: &Parts,
    body: HttpBody,
) -> Result<Reply, Failure> {
    check(rpc, protocol, parts)?;
    let timeout = timeout(protocol, &parts.headers)?;
    let admitted = edge.admit(rpc, parts).await?;
    let now = Instant::now();
    let asked = timeout.map(|timeout| now + timeout);
    // What answers once has the edge's time at most, as over REST. A stream has what its caller gives it.
    let within_edge = now + edge.timeout.min(timeout.unwrap_or(Duration::MAX));
    let streams = rpc.method.is_client_streaming() || rpc.method.is_server_streaming();
    let deadline = if streams { asked } else { Some(within_edge) };
    let broken = Broken::default();
    let mut place = None;
    let (body, takes_stream) = if rpc.method.is_client_streaming() {
        let gzip = connect::takes_gzip(&parts.headers)?;
        (messages(rpc, protocol, (gzip, body), broken.clone()), true)
    } else {
        let message = within(within_edge, message(rpc, protocol, parts, body)).await??;
        place = begin(admitted, &rpc.service)?;
        (Body::new(http_body_util::Full::new(message)), false)
    };
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let mut headers = metadata::of(parts, rpc, left)?.into_headers();
    if matches!(protocol, Protocol::Grpc | Protocol::Web { .. }) {
        for name in [ENCODING, ACCEPT_ENCODING] {
            if let Some(value) = parts.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
    }
    let calling = Reply::call(rpc, headers, body, deadline);
    let reply = match deadline {
        Some(deadline) => within(deadline, calling).await?,
        None => calling.await,
    };
    drop(place);
    // What was wrong with the client's own stream is how the call ends, whatever its service makes of what it got.
    let failure = move || broken.lock().unwrap_or_else(PoisonError::into_inner).take();
    match reply {
        Ok(reply) if takes_stream => Ok(reply.ending(failure)),
        Ok(reply) => Ok(reply),
        Err(refused) => Err(failure().unwrap_or(refused)),
    }
}

/// Finds what no method is called by.
fn check(rpc: &Rpc, protocol: Protocol, parts: &Parts) -> Result<(), Failure> {
    let streams = rpc.method.is_client_streaming() || rpc.method.is_server_streaming();
    let wrong = match protocol {
        Protocol::Grpc if parts.version < Version::HTTP_2 => Some("gRPC takes HTTP/2; gRPC-Web does not"),
        Protocol::Web { text: true } if rpc.method.is_client_streaming() => {
            Some("a stream of requests is not taken as gRPC-Web in base64")
        }
        Protocol::Connect(_) if streams => {
            Some("a stream takes `content-type: application/connect+json` or +proto")
        }
        Protocol::ConnectStream(_) if !streams => {
            Some("this method answers once: it takes `content-type: application/json` or application/proto")
        }
        Protocol::Connect(_) if parts.method == Method::GET && !is_safe(rpc) => {
            return Err(Failure::method_not_allowed(&[Method::POST]));
        }
        _ => None,
    };
    match wrong {
        Some(wrong) => Err(Failure::invalid(wrong)),
        None if matches!(protocol, Protocol::Connect(_) | Protocol::ConnectStream(_)) => {
            connect::check_version(&parts.headers)
        }
        None => Ok(()),
    }
}

/// Whether a method changes nothing, as its contract says.
fn is_safe(rpc: &Rpc) -> bool {
    let descriptor = rpc.method.method_descriptor_proto();
    let options = descriptor.options.as_ref();
    options.is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects)
}

fn timeout(protocol: Protocol, headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    match protocol {
        Protocol::Grpc | Protocol::Web { .. } => Ok(headers::caller_timeout(headers)),
        Protocol::Connect(_) | Protocol::ConnectStream(_) => connect::timeout(headers),
    }
}

/// The one message of a request, framed.
async fn message(rpc: &Rpc, protocol: Protocol, parts: &Parts, body: HttpBody) -> Result<Bytes, Failure> {
    let limit = rpc.body_limit;
    if let (Protocol::Connect(codec), &Method::GET) = (protocol, &parts.method) {
        let message = of_query(parts.uri.query().unwrap_or_default(), limit)?;
        return Ok(frame(0, &json::request(codec, rpc, message)?));
    }
    match protocol {
        Protocol::Grpc | Protocol::Web { text: false } => framed(body, limit).await,
        Protocol::Web { text: true } => {
            // Four characters are three bytes.
            let decoded = web::decoded(&request::read(body, (limit + HEAD) / 3 * 4 + 4).await?)?;
            framed(decoded.into(), limit).await
        }
        Protocol::Connect(codec) => {
            let body = coding::decoded(&parts.headers, body)?;
            let message = request::read(body, limit).await?;
            Ok(frame(0, &json::request(codec, rpc, message)?))
        }
        Protocol::ConnectStream(codec) => {
            let gzip = connect::takes_gzip(&parts.headers)?;
            let message = only(&request::read(body, limit + HEAD).await?, gzip, limit)?;
            Ok(frame(0, &json::request(codec, rpc, message)?))
        }
    }
}

/// A body that is one message, framed already.
async fn framed(body: HttpBody, limit: usize) -> Result<Bytes, Failure> {
    let checked = wire::Frames::new(Body::new(body), true, largest(limit));
    request::read(HttpBody::new(checked), limit + HEAD).await
}

fn largest(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// The message that a GET has in its query.
fn of_query(query: &str, limit: usize) -> Result<Bytes, Failure> {
    let (mut message, mut base64, mut gzip, mut seen) = (None, false, false, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let wrong = |problem: &str| Failure::invalid(format!("the query parameter `{name}` {problem}"));
        if seen.contains(&name) {
            return Err(wrong("is given more than once"));
        }
        seen.push(name);
        match (name, value) {
            // Any bytes: not every message is text.
            ("message", _) => message = Some(form_bytes(value).ok_or_else(|| wrong("is encoded wrongly"))?),
            ("base64", "1") => base64 = true,
            ("compression", "gzip") => gzip = true,
            ("compression", "" | "identity") | ("connect", "v1") | ("base64", "" | "0") | ("encoding", _) => {
            }
            ("compression", _) => return Err(wrong("can be gzip or identity")),
            ("connect", _) => return Err(wrong("can be v1")),
            ("base64", _) => return Err(wrong("can be 1")),
            // Not told again: it is the caller's own text, of any length.
            _ => return Err(Failure::invalid("there is a query parameter that means nothing here")),
        }
    }
    let message = message.ok_or_else(|| Failure::invalid("the query parameter `message` is missing"))?;
    let message = match base64 {
        false => Bytes::from(message),
        true => Bytes::from(
            URL_SAFE
                .decode(message)
                .map_err(|_| Failure::invalid("the query parameter `message` is not base64"))?,
        ),
    };
    match gzip {
        true => gunzip(&message, limit),
        false if message.len() > limit => Err(Failure::too_large(limit)),
        false => Ok(message),
    }
}

/// The messages of a request that is a stream, framed.
fn messages(rpc: &Arc<Rpc>, protocol: Protocol, (gzip, body): (bool, HttpBody), broken: Broken) -> Body {
    let limit = rpc.body_limit;
    let Protocol::ConnectStream(codec) = protocol else {
        let checked = wire::Frames::new(Body::new(body), false, largest(limit));
        return Body::new(checked.map_err(move |status| {
            let failure = Failure::from_status(&status, "");
            *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            status
        }));
    };
    let reading = (body.into_data_stream(), Frames::new(limit), rpc.clone(), broken, false);
    let written = stream::unfold(reading, move |(mut body, mut frames, rpc, broken, over)| async move {
        if over {
            return None;
        }
        let next = loop {
            match frames.next() {
                Ok(None) => match body.next().await {
                    Some(Ok(piece)) => frames.push(&piece),
                    Some(Err(error)) => break Err(coding::broken(&error)),
                    None if frames.is_within() => break Err(Failure::invalid("the last message is cut off")),
                    None => return None,
                },
                Ok(Some((flag, message))) => {
                    let message = plain(flag, message, gzip, limit);
                    break message.and_then(|message| json::request(codec, &rpc, message));
                }
                Err(failure) => break Err(failure),
            }
        };
        let (written, over) = match next {
            Ok(message) => (Ok(Frame::data(frame(0, &message))), false),
            Err(failure) => {
                *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                (Err(Status::cancelled("the client's stream broke off")), true)
            }
        };
        Some((written, (body, frames, rpc, broken, over)))
    });
    Body::new(StreamBody::new(written.fuse()))
}
