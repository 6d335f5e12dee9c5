//! `google.api.HttpBody`: bodies that are no JSON, with a type of their own. Works where the contract's
//! pool has that message; nothing here depends on it otherwise.

use bytes::Bytes;
use http::HeaderValue;
use prost_reflect::{FieldDescriptor, MessageDescriptor};

use crate::{
    fields::is_message,
    wire::{self, Malformed},
};

const NAME: &str = "google.api.HttpBody";
/// The numbers of its fields.
const CONTENT_TYPE: u32 = 1;
const DATA: u32 = 2;

/// A raw body and its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub data: Bytes,
}

/// Whether a message is an HttpBody.
pub fn is(message: &MessageDescriptor) -> bool {
    message.full_name() == NAME
}

/// Whether a field is one HttpBody.
pub fn is_field(field: &FieldDescriptor) -> bool {
    is_message(field, NAME)
}

/// Takes a request's body as it came.
pub fn read(content_type: Option<&HeaderValue>, data: Bytes) -> Raw {
    let content_type = content_type.and_then(|value| value.to_str().ok());
    Raw { content_type: content_type.unwrap_or("application/octet-stream").to_owned(), data }
}

/// Adds what is in an HttpBody.
pub fn encode(raw: &Raw, out: &mut Vec<u8>) {
    for (number, value) in [(CONTENT_TYPE, raw.content_type.as_bytes()), (DATA, &raw.data)] {
        if !value.is_empty() {
            wire::put(number, wire::Raw::Bytes(value), out);
        }
    }
}

/// Reads an answer that is an HttpBody.
pub fn get(message: &Bytes) -> Result<Raw, Malformed> {
    let content_type = match wire::last(message, CONTENT_TYPE)? {
        None | Some(b"") => "application/octet-stream",
        Some(text) => wire::utf8(text)?,
    };
    let data = wire::last(message, DATA)?.map(|data| message.slice_ref(data));
    Ok(Raw { content_type: content_type.to_owned(), data: data.unwrap_or_default() })
}

/// Reads the field of an answer that is an HttpBody.
pub fn get_field(message: &Bytes, field: &FieldDescriptor) -> Result<Raw, Malformed> {
    let body = wire::last(message, field.number())?.map(|body| message.slice_ref(body));
    get(&body.unwrap_or_default())
}
