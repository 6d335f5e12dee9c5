//! Scalars of proto3 JSON: what a string, a number or a bool means for a field of some kind.

use base64::{
    DecodeError, Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{EnumDescriptor, Kind, Value};

use super::{
    number::{Real, is_number, nearest, whole},
    write::is_closed,
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

/// Reads a value of a kind from JSON. The error says what is expected.
pub fn from_json(kind: &Kind, json: Scalar<'_>) -> Result<Value, String> {
    match kind {
        Kind::Double => real(json).map(Value::F64),
        Kind::Float => real(json).map(Value::F32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => integer(json).map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => integer(json).map(Value::I64),
        Kind::Uint32 | Kind::Fixed32 => integer(json).map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => integer(json).map(Value::U64),
        Kind::Bool => match json {
            Scalar::Bool(value) => Ok(Value::Bool(value)),
            _ => Err("expected true or false".to_owned()),
        },
        Kind::String => match json {
            Scalar::Text(text) => Ok(Value::String(text.to_owned())),
            _ => Err("expected a string".to_owned()),
        },
        Kind::Bytes => match json {
            Scalar::Text(text) => base64(text).map(|bytes| Value::Bytes(bytes.into())),
            _ => Err("expected a string in base64".to_owned()),
        },
        Kind::Enum(values) => enumeration(values, json).map(Value::EnumNumber),
        Kind::Message(_) => Err("expected an object".to_owned()),
    }
}

/// Reads a value of a kind from bare text, as in a path or a query: as JSON, but that nothing is quoted.
pub fn from_text(kind: &Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err("expected true or false".to_owned()),
        },
        Kind::Enum(values) if is_number(text) => {
            enumeration(values, Scalar::Number(text)).map(Value::EnumNumber)
        }
        _ => from_json(kind, Scalar::Text(text)),
    }
}

/// Whether values of a kind can be numbers in JSON.
pub fn is_numeric(kind: &Kind) -> bool {
    !matches!(kind, Kind::Bool | Kind::String | Kind::Bytes | Kind::Message(_))
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

fn enumeration(values: &EnumDescriptor, json: Scalar<'_>) -> Result<i32, String> {
    let names = || {
        let names: Vec<_> = values.values().take(20).map(|value| value.name().to_owned()).collect();
        format!("expected one of {}", names.join(", "))
    };
    match json {
        Scalar::Text("NULL_VALUE") if values.full_name() == "google.protobuf.NullValue" => Ok(0),
        Scalar::Text(name) => values.get_value_by_name(name).map(|value| value.number()).ok_or_else(names),
        Scalar::Bool(_) => Err("expected the name of an enum's value".to_owned()),
        number => {
            let number = integer(number)?;
            // To the readers of a closed enum it would not be there.
            if is_closed(values) && values.get_value(number).is_none() { Err(names()) } else { Ok(number) }
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
