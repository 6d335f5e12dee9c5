//! URLs of the edge's own in messages (`feira.http.v1.own_url`). A service gives them as paths from the edge's root;
//! clients get them as they reach them, and may send them back so.

use std::collections::HashMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::{
    annotation,
    base::Base,
    wire::{self, Malformed, Raw},
};

/// The option that makes a field one.
const OPTION: &str = "feira.http.v1.own_url";

/// Which fields of some messages, and of those in them, are such URLs or lead to them; by the message's name.
#[derive(Debug, Clone)]
pub struct OwnUrls {
    root: String,
    ways: HashMap<String, Vec<FieldDescriptor>>,
}

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
        (!ways.is_empty()).then(|| Self { root: root.full_name().to_owned(), ways })
    }

    /// A request in which what the client reaches are paths again.
    pub fn inward(&self, message: Vec<u8>, base: &Base) -> Vec<u8> {
        if base.is_unknown() {
            return message;
        }
        let mut out = Vec::with_capacity(message.len());
        match self.each(&self.root, &message, base, &mut out) {
            Ok(()) => out,
            // It was made here, so it is well-formed.
            Err(Malformed(_)) => message,
        }
    }

    /// Adds a message of a type with its URLs changed.
    fn each(&self, name: &str, message: &[u8], base: &Base, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let ways = self.ways.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut rest = message;
        loop {
            let from = rest;
            let Some((number, raw)) = wire::next(&mut rest, wire::DEPTH)? else { return Ok(()) };
            let way = ways.iter().find(|field| field.number() == number);
            match (way.map(FieldDescriptor::kind), raw) {
                (Some(Kind::String), Raw::Bytes(url)) => {
                    let path = base.inside(wire::utf8(url)?).map_or(url, str::as_bytes);
                    wire::put(number, Raw::Bytes(path), out);
                }
                (Some(Kind::Message(inner)), Raw::Bytes(held) | Raw::Group(held)) => {
                    let is_group = matches!(raw, Raw::Group(_));
                    wire::begin(number, is_group, out);
                    let body = out.len();
                    self.each(inner.full_name(), held, base, out)?;
                    wire::end(number, is_group, body, out);
                }
                _ => out.extend_from_slice(&from[..from.len() - rest.len()]),
            }
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

/// The message that a field holds; of a map, an entry.
fn inner(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().cloned()
}

/// Whether a field is such a URL.
pub fn is_own_url(field: &FieldDescriptor) -> bool {
    let options = field.options();
    let own = annotation::extension(&options, field.parent_pool(), OPTION);
    matches!(field.kind(), Kind::String) && own.and_then(|own| own.as_bool()).unwrap_or_default()
}
