//! Query parameters: fields of the request that neither the path nor the body sets, named as in JSON and
//! nested with dots: `minPrice.units=5&state=ORDER_STATE_PAID&state=ORDER_STATE_SHIPPED`. An entry of a map has its key
//! in brackets: `labels[size]=L`.

use std::collections::HashSet;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::{
    binding::{Binding, Body},
    error::Failure,
    fields::{dotted, has_text},
    json,
    percent::pairs,
    slot::{excluded_by, slot},
    table,
};

/// How many fields a parameter's name may go down.
const DEPTH_LIMIT: usize = 32;

/// Sets in a request what its query says.
pub fn apply(query: &str, binding: &Binding, message: &mut DynamicMessage) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    for pair in pairs(query) {
        let (name, text) = pair?;
        if is_of_table(binding, &name) {
            if !seen.insert(name.to_string()) {
                return Err(Failure::field(name, "given more than once"));
            }
            continue;
        }
        let (field, key) = split_key(&name);
        let path = resolve(&binding.rpc.input, field, &name)?;
        let proto = dotted(&path);
        let wrong = |description: &str| Failure::field(proto.clone(), description);
        if binding.variables.contains(&path) {
            return Err(wrong("is set by the path, not by the query"));
        }
        match &binding.body {
            Body::Whole => return Err(wrong("is set by the body, not by the query")),
            Body::Field(field) if path.first() == Some(field) => {
                return Err(wrong("is set by the body, not by the query"));
            }
            _ => {}
        }
        if let Some(other) = excluded_by(message, &path) {
            return Err(wrong(&format!("excludes `{}`", other.name())));
        }
        let (target, field) = slot(message, &path).ok_or_else(|| wrong("cannot be set by the query"))?;
        if field.is_map() {
            let set = set_entry(target, field, key, &text);
            set.map_err(|description| Failure::field(with_key(&proto, key), description))?;
            continue;
        }
        if key.is_some() {
            return Err(wrong("is no map, so it has no keys"));
        }
        let value = value(field, &text).map_err(|description| wrong(&description))?;
        if field.is_list() {
            if let Some(list) = target.get_field_mut(field).as_list_mut() {
                list.push(value);
            }
            continue;
        }
        if !seen.insert(proto.clone()) {
            return Err(wrong("given more than once"));
        }
        target.set_field(field, value);
    }
    Ok(())
}

/// Whether a parameter says how a table is to be written, and is no field of the request.
fn is_of_table(binding: &Binding, name: &str) -> bool {
    binding.answers_tables()
        && table::PARAMETERS.iter().any(|(ours, ..)| *ours == name)
        && binding.rpc.input.get_field_by_json_name(name).is_none()
}

/// A parameter's name without the key of a map's entry, and that key. What stands in the brackets is the caller's own
/// text.
fn split_key(name: &str) -> (&str, Option<&str>) {
    let split = name.strip_suffix(']').and_then(|name| name.split_once('['));
    split.map_or((name, None), |(field, key)| (field, Some(key)))
}

fn with_key(proto: &str, key: Option<&str>) -> String {
    key.map_or_else(|| proto.to_owned(), |key| format!("{proto}[{key:?}]"))
}

/// Sets one entry of a map.
fn set_entry(
    message: &mut DynamicMessage,
    field: &FieldDescriptor,
    key: Option<&str>,
    text: &str,
) -> Result<(), String> {
    let kind = field.kind();
    let entry = kind.as_message().ok_or("is no map")?;
    let of_value = entry.map_entry_value_field();
    if !has_text(&of_value) {
        return Err("cannot be set by the query".to_owned());
    }
    let key = key.ok_or_else(|| format!("is a map: `{}[key]=value` sets an entry", field.json_name()))?;
    let key = json::from_text(&entry.map_entry_key_field().kind(), key)
        .map_err(|description| format!("the key: {description}"))?;
    let key = json::map_key(key).ok_or("not a key")?;
    let value = value(&of_value, text)?;
    let map = message.get_field_mut(field).as_map_mut().ok_or("is no map")?;
    match map.insert(key, value) {
        None => Ok(()),
        Some(_) => Err("given more than once".to_owned()),
    }
}

/// Finds the fields that the name of a parameter leads to, each in either spelling.
fn resolve(
    message: &MessageDescriptor,
    name: &str,
    parameter: &str,
) -> Result<Vec<FieldDescriptor>, Failure> {
    let mut path: Vec<FieldDescriptor> = Vec::new();
    let mut message = Some(message.clone());
    for part in name.split('.') {
        let field = message
            .as_ref()
            .filter(|_| path.len() < DEPTH_LIMIT)
            .and_then(|message| {
                message.get_field_by_json_name(part).or_else(|| message.get_field_by_name(part))
            })
            .ok_or_else(|| Failure::field(parameter, "unknown query parameter"))?;
        message = match field.kind() {
            Kind::Message(next) if !field.is_list() && !field.is_map() => Some(next),
            _ => None,
        };
        path.push(field);
    }
    Ok(path)
}

/// What text means for a field: the value of it, or of an item of it.
pub fn value(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    match field.kind() {
        Kind::Message(desc) => match json::message_from_text(&desc, text) {
            Some(message) => message.map(Value::Message),
            None => Err("cannot be set by the query; its fields can".to_owned()),
        },
        kind => json::from_text(&kind, text),
    }
}
