//! The messages of a WebSocket: what its frames are to the method, and its answers to the frames.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::{
    answer, base::Base, binding::Binding, edge::Edge, error::Failure, proto, request, routes::Found,
    template::Piece, upload,
};

/// Makes messages of frames, and frames of messages.
pub struct Messages {
    edge: Arc<Edge>,
    pub binding: Arc<Binding>,
    parts: Parts,
    /// Whether answers are protobuf.
    binary: bool,
}

impl Messages {
    /// Those of a call with this head.
    pub fn new(edge: Arc<Edge>, binding: Arc<Binding>, parts: Parts, binary: bool) -> Self {
        Self { edge, binding, parts, binary }
    }

    fn segments(&self) -> Vec<Piece<'_>> {
        match self.edge.routes.find(&self.binding.method, self.parts.uri.path()) {
            Found::Route(binding, segments) if Arc::ptr_eq(binding, &self.binding) => segments,
            _ => Vec::new(),
        }
    }

    /// What the path and the query say.
    fn of_head(&self) -> Result<Bytes, Failure> {
        Ok(request::make(&self.binding, &self.segments(), &self.parts, &Bytes::new())?.message)
    }

    /// Finds what is wrong with the path and the query.
    pub fn check(&self) -> Result<(), Failure> {
        self.of_head().map(|_| ())
    }

    /// The message that the path and the query are by themselves.
    pub fn empty(&self) -> Result<Bytes, Failure> {
        self.binding.rpc.complete(self.of_head()?)
    }

    /// The message that a text frame is.
    pub fn of_text(&self, text: Bytes) -> Result<Bytes, Failure> {
        upload::message(&self.binding, &self.segments(), &self.parts, &text)
    }

    /// The message that a binary frame is: protobuf, to which the path and the query are added.
    pub fn of_binary(&self, bytes: Bytes) -> Result<Bytes, Failure> {
        if self.binding.takes_http_body() {
            return self.of_text(bytes);
        }
        let mut message = proto::request(&self.binding, &bytes)?;
        // Of what stands there twice the last counts.
        message.extend_from_slice(&self.of_head()?);
        self.binding.rpc.complete(message.into())
    }

    /// The frame that an answer is.
    pub fn frame(&self, message: Bytes) -> Result<Frame, Failure> {
        if let Some(raw) = answer::raw_body(&self.binding, &message) {
            return Ok(Frame::Binary(raw?.data));
        }
        if self.binary {
            let answer = proto::answer(&self.binding, &message);
            return answer.map(Frame::Binary).map_err(|error| answer::unreadable(&self.binding.rpc, error));
        }
        let mut text = Vec::with_capacity(256 + message.len());
        text.extend_from_slice(b"{\"result\":");
        answer::write(&self.binding, &message, Base::of(&self.parts), &mut text)?;
        text.push(b'}');
        self.text(text)
    }

    /// The frame that tells a failure.
    pub fn failure(&self, failure: &Failure) -> Result<Frame, Failure> {
        self.text(failure.json(&self.binding.rpc.tables))
    }

    fn text(&self, json: Vec<u8>) -> Result<Frame, Failure> {
        String::from_utf8(json).map(|text| Frame::Text(text.into())).map_err(|_| Failure::internal())
    }
}
