//! Query parameters: fields of the request that neither the path nor the body sets, named as in JSON and
//! nested with dots: `minPrice.units=5&state=ORDER_STATE_PAID&state=ORDER_STATE_SHIPPED`. An entry of a map has its key
//! in brackets: `labels[size]=L`.

use std::collections::HashSet;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::{
    binding::{Binding, Body},
    draft::Draft,
    error::Failure,
    fields::{dotted, has_text},
    json::{self, Tables},
    percent::pairs,
    table,
    wire::{self, Raw},
};

/// How many fields a parameter's name may go down.
const DEPTH_LIMIT: usize = 32;

/// Sets in a request what its query says.
pub fn apply(query: &str, binding: &Binding, message: &mut Draft) -> Result<(), Failure> {
    let tables = binding.rpc.reader.tables();
    let mut seen = HashSet::new();
    for pair in pairs(query) {
        let (name, text) = pair?;
        if is_of_table(binding, &name) {
            if !seen.insert((name.to_string(), Vec::new())) {
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
        if let Some(other) = message.excluded_by(&path) {
            return Err(wrong(&format!("excludes `{}`", other.name())));
        }
        let (target, field) = message.slot(&path).ok_or_else(|| wrong("cannot be set by the query"))?;
        if field.is_map() {
            let wrong = |description: String| Failure::field(with_key(&proto, key), description);
            let (of_key, entry) = entry(tables, field, key, &text).map_err(wrong)?;
            if !seen.insert((proto.clone(), of_key)) {
                return Err(wrong("given more than once".to_owned()));
            }
            target.add(field, &entry);
            continue;
        }
        if key.is_some() {
            return Err(wrong("is no map, so it has no keys"));
        }
        let value = value(tables, field, &text).map_err(|description| wrong(&description))?;
        if field.is_list() {
            target.add(field, &value);
            continue;
        }
        if !seen.insert((proto.clone(), Vec::new())) {
            return Err(wrong("given more than once"));
        }
        target.set(field, &value);
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

/// One entry of a map: its key, and all of it.
fn entry(
    tables: &Tables,
    field: &FieldDescriptor,
    key: Option<&str>,
    text: &str,
) -> Result<(Vec<u8>, Vec<u8>), String> {
    let kind = field.kind();
    let entry = kind.as_message().ok_or("is no map")?;
    let of_value = entry.map_entry_value_field();
    if !has_text(&of_value) {
        return Err("cannot be set by the query".to_owned());
    }
    let key = key.ok_or_else(|| format!("is a map: `{}[key]=value` sets an entry", field.json_name()))?;
    let mut key = tables
        .field_of_text(&entry.map_entry_key_field(), key)
        .map_err(|description| format!("the key: {description}"))?;
    let held = [key.as_slice(), &value(tables, &of_value, text)?].concat();
    let mut whole = Vec::new();
    wire::put(field.number(), Raw::Bytes(&held), &mut whole);
    // The key that is zero is nothing, as the values are by which other parameters are known.
    key.push(0);
    Ok((key, whole))
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

/// What text means for a field, or for an item of it: the bytes of that field.
pub fn value(tables: &Tables, field: &FieldDescriptor, text: &str) -> Result<Vec<u8>, String> {
    match field.kind() {
        Kind::Message(desc) if !json::has_text(&desc) => {
            Err("cannot be set by the query; its fields can".to_owned())
        }
        _ => tables.field_of_text(field, text),
    }
}
