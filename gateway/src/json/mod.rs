//! The seam between JSON and protobuf: everything that knows proto3 JSON is below this module, and nothing
//! else depends on how it is done.
//!
//! Requests are read strictly: unknown fields, repeated fields (in either spelling), wrong types, numbers
//! out of range and messages nested too deep are errors that name the field by its proto path.

mod any;
mod bounds;
mod collections;
mod decode;
mod field;
mod member;
mod number;
mod path;
mod required;
mod scalar;
mod style;
mod time;
mod tree;
mod well_known;
mod write;

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

use self::well_known::Form;
pub use self::{
    bounds::Bounds,
    collections::map_key,
    member::other_choice,
    path::At,
    required::Required,
    scalar::from_text,
    style::{Defaults, EnumValues, FieldNames, Style},
    write::{Error as WriteError, Tables, Writer},
};

/// How deep messages may be nested: what every protobuf implementation decodes.
pub const DEPTH_LIMIT: u32 = 99;

/// Why JSON was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// It is not JSON at all.
    Syntax(String),
    /// A field is not what it must be.
    Field(BadField),
    /// A field breaks a rule of the contract.
    Rule(BadField),
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadField {
    /// The field's proto path: `lines[0].quantity`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// A decoded JSON text.
#[derive(Debug)]
pub struct Decoded<T> {
    /// What it says.
    pub value: T,
    /// The numbers of the fields that its outermost object names, in order; those that are null, too.
    pub named: Vec<u32>,
}

/// Reads a message whose lists and maps keep to their bounds: what is beyond them is never made.
pub fn decode(
    desc: &MessageDescriptor,
    json: &[u8],
    bounds: &Bounds,
) -> Result<Decoded<DynamicMessage>, Error> {
    decode::message(desc, json, bounds)
}

/// Reads the value of one field of a message; `None` where the JSON is null.
pub fn decode_field(
    field: &FieldDescriptor,
    json: &[u8],
    bounds: &Bounds,
) -> Result<Decoded<Option<Value>>, Error> {
    decode::field(field, json, bounds)
}

/// Reads a message of a well-known type from its JSON string, as a query parameter gives it. `None` where
/// its JSON is not a string, number or bool.
pub fn message_from_text(desc: &MessageDescriptor, text: &str) -> Option<Result<DynamicMessage, String>> {
    well_known::from_text(desc, text)
}

/// Whether a message's JSON is a string, number or bool, so that a query parameter can be one.
pub fn has_text(desc: &MessageDescriptor) -> bool {
    matches!(well_known::form(desc), Form::Text | Form::Wrapper)
}

/// The kind of what a wrapper's JSON is.
pub fn wrapped_kind(desc: &MessageDescriptor) -> Option<prost_reflect::Kind> {
    let wrapped = desc.get_field_by_name("value").filter(|_| well_known::form(desc) == Form::Wrapper)?;
    Some(wrapped.kind())
}

/// Whether a message's JSON is an object of its fields.
pub fn has_fields(desc: &MessageDescriptor) -> bool {
    well_known::form(desc) == Form::Object
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub use tests::{encode, test_pool};
