//! Scalars of proto3 JSON: what a string, a number or a bool is on the wire in a field of some kind.

use base64::{
    DecodeError, Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::{
    json::{
        Tables,
        number::{Real, is_number, nearest, whole},
        write::kind::Kind,
    },
    wire::Raw,
};

/// A JSON value that is no object, array or null.
#[derive(Debug, Clone, Copy)]
pub enum Scalar<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(&'a str),
    /// A string.
    Text(&'a str),
}

/// Reads a value of a kind from JSON; bytes are put into `buffer`. The error says what is expected.
pub fn from_json<'a>(
    tables: &Tables,
    kind: Kind,
    json: Scalar<'a>,
    buffer: &'a mut Vec<u8>,
) -> Result<Raw<'a>, String> {
    Ok(match kind {
        Kind::Double => Raw::Fixed64(real::<f64>(json)?.to_bits()),
        Kind::Float => Raw::Fixed32(real::<f32>(json)?.to_bits()),
        // A negative number is as long as one of 64 bits.
        Kind::Int32 => Raw::Varint(i64::from(integer::<i32>(json)?) as u64),
        Kind::Sint32 => {
            let value = integer::<i32>(json)?;
            Raw::Varint(((value << 1) ^ (value >> 31)) as u32 as u64)
        }
        Kind::Sfixed32 => Raw::Fixed32(integer::<i32>(json)? as u32),
        Kind::Int64 => Raw::Varint(integer::<i64>(json)? as u64),
        Kind::Sint64 => {
            let value = integer::<i64>(json)?;
            Raw::Varint(((value << 1) ^ (value >> 63)) as u64)
        }
        Kind::Sfixed64 => Raw::Fixed64(integer::<i64>(json)? as u64),
        Kind::Uint32 => Raw::Varint(integer::<u32>(json)?.into()),
        Kind::Fixed32 => Raw::Fixed32(integer(json)?),
        Kind::Uint64 => Raw::Varint(integer(json)?),
        Kind::Fixed64 => Raw::Fixed64(integer(json)?),
        Kind::Bool => match json {
            Scalar::Bool(value) => Raw::Varint(value.into()),
            _ => return Err("expected true or false".to_owned()),
        },
        Kind::String => match json {
            Scalar::Text(text) => Raw::Bytes(text.as_bytes()),
            _ => return Err("expected a string".to_owned()),
        },
        Kind::Bytes => match json {
            Scalar::Text(text) => {
                *buffer = base64(text)?;
                Raw::Bytes(buffer)
            }
            _ => return Err("expected a string in base64".to_owned()),
        },
        Kind::Null | Kind::Enum(_) => Raw::Varint(i64::from(enumeration(tables, kind, json)?) as u64),
        Kind::Message(_) | Kind::Group(_) => return Err("expected an object".to_owned()),
    })
}

/// Reads a value of a kind from bare text, as in a path or a query: as JSON, but that nothing is quoted.
pub fn from_text<'a>(
    tables: &Tables,
    kind: Kind,
    text: &'a str,
    buffer: &'a mut Vec<u8>,
) -> Result<Raw<'a>, String> {
    let json = match (kind, text) {
        (Kind::Bool, "true") => Scalar::Bool(true),
        (Kind::Bool, "false") => Scalar::Bool(false),
        (Kind::Null | Kind::Enum(_), number) if is_number(number) => Scalar::Number(number),
        (_, text) => Scalar::Text(text),
    };
    from_json(tables, kind, json, buffer)
}

/// Whether values of a kind can be numbers in JSON.
pub fn is_numeric(kind: Kind) -> bool {
    !matches!(kind, Kind::Bool | Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Group(_))
}

/// An integer type, and its range.
trait Integer: TryFrom<i128> {
    const NAME: &'static str;
}
impl Integer for i32 {
    const NAME: &'static str = "a whole number from -2147483648 to 2147483647";
}
impl Integer for i64 {
    const NAME: &'static str = "a whole number from -9223372036854775808 to 9223372036854775807";
}
impl Integer for u32 {
    const NAME: &'static str = "a whole number from 0 to 4294967295";
}
impl Integer for u64 {
    const NAME: &'static str = "a whole number from 0 to 18446744073709551615";
}

fn integer<I: Integer>(json: Scalar<'_>) -> Result<I, String> {
    let value = match json {
        Scalar::Number(text) => whole(text),
        Scalar::Text(text) if is_number(text) => whole(text),
        Scalar::Text(_) | Scalar::Bool(_) => None,
    };
    value.and_then(|value| value.try_into().ok()).ok_or_else(|| format!("expected {}", I::NAME))
}

fn real<F: Real>(json: Scalar<'_>) -> Result<F, String> {
    let value = match json {
        Scalar::Number(text) => nearest(text),
        Scalar::Text("NaN") => Some(F::NAN),
        Scalar::Text("Infinity") => Some(F::INFINITY),
        Scalar::Text("-Infinity") => Some(F::MINUS_INFINITY),
        Scalar::Text(text) if is_number(text) => nearest(text),
        Scalar::Text(_) | Scalar::Bool(_) => None,
    };
    value.ok_or_else(|| "expected a number within range".to_owned())
}

fn enumeration(tables: &Tables, kind: Kind, json: Scalar<'_>) -> Result<i32, String> {
    let names = || match kind {
        Kind::Enum(place) => tables.names.expected(place),
        _ => "expected one of NULL_VALUE".to_owned(),
    };
    match (json, kind) {
        (Scalar::Text(name), Kind::Enum(place)) => tables.names.number(place, name).ok_or_else(names),
        (Scalar::Text("NULL_VALUE"), _) => Ok(0),
        (Scalar::Text(_), _) => Err(names()),
        (Scalar::Bool(_), _) => Err("expected the name of an enum's value".to_owned()),
        (number, kind) => {
            let number = integer(number)?;
            match kind {
                // To the readers of a closed enum it would not be there.
                Kind::Enum(place) if !tables.has_number(place, number) => Err(names()),
                _ => Ok(number),
            }
        }
    }
}

/// Reads base64 in the standard or the URL-safe alphabet, with or without padding.
fn base64(text: &str) -> Result<Vec<u8>, String> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
    match STANDARD.decode(text) {
        Err(DecodeError::InvalidByte(_, b'-' | b'_')) => URL_SAFE.decode(text),
        decoded => decoded,
    }
    .map_err(|_| "expected base64".to_owned())
}
