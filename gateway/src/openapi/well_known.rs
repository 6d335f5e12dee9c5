//! Types of the language itself whose JSON is not an object of their fields.

use serde_json::{Value as Json, json};

/// Digits of a whole number that is not negative.
pub const NOT_BELOW_ZERO: &str = "^(0|[1-9][0-9]*)$";

/// Whole numbers of 64 bits, which JSON's own numbers cannot hold.
pub fn integer_text(format: &str) -> Json {
    let pattern = if format == "uint64" { NOT_BELOW_ZERO } else { "^(0|-?[1-9][0-9]*)$" };
    json!({"type": "string", "format": format, "pattern": pattern, "maxLength": 20})
}

/// The schemas of types whose JSON is not an object of their fields.
pub fn schema(name: &str) -> Option<Json> {
    Some(match name {
        "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
        "google.protobuf.Duration" => json!({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"}),
        "google.protobuf.FieldMask" => json!({
            "type": "string",
            "description": "Names of fields, separated by commas."
        }),
        "google.protobuf.Struct" => json!({"type": "object"}),
        "google.protobuf.Value" => json!({}),
        "google.protobuf.ListValue" => json!({"type": "array", "items": {}}),
        "google.protobuf.Any" => json!({
            "type": "object",
            "properties": {"@type": {"type": "string"}},
            "additionalProperties": true
        }),
        "google.protobuf.BoolValue" => json!({"type": ["boolean", "null"]}),
        "google.protobuf.StringValue" => json!({"type": ["string", "null"]}),
        "google.protobuf.BytesValue" => json!({"type": ["string", "null"], "contentEncoding": "base64"}),
        "google.protobuf.Int32Value" => json!({"type": ["integer", "null"], "format": "int32"}),
        "google.protobuf.UInt32Value" => {
            json!({"type": ["integer", "null"], "format": "int64", "minimum": 0})
        }
        "google.protobuf.Int64Value" => json!({"type": ["string", "null"], "format": "int64"}),
        "google.protobuf.UInt64Value" => json!({"type": ["string", "null"], "format": "uint64"}),
        "google.protobuf.FloatValue" => json!({"type": ["number", "null"], "format": "float"}),
        "google.protobuf.DoubleValue" => json!({"type": ["number", "null"], "format": "double"}),
        _ => return None,
    })
}

/// A value of such a type.
pub fn example(name: &str) -> Option<Json> {
    Some(match name {
        "google.protobuf.Timestamp" => json!("2026-03-03T09:30:00Z"),
        "google.protobuf.Duration" => json!("1.500s"),
        "google.protobuf.FieldMask" => json!("*"),
        "google.protobuf.Struct" => json!({}),
        "google.protobuf.Value" => json!(null),
        "google.protobuf.ListValue" => json!([]),
        "google.protobuf.Any" => json!({"@type": "type.googleapis.com/google.protobuf.Empty", "value": {}}),
        "google.protobuf.BoolValue" => json!(true),
        "google.protobuf.StringValue" => json!("text"),
        "google.protobuf.BytesValue" => json!("AA=="),
        "google.protobuf.Int32Value"
        | "google.protobuf.UInt32Value"
        | "google.protobuf.FloatValue"
        | "google.protobuf.DoubleValue" => json!(1),
        "google.protobuf.Int64Value" | "google.protobuf.UInt64Value" => json!("1"),
        // No type of the language, but one of every contract about money.
        "google.type.Money" => json!({"currencyCode": "EUR", "units": "12", "nanos": 990_000_000}),
        _ => return None,
    })
}
