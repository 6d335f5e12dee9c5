//! Reads the options of a contract (`google.api.http` and the like) by name, so that a pool which lacks
//! one simply has none of it.

use std::borrow::Cow;

use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage as _, Value};

/// The value of an extension of some options message, if the pool knows it and it is set.
pub fn extension<'m>(
    options: &'m DynamicMessage,
    pool: &DescriptorPool,
    name: &str,
) -> Option<Cow<'m, Value>> {
    let extension = pool.get_extension_by_name(name)?;
    options.has_extension(&extension).then(|| options.get_extension(&extension))
}

/// [`extension`], where it is a message.
pub fn message(options: &DynamicMessage, pool: &DescriptorPool, name: &str) -> Option<DynamicMessage> {
    extension(options, pool, name)?.as_message().cloned()
}

/// A string field; empty where it is not set or not there.
pub fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A bool field; false where it is not set or not there.
pub fn flag(message: &DynamicMessage, field: &str) -> bool {
    message.get_field_by_name(field).and_then(|value| value.as_bool()).unwrap_or_default()
}

/// The elements of a repeated field.
pub fn list(message: &DynamicMessage, field: &str) -> Vec<Value> {
    message.get_field_by_name(field).and_then(|value| value.as_list().map(<[_]>::to_vec)).unwrap_or_default()
}

/// A field that is set, whatever its type.
pub fn set(message: &DynamicMessage, field: &str) -> Option<Value> {
    let field = message.descriptor().get_field_by_name(field)?;
    message.has_field(&field).then(|| message.get_field(&field).into_owned())
}
