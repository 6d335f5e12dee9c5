//! Merge patches (RFC 7396): objects within the resource are merged with what is there, not put in its place.
//!
//! What a body names is the update mask's matter, down to its leaves. Only of a leaf that is an object itself (a map, a
//! `Struct`, an amount of money) must be known what is there, so only for such is the resource read before it is
//! changed.

use std::{collections::HashSet, fmt};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::{
    binding::{Binding, Body},
    mask::{named, parts},
};

/// What an update may call its JSON as well (RFC 7396): what it names is changed, null takes it away.
pub const MEDIA_TYPE: &str = "application/merge-patch+json";

/// A patch that cannot be made without knowing what is there.
pub struct Patch<'b> {
    resource: &'b MessageDescriptor,
    members: Map<String, Value>,
}

/// The patch that a body is, if it is one that has leaves to be merged.
pub fn patch<'b>(
    binding: &'b Binding,
    resource: Option<&'b MessageDescriptor>,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Patch<'b>> {
    let called = headers.get(header::CONTENT_TYPE).is_some_and(|value| is(value, MEDIA_TYPE));
    if binding.method != Method::PATCH || !called || !matches!(binding.body, Body::Field(_)) {
        return None;
    }
    let resource = resource?;
    // What cannot be read, or names something twice, is told of where requests are made of bodies.
    let read = Members(Some(resource)).deserialize(&mut serde_json::Deserializer::from_slice(body));
    let Value::Object(members) = read.ok()? else { return None };
    merges(resource, &members).then_some(Patch { resource, members })
}

/// Whether a leaf among some members is an object.
fn merges(kind: &MessageDescriptor, members: &Map<String, Value>) -> bool {
    members.iter().any(|(name, value)| match (value, named(kind, name)) {
        (Value::Object(inner), Some(field)) => parts(&field).is_none_or(|kind| merges(&kind, inner)),
        _ => false,
    })
}

impl Patch<'_> {
    /// The resource's type, by its full name.
    pub fn resource(&self) -> &str {
        self.resource.full_name()
    }

    /// The body that sets what the patch makes of the resource, whose JSON this is; of none, what it is by itself.
    pub fn onto(&self, current: &[u8]) -> Bytes {
        let current = serde_json::from_slice(current).unwrap_or_default();
        onto(self.resource, &self.members, &current).to_string().into()
    }
}

/// The same members with their leaves as the patch makes them: the mask will name no others.
fn onto(kind: &MessageDescriptor, members: &Map<String, Value>, current: &Value) -> Value {
    let merged = members.iter().map(|(name, value)| {
        let field = named(kind, name);
        let there = field.as_ref().and_then(|field| current.get(field.json_name()));
        let value = match (value, field.as_ref().and_then(parts)) {
            (Value::Object(inner), Some(kind)) => onto(&kind, inner, there.unwrap_or(&Value::Null)),
            (Value::Object(_), None) => {
                let kind = field.as_ref().filter(|field| !field.is_map()).map(FieldDescriptor::kind);
                let patch = json_names(value, kind.as_ref().and_then(Kind::as_message));
                merge(there.cloned().unwrap_or_default(), &patch)
            }
            // What is null is taken away by the mask, which names it.
            (other, _) => other.clone(),
        };
        (name.clone(), value)
    });
    Value::Object(merged.collect())
}

/// The same object with its fields as they are called in what is there: a caller may call them as the proto does.
fn json_names(value: &Value, kind: Option<&MessageDescriptor>) -> Value {
    let (Value::Object(members), Some(kind)) = (value, kind) else { return value.clone() };
    let named = members.iter().map(|(name, value)| {
        let Some(field) = named(kind, name) else { return (name.clone(), value.clone()) };
        // A map's own names are the caller's.
        let inner = Some(field.kind()).filter(|_| !field.is_map());
        (field.json_name().to_owned(), json_names(value, inner.as_ref().and_then(Kind::as_message)))
    });
    Value::Object(named.collect())
}

/// RFC 7396, section 2.
pub fn merge(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = match target {
        Value::Object(target) => target,
        _ => Map::new(),
    };
    for (name, value) in patch {
        match value {
            Value::Null => _ = target.remove(name),
            value => {
                let there = target.remove(name).unwrap_or_default();
                target.insert(name.clone(), merge(there, value));
            }
        }
    }
    Value::Object(target)
}

/// Reads JSON whose objects name nothing twice, not in two spellings of a field either.
struct Members<'a>(Option<&'a MessageDescriptor>);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Members(None))? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (mut all, mut seen) = (Map::new(), HashSet::new());
        while let Some(name) = members.next_key::<String>()? {
            let field = self.0.and_then(|kind| named(kind, &name));
            if !seen.insert(field.as_ref().map_or(name.as_str(), FieldDescriptor::json_name).to_owned()) {
                return Err(A::Error::custom("given more than once"));
            }
            let kind = field.filter(|field| !field.is_list() && !field.is_map()).map(|field| field.kind());
            let value = members.next_value_seed(Members(kind.as_ref().and_then(Kind::as_message)))?;
            all.insert(name, value);
        }
        Ok(all.into())
    }
}

/// Whether a content type is of this media type, whatever its parameters.
pub fn is(value: &HeaderValue, media: &str) -> bool {
    let name = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(media.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_come_out() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(merge(target.clone(), &patch), result, "{target} {patch}");
        }
    }
}
