//! Merge patches (RFC 7396): objects within the resource are merged with what is there, not put in its place.
//!
//! What a body names on its own level is the update mask's matter. Only for objects below it must the resource be
//! known, so only then is it read before it is changed.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use crate::binding::{Binding, Body};

/// What an update may call its JSON as well (RFC 7396): what it names is changed, null takes it away.
pub const MEDIA_TYPE: &str = "application/merge-patch+json";

/// A patch that cannot be made without knowing what is there.
pub struct Patch<'b> {
    resource: &'b MessageDescriptor,
    members: Map<String, Value>,
}

/// The patch that a body is, if it is one that has objects in it.
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
    let members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let nested = members.values().any(Value::is_object);
    nested.then_some(Patch { resource: resource?, members })
}

impl Patch<'_> {
    /// The resource's type, by its full name.
    pub fn resource(&self) -> &str {
        self.resource.full_name()
    }

    /// The body that sets what the patch makes of the resource, whose JSON this is.
    pub fn onto(&self, current: &[u8]) -> Bytes {
        let current: Map<String, Value> = serde_json::from_slice(current).unwrap_or_default();
        let merged = self.members.iter().map(|(name, value)| {
            let field = self.resource.get_field_by_json_name(name);
            let field = field.or_else(|| self.resource.get_field_by_name(name));
            let there = field.as_ref().and_then(|field| current.get(field.json_name()));
            let value = match value {
                Value::Object(_) => {
                    let kind = field.as_ref().filter(|field| !field.is_map()).map(FieldDescriptor::kind);
                    let patch = json_names(value, kind.as_ref().and_then(Kind::as_message));
                    merge(there.cloned().unwrap_or_default(), &patch)
                }
                // What is null is taken away by the mask, which names it.
                other => other.clone(),
            };
            (name.clone(), value)
        });
        Value::Object(merged.collect()).to_string().into()
    }
}

/// The same object with its fields as they are called in what is there: a caller may call them as the proto does.
fn json_names(value: &Value, kind: Option<&MessageDescriptor>) -> Value {
    let (Value::Object(members), Some(kind)) = (value, kind) else { return value.clone() };
    let named = members.iter().map(|(name, value)| {
        let field = kind.get_field_by_name(name).or_else(|| kind.get_field_by_json_name(name));
        let Some(field) = field else { return (name.clone(), value.clone()) };
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
