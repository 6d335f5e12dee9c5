//! Messages that stand in themselves.

use std::collections::BTreeSet;

use prost_reflect::{Kind, MessageDescriptor};

/// Whether a message stands in itself, at whatever depth, other than in lists and maps.
pub fn is_in_itself(message: &MessageDescriptor) -> bool {
    let mut seen = BTreeSet::new();
    let mut queue = vec![message.clone()];
    while let Some(next) = queue.pop() {
        for field in next.fields().filter(|field| !field.is_list() && !field.is_map()) {
            match field.kind() {
                Kind::Message(inner) if inner == *message => return true,
                Kind::Message(inner) if seen.insert(inner.full_name().to_owned()) => queue.push(inner),
                _ => {}
            }
        }
    }
    false
}
