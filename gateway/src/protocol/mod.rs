//! gRPC, gRPC-Web and Connect at the edge, each at the path that gRPC gives a method: `/package.Service/Method`.
//!
//! A call passes what one over REST passes: the guard, the limits on bodies and time, the headers that are handed on.
//! What differs is how messages and errors are written.

mod connect;
mod frames;
mod json;
mod reply;
mod request;
mod status;
mod web;

use std::sync::Arc;

use axum::{body::Body as HttpBody, response::Response};
use http::{HeaderMap, Method, header, request::Parts};
use kit::telemetry::metrics::web::Route;

use crate::{edge::Edge, error::Failure, rpc::Rpc};

/// A method as gRPC calls it.
pub struct Native {
    /// The method.
    pub rpc: Arc<Rpc>,
    /// Its path; for logs and metrics.
    pub route: Arc<str>,
    /// How its requests are measured.
    pub measured: Route,
}

impl Native {
    /// As its path says.
    pub fn new(rpc: Arc<Rpc>) -> Self {
        Self { route: rpc.path.path().into(), measured: Route::default(), rpc }
    }
}

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Proto,
    Json,
}

impl Codec {
    fn of(name: &str) -> Option<Self> {
        match name {
            "proto" => Some(Self::Proto),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC over HTTP/2.
    Grpc,
    /// gRPC-Web, in base64 or not.
    Web { text: bool },
    /// Connect, a message in the body, or in the query of a GET.
    Connect(Codec),
    /// Connect, messages with an envelope each.
    ConnectStream(Codec),
}

impl Protocol {
    /// What a request to a method's path says of it; none where it says nothing that is known here.
    pub fn of(method: &Method, headers: &HeaderMap, query: Option<&str>) -> Option<Self> {
        if method == Method::GET {
            let query = query?;
            let value = |name: &str| {
                query
                    .split('&')
                    .find_map(|pair| pair.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')))
            };
            return Some(Self::Connect(Codec::of(value("encoding")?)?));
        }
        if method != Method::POST {
            return None;
        }
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        // Of two types each reader would take another.
        let (Some(media), None) = (types.next(), types.next()) else { return None };
        let media = media.to_str().ok()?;
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let kind = media.strip_prefix("application/")?;
        Some(match kind {
            "grpc" | "grpc+proto" => Self::Grpc,
            "grpc-web" | "grpc-web+proto" => Self::Web { text: false },
            "grpc-web-text" | "grpc-web-text+proto" => Self::Web { text: true },
            kind => match kind.strip_prefix("connect+") {
                Some(codec) => Self::ConnectStream(Codec::of(codec)?),
                None => Self::Connect(Codec::of(kind)?),
            },
        })
    }

    /// Whether no REST client speaks so, at whatever path: what it asks for must be answered in kind.
    pub fn is_certain(self) -> bool {
        !matches!(self, Self::Connect(_))
    }

    /// A failure as this protocol says it.
    pub fn refuse(self, failure: &Failure) -> Response {
        match self {
            Self::Grpc => status::grpc(failure),
            Self::Web { text } => web::refuse(failure, text),
            Self::Connect(_) => connect::refuse(failure),
            Self::ConnectStream(codec) => connect::refuse_stream(failure, codec),
        }
    }
}

/// Answers a call of a method.
pub async fn answer(
    edge: &Edge,
    native: &Native,
    protocol: Protocol,
    parts: &Parts,
    body: HttpBody,
) -> Response {
    let called = request::call(edge, &native.rpc, protocol, parts, body).await;
    let answered = match called {
        Ok(reply) => match protocol {
            Protocol::Grpc => Ok(reply.into_grpc()),
            Protocol::Web { text } => Ok(web::answer(reply, text)),
            Protocol::Connect(codec) => connect::answer(reply, codec, &native.rpc, parts).await,
            Protocol::ConnectStream(codec) => Ok(connect::stream(reply, codec, native.rpc.clone())),
        },
        Err(failure) => Err(failure),
    };
    answered.unwrap_or_else(|failure| protocol.refuse(&failure))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_protocol_is_known_by_its_media_type() {
        let of = |media: &'static str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media))]);
            Protocol::of(&Method::POST, &headers, None)
        };
        assert_eq!(of("application/grpc"), Some(Protocol::Grpc));
        assert_eq!(of("application/grpc-web+proto"), Some(Protocol::Web { text: false }));
        assert_eq!(of("application/grpc-web-text"), Some(Protocol::Web { text: true }));
        assert_eq!(of("Application/JSON; charset=utf-8"), Some(Protocol::Connect(Codec::Json)));
        assert_eq!(of("application/connect+proto"), Some(Protocol::ConnectStream(Codec::Proto)));
        for unknown in ["application/grpc+json", "application/connect+xml", "text/plain", "json", ""] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
        let mut two = HeaderMap::new();
        for media in ["application/grpc", "application/json"] {
            two.append(header::CONTENT_TYPE, HeaderValue::from_static(media));
        }
        assert_eq!(Protocol::of(&Method::POST, &two, None), None);
        let get = |query| Protocol::of(&Method::GET, &HeaderMap::new(), query);
        assert_eq!(
            get(Some("connect=v1&encoding=json&message=%7B%7D")),
            Some(Protocol::Connect(Codec::Json))
        );
        assert_eq!(get(Some("message=x")), None);
        assert_eq!(get(None), None);
    }
}
