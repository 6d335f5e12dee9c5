//! Reads well-known types whose JSON is one string, and tells what the others are.

use crate::{
    json::{
        Tables, time,
        write::{
            kind::{Form, Shape},
            tables::Message,
        },
    },
    wire::{self, Raw},
};

/// What the JSON of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// An object of its fields.
    Object,
    /// A string.
    Text,
    /// What its only field's is.
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

impl Known {
    /// What it is by the table at a place.
    pub fn of(tables: &Tables, place: usize) -> Self {
        tables.messages.get(place).map_or(Self::Object, |table| match table.form {
            Form::Object | Form::Empty => Self::Object,
            Form::Timestamp | Form::Duration | Form::FieldMask => Self::Text,
            Form::Value => Self::Value,
            Form::Any => Self::Any,
            Form::First => match table.fields.first().map(|field| field.shape) {
                Some(Shape::Map) => Self::Struct,
                Some(Shape::List) => Self::List,
                Some(Shape::One) | None => Self::Wrapper,
            },
        })
    }

    /// What an error says is expected.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Text => "expected a string",
            Self::Wrapper => "expected a single value",
            Self::List => "expected an array",
            Self::Object | Self::Value | Self::Struct | Self::Any => "expected an object",
        }
    }
}

/// Adds what is in a message whose JSON is this string.
pub fn formatted(table: &Message, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let wrong = || format!("expected {}", format_of(table.form));
    let read = match table.form {
        Form::Timestamp => time::read_timestamp,
        Form::Duration => time::read_duration,
        _ => {
            for path in text.split(',').filter(|path| !path.is_empty()) {
                wire::put(1, Raw::Bytes(snake(path).ok_or_else(wrong)?.as_bytes()), out);
            }
            return Ok(());
        }
    };
    let (seconds, nanos) = read(text).ok_or_else(wrong)?;
    for (number, value) in [(1, seconds), (2, nanos.into())] {
        if value != 0 {
            wire::put(number, Raw::Varint(value as u64), out);
        }
    }
    Ok(())
}

/// What the string of a message is.
pub fn format_of(form: Form) -> &'static str {
    match form {
        Form::Timestamp => "a time such as 2026-01-31T12:00:00Z (RFC 3339)",
        Form::Duration => "a duration such as 1.5s",
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
pub fn camel(mask: &str) -> String {
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
