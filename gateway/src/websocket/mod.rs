//! Streams over WebSockets (RFC 6455): a message a frame, in both directions, at the paths that they have anyway.
//!
//! A call passes what one over HTTP passes: the guard, the headers that are handed on, the bounds of its messages. What
//! can be refused by its head is refused in place of the handshake; what ends it afterwards is told by the code of the
//! close and, before it, by a text frame with the error that REST would answer with.

mod handshake;
mod messages;
mod over;
mod socket;

use std::sync::Arc;

use axum::{body::Body as HttpBody, response::Response};
use contracts::errors::Reason;
use http::{Method, StatusCode, header, request::Parts};
use http_body::Body as _;
use kit::{client::Client, listen::Takeover};
use tokio::time::Instant;

use self::{handshake::Handshake, messages::Messages};
use crate::{
    binding::Binding,
    edge::Edge,
    error::Failure,
    headers, metadata,
    routes::{Found, Routes},
    rpc::Rpc,
};

/// The methods of routes that a handshake, which is always a GET, may mean.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The stream that a request asks for by a WebSocket; none where it asks for none, or its path has none.
pub fn asked(edge: &Edge, parts: &Parts) -> Option<Arc<Binding>> {
    if !handshake::is_asked(parts) {
        return None;
    }
    let path = parts.uri.path();
    let route = METHODS.iter().find_map(|method| route(&edge.routes, method, path));
    let native = || {
        let native = edge.methods.get(path).filter(|native| is_stream(&native.rpc))?;
        Binding::native(native.rpc.clone()).ok().map(Arc::new)
    };
    route.cloned().or_else(native)
}

fn route<'r>(routes: &'r Routes<Arc<Binding>>, method: &Method, path: &str) -> Option<&'r Arc<Binding>> {
    match routes.find(method, path) {
        Found::Route(binding, _) if is_stream(&binding.rpc) => Some(binding),
        _ => None,
    }
}

fn is_stream(rpc: &Rpc) -> bool {
    rpc.method.is_client_streaming() || rpc.method.is_server_streaming()
}

/// Opens a WebSocket for a call.
pub async fn open(
    edge: &Arc<Edge>,
    binding: &Arc<Binding>,
    mut parts: Parts,
    body: HttpBody,
) -> Result<Response, Failure> {
    let takeover = parts.extensions.remove::<Takeover>();
    let handshake = Handshake::read(&parts, &edge.origins)?;
    if !body.is_end_stream() {
        return Err(Failure::invalid("a handshake has no body"));
    }
    let no_takeover = || Failure::new(Reason::Unimplemented, "there are no WebSockets at this port");
    let takeover = takeover.ok_or_else(no_takeover)?;
    // What it says of a body says nothing of frames.
    parts.headers.remove(header::CONTENT_TYPE);
    if let Some(token) = &handshake.token {
        parts.headers.insert(header::AUTHORIZATION, token.clone());
    }
    let admitted = edge.admit(&binding.rpc, &parts).await?;
    let timeout = headers::caller_timeout(&parts.headers);
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let metadata = metadata::of(&parts, &binding.rpc, timeout)?;
    let (answer, client) = (handshake.answer(), Client::handed_on(&parts.headers).address);
    let messages = Messages::new(edge.clone(), binding.clone(), parts, handshake.binary);
    // What the path and the query say is judged while there can be an answer.
    messages.check()?;
    let call = socket::Call { messages, metadata, deadline, patience: edge.timeout };
    let span = tracing::Span::current();
    takeover.then(client, move |io, meter| {
        tracing::Instrument::instrument(socket::serve(call, admitted, io, meter), span)
    });
    let mut response = Response::new(HttpBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = answer;
    Ok(response)
}
