//! Writes the messages of a stream, and the failure that ends it.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, future, stream};
use serde_json::Value as Json;

use super::{Format, keep_alive};
use crate::{answer, base::Base, binding::Binding, error::Failure, table};

/// What an event stream begins with: the milliseconds after which a reader whose stream broke comes back.
const RETRY: &str = "retry: 2000\n\n";

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
            Format::Events => Some(Bytes::from(RETRY)),
            _ => self.table.as_ref().map(|table| Bytes::from(table.header())),
        };
        let first = first.filter(|first| !first.is_empty()).map(Ok);
        let written = messages.scan(false, move |failed, message| {
            if *failed {
                return future::ready(None);
            }
            let chunk = match message.and_then(|message| self.chunk(&message)) {
                Ok(chunk) => Some(Ok(chunk)),
                Err(failure) => {
                    *failed = true;
                    Some(self.failure(&failure))
                }
            };
            future::ready(chunk)
        });
        let first = stream::iter(first);
        match format {
            Format::Events => Body::from_stream(first.chain(keep_alive(written, b":\n\n"))),
            // An empty line is none, to who reads lines of JSON or a table.
            Format::Lines => Body::from_stream(first.chain(keep_alive(written, b"\n"))),
            Format::Table(_) => Body::from_stream(first.chain(keep_alive(written, b"\r\n"))),
            // Any byte would count.
            Format::Raw => Body::from_stream(first.chain(written)),
        }
    }

    /// The failure that ends the stream.
    fn failure(&self, failure: &Failure) -> Result<Bytes, &'static str> {
        tracing::debug!(path = %self.binding.rpc.path, status = %failure.http(), "stream failed");
        let json = failure.json(&self.binding.rpc.tables);
        match self.format {
            Format::Lines => Ok([json.as_slice(), b"\n"].concat().into()),
            Format::Events => Ok(event("error", None, &json)),
            // Bytes and rows have no place for an error: breaking off is the only sign.
            Format::Raw | Format::Table(_) => Err("the stream broke off"),
        }
    }

    /// A message as it goes out.
    fn chunk(&self, message: &Bytes) -> Result<Bytes, Failure> {
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
