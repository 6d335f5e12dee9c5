//! Whether two messages mean the same.

use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};

/// Whether two messages of a type are the same, with five liberties: NaN is NaN, zero has no sign (of one without presence
/// prost-reflect does not encode it), a `Value` of nothing is one of null, what an `Any` holds may be other bytes of the
/// same message, and what no reader knows is nothing.
pub fn same(one: &DynamicMessage, other: &DynamicMessage) -> bool {
    if one.descriptor().full_name() == "google.protobuf.Any" {
        return match (held(one), held(other)) {
            (Some(one), Some(other)) => one.descriptor() == other.descriptor() && same(&one, &other),
            (one, other) => one.is_none() && other.is_none(),
        };
    }
    let is_value = one.descriptor().full_name() == "google.protobuf.Value";
    let null = |value: &DynamicMessage| is_value && value.fields().all(|(field, _)| field.number() == 1);
    if null(one) && null(other) {
        return true;
    }
    let fields = one.descriptor().fields().all(|field| {
        // Of what is not there the default is, which of messages within themselves has no end.
        match (one.has_field(&field), other.has_field(&field)) {
            (true, true) => same_value(&one.get_field(&field), &other.get_field(&field)),
            (one, other) => one == other,
        }
    });
    fields
        && one.descriptor().extensions().all(|field| {
            match (one.has_extension(&field), other.has_extension(&field)) {
                (true, true) => same_value(&one.get_extension(&field), &other.get_extension(&field)),
                (one, other) => one == other,
            }
        })
}

fn same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::F64(one), Value::F64(other)) => one == other || one.is_nan() && other.is_nan(),
        (Value::F32(one), Value::F32(other)) => one == other || one.is_nan() && other.is_nan(),
        (Value::Message(one), Value::Message(other)) => same(one, other),
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same_value(one, other)))
        }
        (one, other) => one == other,
    }
}

/// What an `Any` holds.
fn held(any: &DynamicMessage) -> Option<DynamicMessage> {
    let url = any.get_field_by_name("type_url")?;
    let (_, name) = url.as_str()?.rsplit_once('/')?;
    let desc = any.descriptor().parent_pool().get_message_by_name(name)?;
    DynamicMessage::decode(desc, any.get_field_by_name("value")?.as_bytes()?.clone()).ok()
}
