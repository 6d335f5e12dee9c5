//! Fields of messages: finding them by their names, and telling their kinds apart.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::json;

/// Finds the fields that a dotted path names, from a message's own field down.
pub fn field_path(message: &MessageDescriptor, path: &str) -> Result<Vec<FieldDescriptor>, String> {
    let mut fields = Vec::new();
    let mut message = Some(message.clone());
    for name in path.split('.') {
        let field = message
            .as_ref()
            .and_then(|message| message.get_field_by_name(name))
            .ok_or_else(|| format!("there is no field `{path}`"))?;
        message = match field.kind() {
            Kind::Message(next) if !field.is_list() && !field.is_map() => Some(next),
            _ => None,
        };
        fields.push(field);
    }
    Ok(fields)
}

/// A field of a message that text can set: neither repeated nor a message.
pub fn scalar_field(message: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, String> {
    let field = message.get_field_by_name(name).ok_or_else(|| format!("there is no field `{name}`"))?;
    if is_scalar(&field) { Ok(field) } else { Err(format!("`{name}` is not a scalar field")) }
}

/// Whether a field is neither repeated nor a message.
fn is_scalar(field: &FieldDescriptor) -> bool {
    !field.is_list() && !field.is_map() && field.kind().as_message().is_none()
}

/// Whether text can set a field by itself: a scalar, or one message whose JSON is text (a time, a wrapper).
pub fn has_text(field: &FieldDescriptor) -> bool {
    let single = !field.is_list() && !field.is_map();
    single && field.kind().as_message().is_none_or(json::has_text)
}

/// Whether a field is a single string.
pub fn is_text(field: &FieldDescriptor) -> bool {
    !field.is_list() && matches!(field.kind(), Kind::String)
}

/// Whether a field is a single message of a type.
pub fn is_message(field: &FieldDescriptor, name: &str) -> bool {
    !field.is_list()
        && !field.is_map()
        && field.kind().as_message().is_some_and(|kind| kind.full_name() == name)
}

/// The proto path of nested fields: `user.id`.
pub fn dotted(path: &[FieldDescriptor]) -> String {
    path.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(".")
}
