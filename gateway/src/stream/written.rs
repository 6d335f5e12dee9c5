//! Writes the messages of a stream, and the failure that ends it.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use serde_json::Value as Json;

use super::{Format, keep_alive};
use crate::{answer, base::Base, binding::Binding, error::Failure, table};

/// What an event stream begins with: the milliseconds after which a reader whose stream broke comes back.
const RETRY: &[u8] = b"retry: 2000\n\n";
/// Why an answer breaks off.
const BROKEN: &str = "the stream broke off";

/// A piece of the answer; an error breaks it off.
type Chunk = Result<Bytes, &'static str>;

/// What comes next of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Its first message.
    First,
    /// Another.
    More,
    /// The end of an answer that is not whole.
    BreakOff,
    /// Nothing.
    End,
}

/// How the messages of a stream are written.
pub struct Written {
    pub format: Format,
    pub binding: Arc<Binding>,
    pub base: Base,
    /// Writes the rows of a table.
    pub table: Option<table::Writer>,
}

impl Written {
    /// Writes messages until the first failure, which is written too.
    pub fn body(self, messages: impl Stream<Item = Result<Bytes, Failure>> + Send + 'static) -> Body {
        let format = self.format;
        let first = match format {
            Format::Events => Some(Bytes::from_static(RETRY)),
            Format::Array => Some(Bytes::from_static(b"[")),
            _ => self.table.as_ref().map(|table| Bytes::from(table.header())),
        };
        let first = stream::iter(first.filter(|first| !first.is_empty()).map(Ok));
        let written = self.written(messages);
        match nothing(format) {
            Some(nothing) => Body::from_stream(first.chain(keep_alive(written, nothing))),
            None => Body::from_stream(first.chain(written)),
        }
    }

    /// The messages as they go out, and what ends them.
    fn written(
        self,
        messages: impl Stream<Item = Result<Bytes, Failure>> + Send + 'static,
    ) -> impl Stream<Item = Chunk> + Send + 'static {
        let state = (self, Box::pin(messages), Next::First);
        stream::unfold(state, |(written, mut messages, next)| async move {
            let (chunk, next) = match next {
                Next::First | Next::More => match messages.next().await {
                    Some(message) => match message.and_then(|message| written.chunk(&message, next)) {
                        Ok(chunk) => (Ok(chunk), Next::More),
                        Err(failure) => written.failure(&failure),
                    },
                    None if written.format == Format::Array => (Ok(Bytes::from_static(b"\n]\n")), Next::End),
                    None => return None,
                },
                Next::BreakOff => {
                    // Lets the connection write what says why.
                    tokio::task::yield_now().await;
                    (Err(BROKEN), Next::End)
                }
                Next::End => return None,
            };
            Some((chunk, (written, messages, next)))
        })
        // What compresses it asks again after its end.
        .fuse()
    }

    /// The failure that ends the stream.
    fn failure(&self, failure: &Failure) -> (Chunk, Next) {
        tracing::debug!(path = %self.binding.rpc.path, status = %failure.http(), "stream failed");
        let json = || failure.json(&self.binding.rpc.tables);
        match self.format {
            Format::Lines => (Ok([&json()[..], b"\n"].concat().into()), Next::End),
            Format::Sequence => (Ok([b"\x1e", &json()[..], b"\n"].concat().into()), Next::End),
            Format::Events => (Ok(event("error", None, &json())), Next::End),
            // No element of the array, which never ends: whoever reads it to its end cannot take it for a whole one, also
            // where the break is not to be seen (HTTP/1.0).
            Format::Array => (Ok([b"\n", &json()[..], b"\n"].concat().into()), Next::BreakOff),
            // Bytes and rows have no place for an error: breaking off is the only sign.
            Format::Raw | Format::Table(_) => (Err(BROKEN), Next::End),
        }
    }

    /// A message as it goes out.
    fn chunk(&self, message: &Bytes, next: Next) -> Result<Bytes, Failure> {
        let binding = &*self.binding;
        match (self.format, &self.table) {
            (Format::Raw, _) => {
                let raw = answer::raw_body(binding, message).transpose()?;
                Ok(raw.map(|raw| raw.data).unwrap_or_default())
            }
            (Format::Table(_), Some(table)) => {
                let json = answer::canonical(binding, message, &self.base)?;
                Ok(table.row(&parsed(&json)?).into())
            }
            (Format::Lines | Format::Table(_), _) => {
                let mut line = self.json(b"{\"result\":", message)?;
                line.extend_from_slice(b"}\n");
                Ok(line.into())
            }
            (Format::Sequence, _) => {
                let mut text = self.json(b"\x1e{\"result\":", message)?;
                text.extend_from_slice(b"}\n");
                Ok(text.into())
            }
            // Each on a line of its own, and whole where that ends: nobody waits for the comma of the next.
            (Format::Array, _) => {
                let before: &[u8] = if next == Next::First { b"\n" } else { b",\n" };
                Ok(self.json(before, message)?.into())
            }
            (Format::Events, _) => {
                let json = self.json(b"", message)?;
                Ok(event("message", self.event_id(message)?.as_deref(), &json))
            }
        }
    }

    /// A message's JSON, with something before it.
    fn json(&self, before: &[u8], message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut json = Vec::with_capacity(256);
        json.extend_from_slice(before);
        answer::write(&self.binding, message, &self.base, &mut json)?;
        Ok(json)
    }

    /// The id of a message's event.
    fn event_id(&self, message: &[u8]) -> Result<Option<String>, Failure> {
        let Some(field) = &self.binding.rpc.event_id else { return Ok(None) };
        let mut json = Vec::new();
        let written = self.binding.rpc.canonical.field(field.number(), message, None, &mut json);
        written.map_err(|_| Failure::internal())?;
        Ok(match parsed(&json)? {
            Json::Null => None,
            Json::String(text) => Some(text),
            other => Some(other.to_string()),
        })
    }
}

/// What says nothing in a format, where there is such a thing.
fn nothing(format: Format) -> Option<&'static [u8]> {
    match format {
        Format::Events => Some(b":\n\n"),
        // An empty line is none, to who reads lines of JSON; and white space between the elements of an array.
        Format::Lines | Format::Array => Some(b"\n"),
        // Several of them are one (RFC 7464, 2.1).
        Format::Sequence => Some(b"\x1e"),
        Format::Table(_) => Some(b"\r\n"),
        // Any byte would count.
        Format::Raw => None,
    }
}

fn parsed(json: &[u8]) -> Result<Json, Failure> {
    serde_json::from_slice(json).map_err(|_| Failure::internal())
}

/// One server-sent event. JSON as it is written here has no line breaks.
fn event(name: &str, id: Option<&str>, json: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(json.len() + 64);
    if let Some(id) = id.filter(|id| !id.contains(['\r', '\n', '\0'])) {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    out.extend_from_slice(format!("event: {name}\ndata: ").as_bytes());
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
    out.into()
}
