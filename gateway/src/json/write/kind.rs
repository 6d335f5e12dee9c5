//! What values are, and what stands for them in JSON and on the wire.

use prost_reflect::MessageDescriptor;

use crate::{
    json::well_known,
    wire::{self, Malformed, Raw},
};

/// What the JSON of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::json) enum Form {
    /// An object of its fields.
    Object,
    /// An object without any, which an `Any` holds as a value.
    Empty,
    /// That of its first field.
    First,
    Timestamp,
    Duration,
    FieldMask,
    Value,
    Any,
}

impl Form {
    pub fn of(desc: &MessageDescriptor) -> Self {
        match (well_known::form(desc), desc.full_name()) {
            (_, "google.protobuf.Empty") => Self::Empty,
            (_, "google.protobuf.Timestamp") => Self::Timestamp,
            (_, "google.protobuf.Duration") => Self::Duration,
            (_, "google.protobuf.FieldMask") => Self::FieldMask,
            (well_known::Form::Any, _) => Self::Any,
            (well_known::Form::Value, _) => Self::Value,
            (well_known::Form::Wrapper | well_known::Form::Struct | well_known::Form::List, _) => Self::First,
            (well_known::Form::Object | well_known::Form::Text, _) => Self::Object,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::json) enum Shape {
    One,
    List,
    Map,
}

/// What a value is; of enums and messages, also where their tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::json) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Null,
    Enum(usize),
    Message(usize),
    Group(usize),
}

impl Kind {
    pub fn is_message(self) -> bool {
        matches!(self, Kind::Message(_) | Kind::Group(_))
    }

    /// Whether lists of it can be numbers side by side.
    pub fn is_packable(self) -> bool {
        !matches!(self, Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Group(_))
    }

    pub fn fits(self, raw: Raw<'_>) -> bool {
        match self {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => matches!(raw, Raw::Fixed64(_)),
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => matches!(raw, Raw::Fixed32(_)),
            Kind::String | Kind::Bytes | Kind::Message(_) => matches!(raw, Raw::Bytes(_)),
            Kind::Group(_) => matches!(raw, Raw::Group(_)),
            _ => matches!(raw, Raw::Varint(_)),
        }
    }

    /// Takes the next of several numbers that stand side by side.
    pub fn unpack<'b>(self, rest: &mut &'b [u8]) -> Result<Raw<'b>, Malformed> {
        Ok(match self {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Raw::Fixed64(wire::fixed64(rest)?),
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Raw::Fixed32(wire::fixed32(rest)?),
            _ => Raw::Varint(wire::varint(rest)?),
        })
    }
}
