//! Fields within fields.

use prost_reflect::{DynamicMessage, FieldDescriptor, Value};

use crate::json;

/// The message that has the last field of a path, made with all messages on the way to it where they are
/// not there yet, and that field. `None` where the path goes through something that is no message.
pub fn slot<'m, 'p>(
    mut message: &'m mut DynamicMessage,
    path: &'p [FieldDescriptor],
) -> Option<(&'m mut DynamicMessage, &'p FieldDescriptor)> {
    let (last, way) = path.split_last()?;
    for field in way {
        if field.is_list() || field.is_map() {
            return None;
        }
        message = message.get_field_mut(field).as_message_mut()?;
    }
    Some((message, last))
}

/// The field whose being set excludes a path: another choice of a oneof that the path goes through.
pub fn excluded_by(message: &DynamicMessage, path: &[FieldDescriptor]) -> Option<FieldDescriptor> {
    let (first, rest) = path.split_first()?;
    json::other_choice(message, first).or_else(|| {
        if !message.has_field(first) {
            return None;
        }
        excluded_by(message.get_field(first).as_message()?, rest)
    })
}

/// The value of the last field of a path, if it is set.
pub fn get(message: &DynamicMessage, path: &[FieldDescriptor]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    if !message.has_field(first) {
        return None;
    }
    let value = message.get_field(first);
    if rest.is_empty() { Some(value.into_owned()) } else { get(value.as_message()?, rest) }
}
