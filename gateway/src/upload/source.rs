//! What a body of many messages is made of: lines, values, rows or pieces.

use axum::body::Body as HttpBody;
use bytes::Bytes;
use http::{HeaderValue, header, request::Parts};
use prost_reflect::MessageDescriptor;

use super::unwrapped;
use crate::{
    binding::{Binding, Body},
    draft::Draft,
    error::Failure,
    json,
    lines::Lines,
    table,
    values::Values,
};

/// What a body is made of.
pub enum Source {
    /// Lines of JSON, or the pieces of a raw body.
    Lines(Lines),
    /// Values of JSON, in an array or not.
    Values(Values),
    /// Rows of a table.
    Table(Box<table::Reader>),
}

impl Source {
    /// What a body is by its media type.
    pub async fn open(binding: &Binding, parts: &Parts, body: HttpBody) -> Result<Self, Failure> {
        if binding.body == Body::None || binding.takes_http_body() {
            return Ok(Source::Lines(Lines::pieces(body)));
        }
        let content_type =
            parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let end = content_type.iter().position(|byte| *byte == b';').unwrap_or(content_type.len());
        let (media, parameters) = content_type.split_at(end);
        let is = |name: &str| media.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        match row_type(binding) {
            _ if is("application/x-ndjson") || is("application/jsonl") => Ok(Source::Lines(Lines::new(body))),
            _ if is("application/json") => Ok(Source::Values(Values::new(body))),
            _ if is("application/json-seq") => Ok(Source::Values(Values::sequence(body))),
            Some(row) if is(table::MEDIA_TYPE) && is_utf8(parameters) => {
                let delimiter = table::delimiter_of_body(&String::from_utf8_lossy(content_type))?;
                let of = (&row, binding.rpc.reader.tables());
                Ok(Source::Table(Box::new(table::Reader::open(body, of, delimiter).await?)))
            }
            Some(_) => Err(Failure::unsupported_media_type(
                "application/x-ndjson`, `application/json` or `text/csv; charset=utf-8",
            )),
            None => Err(Failure::unsupported_media_type("application/x-ndjson` or `application/json")),
        }
    }

    /// Whether what is wrong with it is wrong with a line or row of it.
    pub fn has_rows(&self) -> bool {
        match self {
            Source::Lines(lines) => lines.split,
            Source::Values(_) | Source::Table(_) => true,
        }
    }

    /// A failure, said of the part of the body that it is about.
    pub fn at(&self, failure: Failure, number: usize) -> Failure {
        match self {
            Source::Lines(lines) if !lines.split => failure,
            Source::Lines(_) | Source::Table(_) => failure.at("line", number),
            Source::Values(_) => failure.at("element", number),
        }
    }

    /// The next message, or what is wrong with what should be one.
    pub async fn next(
        &mut self,
        binding: &Binding,
        empty: &Bytes,
        make: &impl Fn(&Bytes) -> Result<Bytes, Box<Refused>>,
    ) -> Result<Option<Result<Bytes, Box<Refused>>>, Failure> {
        match self {
            Source::Lines(lines) => match lines.next().await? {
                Some(line) if lines.split => Ok(Some(make(&unwrapped(binding, line)?))),
                Some(piece) => Ok(Some(make(&piece))),
                None => Ok(None),
            },
            Source::Values(values) => {
                let Some(value) = values.next().await? else { return Ok(None) };
                Ok(Some(make(&unwrapped(binding, value)?)))
            }
            Source::Table(table) => {
                let Some(row) = table.next().await? else { return Ok(None) };
                let mut message = Draft::new(empty.to_vec());
                let read = table.read(&row, binding.body.of(&mut message).ok_or_else(Failure::internal)?);
                let message = message.finish().into();
                Ok(Some(match read {
                    Ok(()) => Ok(message),
                    Err(failure) => Err(Refused::new(failure, message)),
                }))
            }
        }
    }
}

/// The message that a row of the body is, if it can be one.
pub fn row_type(binding: &Binding) -> Option<MessageDescriptor> {
    match &binding.body {
        Body::None => None,
        Body::Whole => Some(binding.rpc.input.clone()),
        Body::Field(field) if field.is_list() || field.is_map() => None,
        Body::Field(field) => field.kind().as_message().cloned(),
    }
    .filter(json::has_fields)
}

/// Whether a media type's parameters name no charset but UTF-8.
fn is_utf8(parameters: &[u8]) -> bool {
    parameters.split(|byte| *byte == b';').all(|parameter| {
        let text = String::from_utf8_lossy(parameter).to_ascii_lowercase();
        text.trim().strip_prefix("charset=").is_none_or(|charset| charset.trim_matches('"') == "utf-8")
    })
}

/// A line that is not what it must be.
pub struct Refused {
    pub failure: Failure,
    /// What of it can be read, by which the service may know it.
    pub known: Bytes,
}

impl Refused {
    pub fn new(failure: Failure, known: Bytes) -> Box<Self> {
        Box::new(Self { failure, known })
    }
}
