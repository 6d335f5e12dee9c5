//! Fields of which only one may be set.

use prost_reflect::{FieldDescriptor, MessageDescriptor, OneofDescriptor};
use serde_json::{Value as Json, json};

use super::rules;
use crate::json::Style;

/// Fields of one choice whose pairs are told; with more, the words are all that is said.
const MOST: usize = 16;

/// Says which fields exclude each other.
pub fn in_words(message: &MessageDescriptor, style: Style) -> String {
    let lines: Vec<_> = real(message)
        .map(|oneof| {
            let names: Vec<_> = oneof.fields().map(|field| format!("`{}`", style.name(&field))).collect();
            let rule = if rules::oneof_required(&oneof) { "Exactly one" } else { "At most one" };
            format!("{rule} of {}.", names.join(", "))
        })
        .collect();
    lines.join(" ")
}

/// The same as a schema that no request may fit. `has` says which fields it can have.
///
/// It is one that is forbidden, not one that is required: what is required by `oneOf` or `allOf` generators make classes
/// of, and these have none of the message's own fields.
pub fn forbidden(
    message: &MessageDescriptor,
    style: Style,
    has: impl Fn(&FieldDescriptor) -> bool,
) -> Option<Json> {
    let mut wrong = Vec::new();
    for oneof in real(message) {
        let fields: Vec<_> = oneof.fields().filter(|field| has(field)).collect();
        let names: Vec<_> = fields.iter().map(|field| style.name(field)).collect();
        if names.len() > MOST {
            continue;
        }
        for (index, one) in names.iter().enumerate() {
            wrong.extend(names[index + 1..].iter().map(|other| json!({"required": [one, other]})));
        }
        // Where the path sets one, none of these need be given.
        if rules::oneof_required(&oneof) && fields.len() == oneof.fields().len() {
            let given: Vec<_> = names.iter().map(|name| json!({"required": [name]})).collect();
            wrong.push(json!({"not": {"anyOf": given}}));
        }
    }
    match wrong.len() {
        0 | 1 => wrong.pop(),
        _ => Some(json!({"anyOf": wrong})),
    }
}

/// Those that are no `optional` fields.
fn real(message: &MessageDescriptor) -> impl Iterator<Item = OneofDescriptor> {
    message.oneofs().filter(|oneof| !oneof.is_synthetic())
}
