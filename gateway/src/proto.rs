//! Bodies and answers as protobuf instead of JSON, for who asks for it: `application/x-protobuf`.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::{
    accept,
    binding::{Binding, Body},
    error::Failure,
    merge,
    wire::{self, DEPTH, Malformed, Raw},
};

/// What answers are called.
pub const MEDIA_TYPE: &str = "application/x-protobuf";
/// What requests may call it as well.
const NAMES: [&str; 2] = [MEDIA_TYPE, "application/protobuf"];
/// How many values a body may have, as many as in JSON: each may take hundreds of bytes, and be written by two.
const MOST: usize = 20_000;

/// How much protobuf is wanted as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Not at all, or less than JSON.
    Less,
    /// As much as JSON, or more.
    More,
    /// And JSON not at all.
    Only,
}

/// What `Accept` says of it.
pub fn wanted(headers: &HeaderMap) -> Wanted {
    let mut lines = headers.get_all(header::ACCEPT).iter();
    // Nearly nobody asks for it, and nobody without its name.
    if !lines.any(|line| line.as_bytes().windows(8).any(|part| part.eq_ignore_ascii_case(b"protobuf"))) {
        return Wanted::Less;
    }
    let ranges = accept::ranges(headers);
    let proto = NAMES.iter().filter_map(|name| accept::wish(&ranges, name)).filter(|wish| wish.named).max();
    match (proto, accept::wish(&ranges, "application/json")) {
        (None, _) => Wanted::Less,
        (Some(_), None) => Wanted::Only,
        (Some(proto), Some(json)) if proto >= json => Wanted::More,
        (Some(_), Some(_)) => Wanted::Less,
    }
}

/// Whether a request's body is protobuf.
pub fn is(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let only = |first: &HeaderValue| NAMES.iter().any(|name| merge::is(first, name));
    types.next().is_some_and(only) && types.next().is_none()
}

/// The message of a method, as far as a body makes it that is protobuf: what the body is in JSON, it is here.
pub fn request(binding: &Binding, body: &[u8]) -> Result<Vec<u8>, Failure> {
    let (kind, field) = match &binding.body {
        Body::Whole => (Some(binding.rpc.input.clone()), None),
        Body::Field(field) => (message_of(field), Some(field)),
        Body::None => return Err(Failure::invalid("this method takes no body")),
    };
    let kind =
        kind.ok_or_else(|| Failure::invalid("the body of this method is no message: it is JSON alone"))?;
    let wrong = |malformed: Malformed| Failure::invalid(malformed.to_string());
    let mut left = MOST;
    count(&kind, body, DEPTH, &mut left).map_err(wrong)?;
    let mut message = Vec::with_capacity(body.len() + 16);
    match field {
        Some(field) if field.is_group() => wire::put(field.number(), Raw::Group(body), &mut message),
        Some(field) => wire::put(field.number(), Raw::Bytes(body), &mut message),
        None => message.extend_from_slice(body),
    }
    binding.rpc.reader.check(&message).map_err(wrong)?;
    Ok(message)
}

/// The bytes that answer for a message: what the answer is in JSON, where that is a message.
pub fn answer(binding: &Binding, message: &Bytes) -> Result<Bytes, Malformed> {
    match binding.response_body.as_ref().filter(|field| message_of(field).is_some()) {
        None => Ok(message.clone()),
        Some(field) => {
            let part = wire::last(message, field.number())?;
            Ok(part.map(|part| message.slice_ref(part)).unwrap_or_default())
        }
    }
}

/// The message that a field is, if it is one.
fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().filter(|_| !field.is_list() && !field.is_map()).cloned()
}

/// Counts the values of a message, which may be too many.
fn count(kind: &MessageDescriptor, message: &[u8], depth: u32, left: &mut usize) -> Result<(), Malformed> {
    let mut rest = message;
    while let Some((number, raw)) = wire::next(&mut rest, depth)? {
        let field = kind.get_field(number);
        let values = match (field.as_ref(), raw) {
            (Some(field), Raw::Bytes(packed)) if field.is_list() => values(&field.kind(), packed),
            _ => 1,
        };
        *left = left.checked_sub(values).ok_or(Malformed("it has too many values"))?;
        if let (Some(Kind::Message(kind)), Raw::Bytes(message) | Raw::Group(message)) =
            (field.map(|field| field.kind()), raw)
        {
            count(&kind, message, wire::deeper(depth)?, left)?;
        }
    }
    Ok(())
}

/// How many values of a kind stand side by side, at most.
fn values(kind: &Kind, packed: &[u8]) -> usize {
    match kind {
        Kind::String | Kind::Bytes | Kind::Message(_) => 1,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => packed.len() / 8,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => packed.len() / 4,
        // A number ends with a byte without the highest bit.
        _ => packed.iter().filter(|byte| **byte < 0x80).count(),
    }
}

#[cfg(test)]
mod tests {
    use prost::encoding::{WireType, encode_key, encode_varint};

    use super::*;

    #[test]
    fn protobuf_is_answered_to_who_names_it() {
        let of = |accept: &'static str| {
            wanted(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        for (accept, much) in [
            ("application/x-protobuf", Wanted::Only),
            ("application/x-protobuf, application/json;q=0", Wanted::Only),
            ("Application/Protobuf, application/json", Wanted::More),
            ("application/x-protobuf;q=0.9, */*;q=0.5", Wanted::More),
            ("application/x-protobuf;q=0.5, application/json", Wanted::Less),
            ("application/x-protobuf;q=0", Wanted::Less),
            ("application/*", Wanted::Less),
            ("*/*", Wanted::Less),
        ] {
            assert_eq!(of(accept), much, "{accept}");
        }
        assert_eq!(wanted(&HeaderMap::new()), Wanted::Less);
    }

    #[test]
    fn what_a_little_would_make_much_of_is_refused() {
        let kind = crate::json::test_pool().get_message_by_name("library.v1.Everything").unwrap();
        let number = |name: &str| kind.get_field_by_name(name).unwrap().number();
        let check = |message: &[u8]| {
            let mut left = MOST;
            count(&kind, message, DEPTH, &mut left)
        };
        let many = |name: &str, count: usize| {
            let mut one = Vec::new();
            encode_key(number(name), WireType::LengthDelimited, &mut one);
            one.push(0);
            one.repeat(count)
        };
        assert!(check(&many("parts", MOST)).is_ok() && check(&many("parts", MOST + 1)).is_err());
        assert!(check(&many("words", MOST + 1)).is_err());
        let packed = |count: usize| {
            let mut all = Vec::new();
            encode_key(number("kinds"), WireType::LengthDelimited, &mut all);
            encode_varint(count as u64, &mut all);
            all.extend(std::iter::repeat_n(1, count));
            all
        };
        assert!(check(&packed(MOST)).is_ok() && check(&packed(MOST + 1)).is_err());
        let mut deep = Vec::new();
        for _ in 0..200 {
            let mut outer = Vec::new();
            encode_key(number("nested"), WireType::LengthDelimited, &mut outer);
            encode_varint(deep.len() as u64, &mut outer);
            outer.extend_from_slice(&deep);
            deep = outer;
        }
        assert!(check(&deep).is_err(), "too deep");
    }
}
