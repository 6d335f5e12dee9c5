//! Well-known types whose JSON is not an object of their fields.

use prost_reflect::MessageDescriptor;

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

/// The name in an `Any`'s type URL.
pub fn type_name(type_url: &str) -> Option<&str> {
    type_url.rsplit_once('/').map(|(_, name)| name)
}
