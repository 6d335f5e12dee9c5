//! URLs of the edge's own in messages (`feira.http.v1.own_url`). A service gives them as paths from the edge's root;
//! clients get them as they reach them, and may send them back so.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value};

use crate::{annotation, base::Base};

/// The option that makes a field one.
const OPTION: &str = "feira.http.v1.own_url";

/// Which fields of some messages, and of those in them, are such URLs or lead to them; by the message's name.
#[derive(Debug, Clone)]
pub struct OwnUrls(HashMap<String, Vec<FieldDescriptor>>);

impl OwnUrls {
    /// Finds those of a message; nothing where there are none.
    pub fn of(root: &MessageDescriptor) -> Option<Self> {
        // Contracts of others have none.
        root.parent_pool().get_extension_by_name(OPTION)?;
        let mut messages = HashMap::new();
        let mut queue = vec![root.clone()];
        while let Some(message) = queue.pop() {
            if messages.contains_key(message.full_name()) {
                continue;
            }
            queue.extend(message.fields().filter_map(|field| inner(&field)));
            messages.insert(message.full_name().to_owned(), message);
        }
        let mut ways: HashMap<String, Vec<FieldDescriptor>> = HashMap::new();
        // Each round finds what leads to what the one before found.
        loop {
            let mut grown = false;
            for (name, message) in &messages {
                let leads = |field: &FieldDescriptor| {
                    is_own_url(field)
                        || inner(field).is_some_and(|inner| ways.contains_key(inner.full_name()))
                };
                let found: Vec<_> = message.fields().filter(leads).collect();
                if found.len() > ways.get(name).map_or(0, Vec::len) {
                    ways.insert(name.clone(), found);
                    grown = true;
                }
            }
            if !grown {
                break;
            }
        }
        (!ways.is_empty()).then_some(Self(ways))
    }

    /// Makes what the client reaches paths again.
    pub fn inward(&self, message: &mut DynamicMessage, base: &Base) {
        if !base.is_unknown() {
            self.each(message, &|url| base.inside(url).map(str::to_owned));
        }
    }

    fn each(&self, message: &mut DynamicMessage, change: &dyn Fn(&str) -> Option<String>) {
        let name = message.descriptor().full_name().to_owned();
        for field in self.0.get(&name).into_iter().flatten() {
            if message.has_field(field) {
                self.value(message.get_field_mut(field), change);
            }
        }
    }

    fn value(&self, value: &mut Value, change: &dyn Fn(&str) -> Option<String>) {
        match value {
            Value::String(url) => {
                if let Some(changed) = change(url) {
                    *url = changed;
                }
            }
            Value::Message(message) => self.each(message, change),
            Value::List(list) => list.iter_mut().for_each(|value| self.value(value, change)),
            Value::Map(map) => map.values_mut().for_each(|value| self.value(value, change)),
            _ => {}
        }
    }
}

/// What the client reaches by a URL that a service gives; nothing of those that stay as they are.
pub fn outward(url: &str, base: &Base) -> Option<String> {
    // A service stores paths and nothing else: the shop may move to another host, and be reached by several. `//host`
    // leads elsewhere.
    let own = url.starts_with('/') && !url.starts_with("//") && !base.is_unknown();
    own.then(|| base.url(url))
}

/// The message that a field holds, also as a map's value.
fn inner(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind().as_message().cloned(),
        Kind::Message(message) => Some(message),
        _ => None,
    }
}

/// Whether a field is such a URL.
pub fn is_own_url(field: &FieldDescriptor) -> bool {
    let options = field.options();
    let own = annotation::extension(&options, field.parent_pool(), OPTION);
    matches!(field.kind(), Kind::String) && own.and_then(|own| own.as_bool()).unwrap_or_default()
}
