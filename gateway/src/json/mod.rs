//! The seam between JSON and protobuf: everything that knows proto3 JSON is below this module, and nothing
//! else depends on how it is done.
//!
//! Messages are never objects here: JSON is read into their bytes, and written from these, by tables made from their
//! descriptors once ([`Tables`]).
//!
//! Requests are read strictly: unknown fields, repeated fields (in either spelling), wrong types, numbers
//! out of range and messages nested too deep are errors that name the field by its proto path.

mod bounds;
mod number;
mod path;
mod read;
mod required;
mod style;
mod time;
mod well_known;
mod write;

use prost_reflect::MessageDescriptor;

use self::{bounds::Bounds, path::At, well_known::Form};
pub use self::{
    read::Reader,
    required::Required,
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
