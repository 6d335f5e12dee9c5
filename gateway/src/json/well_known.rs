//! Well-known types whose JSON is not an object of their fields.

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, Value};
use serde_json::Value as Json;

use super::{
    scalar::{Scalar, from_json, from_text as scalar_from_text, is_numeric},
    time,
};

/// What the JSON of a message looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An object of its fields.
    Object,
    /// A string of its own format.
    Text,
    /// What its only field looks like.
    Wrapper,
    /// Any JSON.
    Value,
    /// Any object.
    Struct,
    /// Any array.
    List,
    /// An object with `@type`.
    Any,
}

/// The form of a message's JSON.
pub fn form(desc: &MessageDescriptor) -> Form {
    match desc.full_name().strip_prefix("google.protobuf.") {
        Some("Timestamp" | "Duration" | "FieldMask") => Form::Text,
        Some(
            "BoolValue" | "StringValue" | "BytesValue" | "Int32Value" | "Int64Value" | "UInt32Value"
            | "UInt64Value" | "FloatValue" | "DoubleValue",
        ) => Form::Wrapper,
        Some("Value") => Form::Value,
        Some("Struct") => Form::Struct,
        Some("ListValue") => Form::List,
        Some("Any") => Form::Any,
        _ => Form::Object,
    }
}

/// Whether a wrapper's JSON can be a number.
pub fn wraps_number(desc: &MessageDescriptor) -> bool {
    wrapped(desc).is_ok_and(|field| is_numeric(&field.kind()))
}

/// Reads a message whose JSON is a scalar from that scalar.
pub fn from_scalar(desc: &MessageDescriptor, json: Scalar<'_>) -> Result<DynamicMessage, String> {
    match (form(desc), json) {
        (Form::Text, Scalar::Text(text)) => formatted(desc, text),
        (Form::Text, _) => Err(format!("expected {}", format_of(desc))),
        (Form::Wrapper, json) => {
            let field = wrapped(desc)?;
            let value = from_json(&field.kind(), json)?;
            Ok(wrap(desc, &field, value))
        }
        (Form::List, _) => Err("expected an array".to_owned()),
        _ => Err("expected an object".to_owned()),
    }
}

/// Reads a message from bare text; `None` where its JSON is no scalar.
pub fn from_text(desc: &MessageDescriptor, text: &str) -> Option<Result<DynamicMessage, String>> {
    match form(desc) {
        // A mask in a query may have either spelling of a field's name, as the rest of the query.
        Form::Text if desc.full_name() == "google.protobuf.FieldMask" => Some(formatted(desc, &camel(text))),
        Form::Text => Some(formatted(desc, text)),
        Form::Wrapper => Some(wrapped(desc).and_then(|field| {
            let value = scalar_from_text(&field.kind(), text)?;
            Ok(wrap(desc, &field, value))
        })),
        _ => None,
    }
}

/// Reads a `Value`, `Struct` or `ListValue` from JSON.
pub fn from_tree(desc: &MessageDescriptor, tree: Json) -> Result<DynamicMessage, String> {
    DynamicMessage::deserialize(desc.clone(), tree).map_err(|error| error.to_string())
}

/// The `Value` that stands for null.
pub fn null(desc: &MessageDescriptor) -> Result<DynamicMessage, String> {
    from_tree(desc, Json::Null)
}

/// Packs a message into an `Any`.
pub fn pack(
    any: &MessageDescriptor,
    type_url: String,
    message: &DynamicMessage,
) -> Result<DynamicMessage, String> {
    let mut packed = DynamicMessage::new(any.clone());
    let value = Value::Bytes(message.encode_to_vec().into());
    packed.try_set_field_by_name("type_url", Value::String(type_url)).map_err(|error| error.to_string())?;
    packed.try_set_field_by_name("value", value).map_err(|error| error.to_string())?;
    Ok(packed)
}

/// The type that an `Any`'s type URL names.
pub fn named_type(pool: &DescriptorPool, type_url: &str) -> Option<MessageDescriptor> {
    pool.get_message_by_name(type_name(type_url)?)
}

/// The name in an `Any`'s type URL.
pub fn type_name(type_url: &str) -> Option<&str> {
    type_url.rsplit_once('/').map(|(_, name)| name)
}

fn wrapped(desc: &MessageDescriptor) -> Result<FieldDescriptor, String> {
    desc.get_field_by_name("value").ok_or_else(|| format!("{} has no value", desc.full_name()))
}

fn wrap(desc: &MessageDescriptor, field: &FieldDescriptor, value: Value) -> DynamicMessage {
    let mut message = DynamicMessage::new(desc.clone());
    message.set_field(field, value);
    message
}

fn formatted(desc: &MessageDescriptor, text: &str) -> Result<DynamicMessage, String> {
    let wrong = || format!("expected {}", format_of(desc));
    let mut message = DynamicMessage::new(desc.clone());
    let mut set =
        |name: &str, value| message.try_set_field_by_name(name, value).map_err(|error| error.to_string());
    match desc.name() {
        "FieldMask" => {
            let paths = text.split(',').filter(|path| !path.is_empty());
            let paths: Option<Vec<_>> = paths.map(|path| snake(path).map(Value::String)).collect();
            set("paths", Value::List(paths.ok_or_else(wrong)?))?;
        }
        name => {
            let read = if name == "Timestamp" { time::read_timestamp } else { time::read_duration };
            let (seconds, nanos) = read(text).ok_or_else(wrong)?;
            set("seconds", Value::I64(seconds))?;
            set("nanos", Value::I32(nanos))?;
        }
    }
    Ok(message)
}

fn format_of(desc: &MessageDescriptor) -> &'static str {
    match desc.name() {
        "Timestamp" => "a time such as 2026-01-31T12:00:00Z (RFC 3339)",
        "Duration" => "a duration such as 1.5s",
        _ => "names of fields, separated by commas",
    }
}

/// Spells a path of a field mask as the proto does; nothing where it is in no lowerCamelCase.
fn snake(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len() + 4);
    for c in path.chars() {
        match c {
            '_' => return None,
            c if c.is_ascii_uppercase() => out.extend(['_', c.to_ascii_lowercase()]),
            c => out.push(c),
        }
    }
    Some(out)
}

/// Spells the names of a field mask in lowerCamelCase.
fn camel(mask: &str) -> String {
    let mut out = String::with_capacity(mask.len());
    let mut upper = false;
    for c in mask.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}
