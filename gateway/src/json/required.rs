//! Finds what proto2 says must be there (`required`) and a request lacks, in its bytes.
//!
//! A server cannot read a message without such a field, and says no more than that. So JSON that lacks one is refused
//! here, by the field's path. The bytes are judged once the request is whole: path, query and headers set fields, too.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};

use super::{BadField, Error, well_known::type_name};
use crate::wire::{self, DEPTH, Malformed, Raw};

/// The messages of a contract that have required fields, or hold such messages.
#[derive(Debug, Default)]
pub struct Required {
    tables: Vec<Table>,
    /// Where tables are, by the full names of their messages.
    places: HashMap<String, usize>,
}

/// What is to be known of one message.
#[derive(Debug)]
struct Table {
    /// Its required fields, by their numbers.
    required: Vec<(u32, String)>,
    /// Its fields that hold such messages, by their numbers.
    inner: Vec<Inner>,
    /// Whether its type comes with it (`google.protobuf.Any`).
    is_any: bool,
}

/// A field that holds messages with a table.
#[derive(Debug)]
struct Inner {
    number: u32,
    name: String,
    shape: Shape,
    /// Where their table is; of a map, that of its entries.
    place: usize,
}

#[derive(Debug)]
enum Shape {
    One,
    List,
    /// A map with entries of this type.
    Map(MessageDescriptor),
}

/// Why bytes are not a whole message.
enum Problem {
    /// The field of this path is missing.
    Missing(String),
    Malformed(Malformed),
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl Problem {
    /// The same, found in a message that stands at a place.
    fn within(self, place: impl FnOnce() -> String) -> Self {
        match self {
            Self::Missing(path) => Self::Missing(format!("{}.{path}", place())),
            malformed => malformed,
        }
    }
}

impl Required {
    /// Those of a contract.
    pub fn new(pool: &DescriptorPool) -> Self {
        let mut holders: HashMap<String, Vec<MessageDescriptor>> = HashMap::new();
        let mut open = Vec::new();
        for message in pool.all_messages() {
            if message.fields().any(|field| field.is_required()) {
                open.push(message.clone());
            }
            let kinds = message.fields().map(|field| field.kind());
            for kind in kinds.chain(message.extensions().map(|extension| extension.kind())) {
                if let Kind::Message(inner) = kind {
                    holders.entry(inner.full_name().to_owned()).or_default().push(message.clone());
                }
            }
        }
        if !open.is_empty() {
            // It may hold any of them.
            open.extend(pool.get_message_by_name("google.protobuf.Any"));
        }
        let (mut found, mut places) = (Vec::new(), HashMap::new());
        while let Some(message) = open.pop() {
            let name = message.full_name().to_owned();
            if places.contains_key(&name) {
                continue;
            }
            open.extend(holders.remove(&name).unwrap_or_default());
            places.insert(name, found.len());
            found.push(message);
        }
        let tables = found.iter().map(|message| Table::new(message, &places)).collect();
        Self { tables, places }
    }

    /// Whether a message can lack something.
    pub fn concerns(&self, message: &MessageDescriptor) -> bool {
        self.places.contains_key(message.full_name())
    }

    /// Refuses bytes of a message that lacks something; the error names the first field that is missing.
    pub fn check(&self, message: &MessageDescriptor, bytes: &[u8]) -> Result<(), Error> {
        let Some(place) = self.places.get(message.full_name()) else { return Ok(()) };
        match self.look(*place, &[bytes], DEPTH) {
            Ok(()) => Ok(()),
            Err(Problem::Missing(field)) => {
                Err(Error::Field(BadField { field, description: "is required".to_owned() }))
            }
            Err(Problem::Malformed(malformed)) => Err(Error::Syntax(malformed.to_string())),
        }
    }

    /// Looks through a message, whose parts are merged.
    fn look(&self, place: usize, parts: &[&[u8]], left: u32) -> Result<(), Problem> {
        let Some(table) = self.tables.get(place) else { return Ok(()) };
        if table.is_any {
            return self.look_into_any(parts, left);
        }
        let mut given = vec![false; table.required.len()];
        let mut held: Vec<Vec<&[u8]>> = vec![Vec::new(); table.inner.len()];
        for part in parts {
            let mut rest = *part;
            while let Some((number, raw)) = wire::next(&mut rest, left)? {
                if let Ok(index) = table.required.binary_search_by_key(&number, |(number, _)| *number) {
                    given[index] = true;
                }
                if let (Ok(index), Raw::Bytes(inner) | Raw::Group(inner)) =
                    (table.inner.binary_search_by_key(&number, |inner| inner.number), raw)
                {
                    held[index].push(inner);
                }
            }
        }
        if let Some(index) = given.iter().position(|given| !given) {
            return Err(Problem::Missing(table.required[index].1.clone()));
        }
        for (inner, parts) in table.inner.iter().zip(held).filter(|(_, parts)| !parts.is_empty()) {
            let left = wire::deeper(left)?;
            let name = &inner.name;
            match &inner.shape {
                Shape::One => {
                    self.look(inner.place, &parts, left)
                        .map_err(|problem| problem.within(|| name.clone()))?;
                }
                Shape::List => {
                    for (index, part) in parts.iter().enumerate() {
                        self.look(inner.place, &[part], left)
                            .map_err(|problem| problem.within(|| format!("{name}[{index}]")))?;
                    }
                }
                Shape::Map(entry) => {
                    for part in parts {
                        self.look_into_entry(inner, entry, part, left)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Looks through the value of a map's entry. One without a value holds a message without anything.
    fn look_into_entry(
        &self,
        map: &Inner,
        entry: &MessageDescriptor,
        bytes: &[u8],
        left: u32,
    ) -> Result<(), Problem> {
        let Some([value]) = self.tables.get(map.place).map(|table| table.inner.as_slice()) else {
            return Ok(());
        };
        let there = wire::last(bytes, value.number)?.unwrap_or_default();
        self.look(value.place, &[there], left)
            .map_err(|problem| problem.within(|| format!("{}[{:?}]", map.name, key(entry, bytes))))
    }

    /// Looks through what an `Any` holds. Its fields stand beside its type's name, so its own add nothing to the path.
    fn look_into_any(&self, parts: &[&[u8]], left: u32) -> Result<(), Problem> {
        let last = |number: u32| -> Result<&[u8], Malformed> {
            let found = parts.iter().rev().map(|part| wire::last(part, number));
            Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().next().unwrap_or_default())
        };
        let place = type_name(wire::utf8(last(1)?)?).and_then(|name| self.places.get(name));
        match place {
            Some(place) => self.look(*place, &[last(2)?], wire::deeper(left)?),
            None => Ok(()),
        }
    }
}

/// The key of a map's entry, as its JSON names it.
fn key(entry: &MessageDescriptor, bytes: &[u8]) -> String {
    let Ok(read) = DynamicMessage::decode(entry.clone(), bytes) else { return String::new() };
    match &*read.get_field(&entry.map_entry_key_field()) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Table {
    fn new(message: &MessageDescriptor, places: &HashMap<String, usize>) -> Self {
        let required = message.fields().filter(FieldDescriptor::is_required);
        let mut required: Vec<_> = required.map(|field| (field.number(), field.name().to_owned())).collect();
        required.sort_unstable();
        let fields = message.fields().filter_map(|field| {
            let shape = if field.is_list() { Shape::List } else { Shape::One };
            Inner::new(field.number(), field.name(), &field.kind(), shape, places)
        });
        let extensions = message.extensions().filter_map(|extension: ExtensionDescriptor| {
            let shape = if extension.is_list() { Shape::List } else { Shape::One };
            Inner::new(extension.number(), extension.json_name(), &extension.kind(), shape, places)
        });
        let mut inner: Vec<_> = fields.chain(extensions).collect();
        inner.sort_unstable_by_key(|inner| inner.number);
        Self { required, inner, is_any: message.full_name() == "google.protobuf.Any" }
    }
}

impl Inner {
    /// A field, if it holds messages that have a table.
    fn new(
        number: u32,
        name: &str,
        kind: &Kind,
        shape: Shape,
        places: &HashMap<String, usize>,
    ) -> Option<Self> {
        let held = kind.as_message()?;
        let place = *places.get(held.full_name())?;
        let shape = if held.is_map_entry() { Shape::Map(held.clone()) } else { shape };
        Some(Self { number, name: name.to_owned(), shape, place })
    }
}
