//! Writes numbers, texts and bytes.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;

use super::{Error, Malformed, Raw, kind::Kind};
use crate::wire;

/// Writes a text in quotes.
pub fn text(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    number(text, out)
}

/// Writes what the wire has for a kind that is neither message, enum nor text.
pub fn write(kind: Kind, raw: Raw<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    match (kind, raw) {
        (Kind::Double, Raw::Fixed64(bits)) => {
            let value = f64::from_bits(bits);
            if value.is_finite() { number(value, out) } else { text(beyond(value), out) }
        }
        (Kind::Float, Raw::Fixed32(bits)) => {
            let value = f32::from_bits(bits);
            if value.is_finite() { number(value, out) } else { text(beyond(value.into()), out) }
        }
        (Kind::Bytes, Raw::Bytes(bytes)) => {
            base64(bytes, out);
            Ok(())
        }
        (Kind::Null, _) => {
            out.extend_from_slice(b"null");
            Ok(())
        }
        (Kind::Bool, Raw::Varint(value)) => number(value != 0, out),
        (kind, raw) => match integer(kind, raw)? {
            Integer::Short(value) => number(value, out),
            Integer::Signed(value) => quoted(value, out),
            Integer::Unsigned(value) => quoted(value, out),
        },
    }
}

/// The key of a map's entry. Keys are written in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key<'b> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Text(&'b str),
}

impl<'b> Key<'b> {
    /// Reads a key of a kind; that of an entry without one is the kind's default.
    pub fn read(kind: Kind, raw: Option<Raw<'b>>) -> Result<Self, Error> {
        Ok(match (kind, raw) {
            (Kind::String, None) => Key::Text(""),
            (Kind::String, Some(Raw::Bytes(text))) => Key::Text(wire::utf8(text)?),
            (Kind::Bool, None) => Key::Bool(false),
            (Kind::Bool, Some(Raw::Varint(value))) => Key::Bool(value != 0),
            (Kind::Uint64 | Kind::Fixed64, None) => Key::Unsigned(0),
            (_, None) => Key::Signed(0),
            (kind, Some(raw)) => match integer(kind, raw)? {
                Integer::Short(value) | Integer::Signed(value) => Key::Signed(value),
                Integer::Unsigned(value) => Key::Unsigned(value),
            },
        })
    }

    /// Writes it, which in JSON is a text.
    pub fn write(self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Key::Bool(value) => quoted(value, out),
            Key::Signed(value) => quoted(value, out),
            Key::Unsigned(value) => quoted(value, out),
            Key::Text(value) => text(value, out),
        }
    }
}

/// A whole number.
enum Integer {
    /// Of 32 bits: a number in JSON, too.
    Short(i64),
    Signed(i64),
    Unsigned(u64),
}

fn integer(kind: Kind, raw: Raw<'_>) -> Result<Integer, Error> {
    Ok(match (kind, raw) {
        (Kind::Int32, Raw::Varint(value)) => Integer::Short((value as i32).into()),
        (Kind::Uint32, Raw::Varint(value)) => Integer::Short((value as u32).into()),
        (Kind::Sint32, Raw::Varint(value)) => Integer::Short(zigzag((value as u32).into())),
        (Kind::Fixed32, Raw::Fixed32(value)) => Integer::Short(value.into()),
        (Kind::Sfixed32, Raw::Fixed32(value)) => Integer::Short((value as i32).into()),
        (Kind::Int64, Raw::Varint(value)) | (Kind::Sfixed64, Raw::Fixed64(value)) => {
            Integer::Signed(value as i64)
        }
        (Kind::Sint64, Raw::Varint(value)) => Integer::Signed(zigzag(value)),
        (Kind::Uint64, Raw::Varint(value)) | (Kind::Fixed64, Raw::Fixed64(value)) => Integer::Unsigned(value),
        _ => return Err(Malformed("a field has the wire type of another").into()),
    })
}

fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn beyond(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

fn quoted(value: impl Serialize, out: &mut Vec<u8>) -> Result<(), Error> {
    out.push(b'"');
    number(value, out)?;
    out.push(b'"');
    Ok(())
}

/// Writes what serde_json has a short way for.
fn number(value: impl Serialize, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(out, &value).map_err(|error| Error::Unsayable(error.to_string()))
}

fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let from = out.len();
    out.resize(from + bytes.len().div_ceil(3) * 4, 0);
    // It fits.
    let _ = BASE64_STANDARD.encode_slice(bytes, &mut out[from..]);
    out.push(b'"');
}
