//! What only reading needs of a contract's descriptors: how things may be called, made into tables once.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, EnumDescriptor, MessageDescriptor};

use crate::json::write::tables::Message;

/// Values of an enum that an error tells.
const TOLD: usize = 20;

/// The names of messages' fields and of enums' values, at the places where their tables are.
#[derive(Debug, Default)]
pub struct Names {
    messages: Vec<Fields>,
    enums: Vec<Values>,
}

/// The names of a message's fields.
#[derive(Debug)]
struct Fields {
    /// Where in its table a field is, by what it may be called.
    places: Vec<(Box<str>, usize)>,
    /// As fields are called in JSON and in errors, by their places.
    fields: Vec<(Box<str>, Box<str>)>,
    /// Which lists of numbers stand side by side.
    packed: Vec<bool>,
}

#[derive(Debug)]
struct Values {
    numbers: Vec<(Box<str>, i32)>,
    /// The error of what is none of them.
    expected: Box<str>,
}

impl Names {
    /// The names in a contract whose messages have these tables.
    pub fn new(pool: &DescriptorPool, tables: &[Message]) -> Self {
        let messages = pool.all_messages().zip(tables).map(|(desc, table)| Fields::new(&desc, table));
        Self {
            messages: messages.collect(),
            enums: pool.all_enums().map(|desc| Values::new(&desc)).collect(),
        }
    }

    /// Where in its table the field of a name is, which may have either spelling. `guess` is where it would be if the text
    /// had the contract's order.
    pub(super) fn find(&self, message: usize, name: &str, guess: usize) -> Option<usize> {
        let fields = self.messages.get(message)?;
        if fields.fields.get(guess).is_some_and(|(json, _)| **json == *name) {
            return Some(guess);
        }
        find(&fields.places, name)
    }

    /// What errors call a field.
    pub(super) fn field(&self, message: usize, field: usize) -> &str {
        let fields = self.messages.get(message).and_then(|fields| fields.fields.get(field));
        fields.map_or("", |(_, name)| name)
    }

    /// Whether the numbers of a list stand side by side.
    pub(super) fn is_packed(&self, message: usize, field: usize) -> bool {
        let fields = self.messages.get(message).and_then(|fields| fields.packed.get(field));
        fields.copied().unwrap_or_default()
    }

    /// The number of an enum's value.
    pub(super) fn number(&self, place: usize, name: &str) -> Option<i32> {
        find(&self.enums.get(place)?.numbers, name)
    }

    /// What is expected where an enum's value is.
    pub(super) fn expected(&self, place: usize) -> String {
        self.enums.get(place).map_or_else(String::new, |values| (*values.expected).to_owned())
    }
}

impl Fields {
    fn new(desc: &MessageDescriptor, table: &Message) -> Self {
        let nothing: Box<str> = "".into();
        let mut fields = vec![(nothing.clone(), nothing); table.fields.len()];
        let mut packed = vec![false; table.fields.len()];
        let mut places = BTreeMap::new();
        for field in desc.fields() {
            let Some(place) = table.find(field.number(), 0) else { continue };
            fields[place] = (field.json_name().into(), field.name().into());
            packed[place] = field.is_packed();
            places.insert(field.name().to_owned(), place);
        }
        for field in desc.extensions() {
            let Some(place) = table.find(field.number(), 0) else { continue };
            let name = field.json_name();
            fields[place] = (name.into(), name.into());
            packed[place] = field.is_packed();
            places.insert(name.to_owned(), place);
        }
        // Where one field's name is another's in JSON, JSON's counts.
        places.extend(
            desc.fields()
                .filter_map(|field| Some((field.json_name().to_owned(), table.find(field.number(), 0)?))),
        );
        Self {
            places: places.into_iter().map(|(name, place)| (name.into(), place)).collect(),
            fields,
            packed,
        }
    }
}

impl Values {
    fn new(desc: &EnumDescriptor) -> Self {
        let mut numbers: Vec<(Box<str>, i32)> =
            desc.values().map(|value| (value.name().into(), value.number())).collect();
        let told: Vec<_> = numbers.iter().take(TOLD).map(|(name, _)| &**name).collect();
        let expected = format!("expected one of {}", told.join(", ")).into();
        numbers.sort();
        Self { numbers, expected }
    }
}

fn find<T: Copy>(names: &[(Box<str>, T)], name: &str) -> Option<T> {
    let found = names.binary_search_by(|(other, _)| (**other).cmp(name)).ok()?;
    Some(names[found].1)
}
