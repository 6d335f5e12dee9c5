//! Scalars of proto3 JSON: what a string, a number or a bool means for a field of some kind.

use base64::{
    DecodeError, Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{EnumDescriptor, Kind, Value};

/// A JSON value that is no object, array or null.
#[derive(Debug, Clone, Copy)]
pub enum Scalar<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number below zero.
    Int(i64),
    /// Any other whole number.
    UInt(u64),
    /// A number with a fraction or an exponent, or a very large one.
    Float(f64),
    /// A string.
    Text(&'a str),
}

/// Reads a value of a kind from JSON. The error says what is expected.
pub fn from_json(kind: &Kind, json: Scalar<'_>) -> Result<Value, String> {
    match kind {
        Kind::Double => float(json, f64::MAX).map(Value::F64),
        #[allow(clippy::cast_possible_truncation, reason = "its range has been checked")]
        Kind::Float => float(json, f64::from(f32::MAX)).map(|value| Value::F32(value as f32)),
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
        Kind::Enum(values) => match number(text) {
            Some(number) => enumeration(values, number).map(Value::EnumNumber),
            None => enumeration(values, Scalar::Text(text)).map(Value::EnumNumber),
        },
        _ => from_json(kind, Scalar::Text(text)),
    }
}

/// Reads a JSON number, and nothing else.
fn number(text: &str) -> Option<Scalar<'static>> {
    // JSON allows white space around a number; a quoted number has none.
    if !text.ends_with(|c: char| c.is_ascii_digit())
        || !text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
    {
        return None;
    }
    let number: serde_json::Number = serde_json::from_str(text).ok()?;
    Some(match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(value), _, _) => Scalar::UInt(value),
        (_, Some(value), _) => Scalar::Int(value),
        (_, _, value) => Scalar::Float(value?),
    })
}

/// An integer type: its range, and how it is made of the widest ones.
trait Integer: TryFrom<u64> + TryFrom<i64> {
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
    // Both bounds are exact as floats.
    const I64: std::ops::Range<f64> = -9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0;
    const U64: std::ops::Range<f64> = 0.0..18_446_744_073_709_551_616.0;
    let value = match json {
        Scalar::Int(value) => value.try_into().ok(),
        Scalar::UInt(value) => value.try_into().ok(),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within range")]
        Scalar::Float(value) if value.fract() == 0.0 => match value {
            value if I64.contains(&value) => (value as i64).try_into().ok(),
            value if U64.contains(&value) => (value as u64).try_into().ok(),
            _ => None,
        },
        Scalar::Text(text) => match number(text) {
            Some(number) => return integer(number),
            None => None,
        },
        _ => None,
    };
    value.ok_or_else(|| format!("expected {}", I::NAME))
}

fn float(json: Scalar<'_>, max: f64) -> Result<f64, String> {
    #[allow(clippy::cast_precision_loss, reason = "as JSON has it")]
    let value = match json {
        Scalar::Int(value) => Some(value as f64),
        Scalar::UInt(value) => Some(value as f64),
        Scalar::Float(value) => Some(value),
        Scalar::Text("NaN") => return Ok(f64::NAN),
        Scalar::Text("Infinity") => return Ok(f64::INFINITY),
        Scalar::Text("-Infinity") => return Ok(f64::NEG_INFINITY),
        Scalar::Text(text) => match number(text) {
            Some(number) => return float(number, max),
            None => None,
        },
        Scalar::Bool(_) => None,
    };
    value.filter(|value| value.abs() <= max).ok_or_else(|| "expected a number within range".to_owned())
}

fn enumeration(values: &EnumDescriptor, json: Scalar<'_>) -> Result<i32, String> {
    match json {
        Scalar::Text("NULL_VALUE") if values.full_name() == "google.protobuf.NullValue" => Ok(0),
        Scalar::Text(name) => values.get_value_by_name(name).map(|value| value.number()).ok_or_else(|| {
            let names: Vec<_> = values.values().take(20).map(|value| value.name().to_owned()).collect();
            format!("expected one of {}", names.join(", "))
        }),
        Scalar::Bool(_) => Err("expected the name of an enum's value".to_owned()),
        number => integer(number),
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
