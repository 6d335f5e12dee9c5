//! The wire format of protobuf: the fields of messages that are bytes, as they stand there.

use bytes::Bytes;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint};
use prost_reflect::FieldDescriptor;

use crate::fields::is_text;

/// How deep messages may be nested in an answer: as deep as prost reads them.
pub const DEPTH: u32 = 100;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no message of its type: {0}")]
pub struct Malformed(pub &'static str);

/// What a field has on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw<'b> {
    Varint(u64),
    Fixed64(u64),
    /// A text, bytes, a message, an entry of a map, or numbers side by side.
    Bytes(&'b [u8]),
    /// A message between two keys.
    Group(&'b [u8]),
    Fixed32(u32),
}

impl Raw<'_> {
    /// Whether it is what a field without presence has that is not set.
    pub fn is_zero(self) -> bool {
        match self {
            Raw::Varint(value) | Raw::Fixed64(value) => value == 0,
            Raw::Fixed32(value) => value == 0,
            Raw::Bytes(value) => value.is_empty(),
            Raw::Group(_) => false,
        }
    }
}

/// Takes the next field off a message: its number and what it has. `left` is how many levels of messages may still
/// come in this one.
pub fn next<'b>(rest: &mut &'b [u8], left: u32) -> Result<Option<(u32, Raw<'b>)>, Malformed> {
    if rest.is_empty() {
        return Ok(None);
    }
    let (number, wire) = key(rest)?;
    value(rest, number, wire, left).map(|value| Some((number, value)))
}

fn key(rest: &mut &[u8]) -> Result<(u32, WireType), Malformed> {
    decode_key(rest).map_err(|_| Malformed("a field has no key"))
}

fn value<'b>(rest: &mut &'b [u8], number: u32, wire: WireType, left: u32) -> Result<Raw<'b>, Malformed> {
    Ok(match wire {
        WireType::Varint => Raw::Varint(varint(rest)?),
        WireType::SixtyFourBit => Raw::Fixed64(fixed64(rest)?),
        WireType::LengthDelimited => {
            let length = varint(rest)?;
            Raw::Bytes(usize::try_from(length).ok().and_then(|length| rest.split_off(..length)).ok_or(SHORT)?)
        }
        WireType::StartGroup => {
            let whole = *rest;
            let left = deeper(left)?;
            loop {
                let end = whole.len() - rest.len();
                match key(rest)? {
                    (other, WireType::EndGroup) if other == number => break Raw::Group(&whole[..end]),
                    (inner, wire) => _ = value(rest, inner, wire, left)?,
                }
            }
        }
        WireType::EndGroup => return Err(Malformed("a group ends that has not begun")),
        WireType::ThirtyTwoBit => Raw::Fixed32(fixed32(rest)?),
    })
}

const SHORT: Malformed = Malformed("it ends within a field");

/// One level less.
pub fn deeper(left: u32) -> Result<u32, Malformed> {
    left.checked_sub(1).ok_or(Malformed("it is nested too deep"))
}

/// Takes a number of a variable length off bytes.
pub fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    decode_varint(rest).map_err(|_| Malformed("a number is cut off or too long"))
}

/// Takes a number of four bytes off bytes.
pub fn fixed32(rest: &mut &[u8]) -> Result<u32, Malformed> {
    let (number, after) = rest.split_first_chunk().ok_or(SHORT)?;
    *rest = after;
    Ok(u32::from_le_bytes(*number))
}

/// Takes a number of eight bytes off bytes.
pub fn fixed64(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let (number, after) = rest.split_first_chunk().ok_or(SHORT)?;
    *rest = after;
    Ok(u64::from_le_bytes(*number))
}

/// Reads a text.
pub fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"))
}

/// The bytes, text or message that a message has in a field of its own: the last that it has.
pub fn last(message: &[u8], number: u32) -> Result<Option<&[u8]>, Malformed> {
    let mut rest = message;
    let mut found = None;
    while let Some((other, value)) = next(&mut rest, DEPTH)? {
        if let (true, Raw::Bytes(bytes)) = (other == number, value) {
            found = Some(bytes);
        }
    }
    Ok(found)
}

/// The text that a message has in a field of its own; nothing where that is empty, no text, or cannot be read.
pub fn text<'b>(message: &'b [u8], field: &FieldDescriptor) -> Option<&'b str> {
    let bytes = last(message, field.number()).ok()?.filter(|_| is_text(field))?;
    utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// A message without one of its own fields.
pub fn without(message: &[u8], number: u32) -> Result<Bytes, Malformed> {
    let mut rest = message;
    let mut kept = Vec::with_capacity(message.len());
    loop {
        let from = rest;
        match next(&mut rest, DEPTH)? {
            Some((other, _)) if other != number => kept.extend_from_slice(&from[..from.len() - rest.len()]),
            Some(_) => {}
            None => return Ok(kept.into()),
        }
    }
}

/// Adds a field to a message.
pub fn put(number: u32, raw: Raw<'_>, out: &mut Vec<u8>) {
    let wire = match raw {
        Raw::Varint(_) => WireType::Varint,
        Raw::Fixed64(_) => WireType::SixtyFourBit,
        Raw::Fixed32(_) => WireType::ThirtyTwoBit,
        Raw::Bytes(_) => WireType::LengthDelimited,
        Raw::Group(_) => WireType::StartGroup,
    };
    encode_key(number, wire, out);
    if let Raw::Bytes(value) = raw {
        encode_varint(value.len() as u64, out);
    }
    put_bare(raw, out);
    if wire == WireType::StartGroup {
        encode_key(number, WireType::EndGroup, out);
    }
}

/// Adds what a field has without its key or length: a number beside others, say.
pub fn put_bare(raw: Raw<'_>, out: &mut Vec<u8>) {
    match raw {
        Raw::Varint(value) => encode_varint(value, out),
        Raw::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
        Raw::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
        Raw::Bytes(value) | Raw::Group(value) => out.extend_from_slice(value),
    }
}

/// Begins a field whose length is not known yet; what is in it begins at the end of `out` then.
pub fn begin(number: u32, is_group: bool, out: &mut Vec<u8>) {
    if is_group {
        encode_key(number, WireType::StartGroup, out);
    } else {
        encode_key(number, WireType::LengthDelimited, out);
        // Most lengths take one byte; for others what is in it is moved.
        out.push(0);
    }
}

/// Ends such a field, in which everything from `body` on is.
pub fn end(number: u32, is_group: bool, body: usize, out: &mut Vec<u8>) {
    if is_group {
        encode_key(number, WireType::EndGroup, out);
        return;
    }
    let length = out.len() - body;
    let more = encoded_len_varint(length as u64) - 1;
    if more > 0 {
        out.resize(out.len() + more, 0);
        out.copy_within(body..body + length, body + more);
    }
    encode_varint(length as u64, &mut &mut out[body - 1..body + more]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a` in field 1, a group with 7 in field 2, `b` in field 1, 9 in field 3.
    const MESSAGE: &[u8] = &[10, 1, b'a', 19, 8, 7, 20, 10, 1, b'b', 24, 9];

    #[test]
    fn of_several_values_the_last_counts_and_all_are_taken_away() {
        assert_eq!(last(MESSAGE, 1), Ok(Some(b"b".as_slice())));
        assert_eq!((last(MESSAGE, 3), last(MESSAGE, 4)), (Ok(None), Ok(None)));
        assert_eq!(without(MESSAGE, 1).unwrap(), [19, 8, 7, 20, 24, 9].as_slice());
        assert_eq!(without(MESSAGE, 4).unwrap(), MESSAGE);
    }

    #[test]
    fn what_is_cut_off_is_no_message() {
        // Between two fields it is one.
        for end in (1..MESSAGE.len()).filter(|end| ![3, 7, 10].contains(end)) {
            let cut = &MESSAGE[..end];
            assert!(last(cut, 1).is_err() && without(cut, 9).is_err(), "{end}");
        }
        for wrong in
            [&[20][..], &[19, 28], &[0, 1], &[15], &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]]
        {
            assert!(last(wrong, 1).is_err(), "{wrong:?}");
        }
    }
}
