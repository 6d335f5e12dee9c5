//! Fields of which only one may be set.

use prost_reflect::{FieldDescriptor, MessageDescriptor, OneofDescriptor};
use serde_json::{Value as Json, json};

use super::rules;

/// Says which fields exclude each other.
pub fn in_words(message: &MessageDescriptor) -> String {
    let lines: Vec<_> = real(message)
        .map(|oneof| {
            let names: Vec<_> = oneof.fields().map(|field| format!("`{}`", field.json_name())).collect();
            let rule = if rules::oneof_required(&oneof) { "Exactly one" } else { "At most one" };
            format!("{rule} of {}.", names.join(", "))
        })
        .collect();
    lines.join(" ")
}

/// The same as schemas, all of which a request must fit. `has` says which fields it can have.
pub fn rules(message: &MessageDescriptor, has: impl Fn(&FieldDescriptor) -> bool) -> Vec<Json> {
    real(message)
        .filter_map(|oneof| {
            let given = |field: FieldDescriptor| json!({"required": [field.json_name()]});
            let mut one: Vec<_> = oneof.fields().filter(|field| has(field)).map(given).collect();
            if !rules::oneof_required(&oneof) {
                one.push(json!({"not": {"anyOf": one}}));
            }
            // The path sets one of the others.
            (one.len() > 1).then(|| json!({"oneOf": one}))
        })
        .collect()
}

/// Those that are no `optional` fields.
fn real(message: &MessageDescriptor) -> impl Iterator<Item = OneofDescriptor> {
    message.oneofs().filter(|oneof| !oneof.is_synthetic())
}
