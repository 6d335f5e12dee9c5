//! Update masks (AIP-134, AIP-161): the paths of what a body names, down to its leaves.
//!
//! A leaf is changed as a whole: a scalar, a list, a map, a type whose JSON is not an object of its fields, and a value
//! of `google.type` (money, a date). The latter because JSON leaves out what is zero in it: an amount of 13 without
//! `nanos` is 13.00, whatever the amount was before. Of any other message its fields are changed one by one, so that
//! what a body does not name stays.

use std::fmt;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::{
    binding::{Binding, Body},
    draft::Draft,
    error::Failure,
    fields::dotted,
    json,
    wire::{self, Raw},
};

/// Paths that a mask made here may have: a message that contains itself has more than anybody needs.
const MOST: usize = 1_000;
/// The number of a mask's paths.
const PATHS: u32 = 1;

/// The message that a field holds, where its fields are changed one by one.
pub fn parts(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    if field.is_list() || field.is_map() {
        return None;
    }
    let Kind::Message(message) = field.kind() else { return None };
    // What has no fields says all by being there.
    let whole = message.package_name() == "google.type" || message.fields().len() == 0;
    (!whole && json::has_fields(&message)).then_some(message)
}

/// The field of a message that a name in JSON means, in either spelling.
pub fn named(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
}

/// Fills the mask that the caller of an update did not give with what the body names: not what the path sets, nor
/// the etag, which is a condition and no change. `numbers` are those of the fields that the body has at its top.
pub fn fill(binding: &Binding, message: &mut Draft, numbers: &[u32], body: &[u8]) -> Result<(), Failure> {
    let (Some(mask), Body::Field(resource)) = (&binding.update_mask, &binding.body) else { return Ok(()) };
    let kind = resource.kind();
    let Some(kind) = kind.as_message().filter(|_| !numbers.is_empty() && !message.has(mask)) else {
        return Ok(());
    };
    let mut paths = leaves(kind, numbers, body).map_err(|error| Failure::field(mask.name(), error))?;
    let prefix = format!("{}.", resource.name());
    let by_path: Vec<String> = binding
        .variables
        .iter()
        .filter_map(|path| Some(dotted(path).strip_prefix(&prefix)?.to_owned()))
        .collect();
    paths.retain(|path| path != "etag" && !by_path.contains(path));
    leave_out_empty(message.within(resource), kind, &[paths.as_slice(), by_path.as_slice()].concat());
    if paths.is_empty() {
        return Ok(());
    }
    let (mut all, mut set) = (Vec::new(), Vec::new());
    for path in &paths {
        wire::put(PATHS, Raw::Bytes(path.as_bytes()), &mut all);
    }
    wire::put(mask.number(), Raw::Bytes(&all), &mut set);
    message.set(mask, &set);
    Ok(())
}

/// Takes away the messages of a resource in which nothing is named: a service that gets no mask changes what is set,
/// and would empty them.
fn leave_out_empty(resource: Option<&mut Draft>, kind: &MessageDescriptor, paths: &[String]) {
    let Some(resource) = resource else { return };
    for field in kind.fields().filter(|field| parts(field).is_some()) {
        let within = |path: &String| {
            path.strip_prefix(field.name()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !paths.iter().any(within) {
            resource.clear(&field);
        }
    }
}

/// The paths of the leaves that a resource's JSON names, which was read before.
fn leaves(resource: &MessageDescriptor, numbers: &[u32], json: &[u8]) -> Result<Vec<String>, String> {
    let fields: Vec<_> = numbers.iter().filter_map(|number| resource.get_field(*number)).collect();
    let mut paths = Vec::new();
    if fields.iter().all(|field| parts(field).is_none()) {
        paths.extend(fields.iter().map(|field| field.name().to_owned()));
        return Ok(paths);
    }
    let top = Object { message: resource, path: String::new(), paths: &mut paths };
    top.deserialize(&mut serde_json::Deserializer::from_slice(json)).map_err(|error| error.to_string())?;
    Ok(paths)
}

/// Reads the names of a message's JSON.
struct Object<'a> {
    message: &'a MessageDescriptor,
    /// Its own path; empty for the resource.
    path: String,
    paths: &'a mut Vec<String>,
}

impl Object<'_> {
    fn add<E: serde::de::Error>(&mut self, path: String) -> Result<(), E> {
        if self.paths.len() >= MOST {
            return Err(E::custom(format!("the body names more than {MOST} fields")));
        }
        self.paths.push(path);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// Null takes all of it away.
    fn visit_unit<E: serde::de::Error>(mut self) -> Result<(), E> {
        let path = std::mem::take(&mut self.path);
        self.add(path)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let Some(field) = named(self.message, &name) else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            let path = match self.path.as_str() {
                "" => field.name().to_owned(),
                above => format!("{above}.{}", field.name()),
            };
            if let Some(message) = parts(&field) {
                members.next_value_seed(Object { message: &message, path, paths: &mut *self.paths })?;
            } else {
                members.next_value::<IgnoredAny>()?;
                self.add(path)?;
            }
        }
        Ok(())
    }
}
