//! How messages are written and read, made from their descriptors once.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind as Described,
    MessageDescriptor, Syntax,
};

use super::kind::{Form, Kind, Shape};
use crate::{
    contract::says_closed,
    json::{Style, read::Names},
    wire::{Malformed, Raw},
};

/// How the messages of a contract are written and read.
#[derive(Debug, Default)]
pub struct Tables {
    pub(in crate::json) messages: Vec<Message>,
    enums: Vec<Enum>,
    /// What only reading needs.
    pub(in crate::json) names: Names,
    /// Where messages are, by their full names.
    places: HashMap<String, usize>,
    pub(super) style: Style,
}

/// How messages of one type are written.
#[derive(Debug)]
pub(in crate::json) struct Message {
    pub form: Form,
    /// Whether it is the type of a map's entries.
    pub is_entry: bool,
    /// In the order in which they are written: by number, and extensions after all others.
    pub fields: Vec<Field>,
    /// Where fields are, by their numbers.
    order: Vec<(u32, usize)>,
    /// Which fields exclude each other.
    pub oneofs: Vec<Vec<usize>>,
}

/// How a field is written.
#[derive(Debug)]
pub(in crate::json) struct Field {
    pub number: u32,
    /// What comes before its value: `"name":`.
    pub name: Box<[u8]>,
    pub kind: Kind,
    pub shape: Shape,
    /// What is written where it is not set; nothing of a field with presence.
    pub default: Option<Box<[u8]>>,
    /// Its place in [`Message::oneofs`].
    pub oneof: Option<usize>,
    /// Whether it is a URL of the edge's own.
    pub own_url: bool,
}

/// How the values of an enum are written.
#[derive(Debug)]
struct Enum {
    /// Whether it has no values but those that it names (proto2).
    is_closed: bool,
    /// The number that stands for none.
    default: i32,
    /// What is written for each number: its name in quotes, or the number itself.
    names: Vec<(i32, Box<[u8]>)>,
}

impl Tables {
    /// The tables of all messages of a contract, by which they are written as proto3 JSON. `own_url` tells which texts are
    /// URLs of the edge's own.
    pub fn new(pool: &DescriptorPool, own_url: impl Fn(&FieldDescriptor) -> bool) -> Self {
        Self::styled(pool, Style::default(), own_url)
    }

    /// The same, by which they are written in a style.
    pub fn styled(pool: &DescriptorPool, style: Style, own_url: impl Fn(&FieldDescriptor) -> bool) -> Self {
        let places = pool.all_messages().enumerate().map(|(place, it)| (it.full_name().to_owned(), place));
        let mut tables = Self { places: places.collect(), style, ..Default::default() };
        let enums: HashMap<_, _> =
            pool.all_enums().enumerate().map(|(place, it)| (it.full_name().to_owned(), place)).collect();
        tables.enums = pool.all_enums().map(|desc| Enum::new(&desc, style)).collect();
        let messages = pool.all_messages().map(|desc| Message::new(&desc, &tables, &enums, &own_url));
        tables.messages = messages.collect();
        tables.names = Names::new(pool, &tables.messages);
        tables
    }

    /// Tables of nothing.
    pub fn empty(style: Style) -> Self {
        Self { style, ..Self::default() }
    }

    /// In which style they write.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Where the table of a message is.
    pub(in crate::json) fn place(&self, full_name: &str) -> Option<usize> {
        self.places.get(full_name).copied()
    }

    /// Whether an enum can have a number.
    pub(in crate::json) fn has_number(&self, place: usize, number: i32) -> bool {
        !self.is_unknown(Kind::Enum(place), Raw::Varint(i64::from(number) as u64))
    }

    /// What an enum calls a number.
    pub(super) fn name(&self, place: usize, number: i32) -> Option<&[u8]> {
        let names = &self.enums.get(place)?.names;
        let found = names.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(&names[found].1)
    }

    /// Whether what a field has is a number that its enum cannot have: to its readers the field is unknown then.
    pub(super) fn is_unknown(&self, kind: Kind, raw: Raw<'_>) -> bool {
        match (kind, raw) {
            (Kind::Enum(place), Raw::Varint(number)) => {
                let is_closed = self.enums.get(place).is_some_and(|it| it.is_closed);
                is_closed && self.name(place, number as i32).is_none()
            }
            _ => false,
        }
    }

    fn kind(&self, kind: &Described, is_group: bool, enums: &HashMap<String, usize>) -> Kind {
        match kind {
            Described::Double => Kind::Double,
            Described::Float => Kind::Float,
            Described::Int32 => Kind::Int32,
            Described::Int64 => Kind::Int64,
            Described::Uint32 => Kind::Uint32,
            Described::Uint64 => Kind::Uint64,
            Described::Sint32 => Kind::Sint32,
            Described::Sint64 => Kind::Sint64,
            Described::Fixed32 => Kind::Fixed32,
            Described::Fixed64 => Kind::Fixed64,
            Described::Sfixed32 => Kind::Sfixed32,
            Described::Sfixed64 => Kind::Sfixed64,
            Described::Bool => Kind::Bool,
            Described::String => Kind::String,
            Described::Bytes => Kind::Bytes,
            Described::Enum(desc) if desc.full_name() == "google.protobuf.NullValue" => Kind::Null,
            Described::Enum(desc) => Kind::Enum(enums.get(desc.full_name()).copied().unwrap_or_default()),
            Described::Message(desc) => {
                let place = self.place(desc.full_name()).unwrap_or_default();
                if is_group { Kind::Group(place) } else { Kind::Message(place) }
            }
        }
    }

    /// What stands for a value that is not set; nothing for a message.
    fn default_of(&self, kind: Kind) -> Option<Box<[u8]>> {
        let text: &[u8] = match kind {
            Kind::Double | Kind::Float => b"0.0",
            Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Fixed32 | Kind::Sfixed32 => b"0",
            Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => b"\"0\"",
            Kind::Bool => b"false",
            Kind::String | Kind::Bytes => b"\"\"",
            Kind::Null => b"null",
            Kind::Enum(place) => {
                let default = self.enums.get(place).map(|it| it.default);
                self.name(place, default.unwrap_or_default()).unwrap_or(b"0")
            }
            Kind::Message(_) | Kind::Group(_) => return None,
        };
        Some(text.into())
    }
}

impl Enum {
    fn new(desc: &EnumDescriptor, style: Style) -> Self {
        let mut names: Vec<(i32, Box<[u8]>)> = desc
            .values()
            .filter_map(|value| desc.get_value(value.number()))
            .map(|value| (value.number(), style.value(&value).to_string().into_bytes().into()))
            .collect();
        names.sort();
        names.dedup();
        Self { is_closed: is_closed(desc), default: desc.default_value().number(), names }
    }
}

/// Whether an enum has no values but those that it names: as its features say, else as its file's syntax has it.
pub fn is_closed(desc: &EnumDescriptor) -> bool {
    says_closed(desc).unwrap_or_else(|| desc.parent_file().syntax() == Syntax::Proto2)
}

impl Message {
    fn new(
        desc: &MessageDescriptor,
        tables: &Tables,
        enums: &HashMap<String, usize>,
        own_url: &impl Fn(&FieldDescriptor) -> bool,
    ) -> Self {
        let mut oneofs: Vec<Vec<usize>> = Vec::new();
        let mut fields: Vec<_> = desc.fields().map(|it| Field::new(&it, tables, enums, own_url)).collect();
        for oneof in desc.oneofs() {
            let numbers: Vec<_> = oneof.fields().map(|field| field.number()).collect();
            let members = (0..fields.len()).filter(|index| numbers.contains(&fields[*index].number));
            let members: Vec<_> = members.collect();
            for index in &members {
                fields[*index].oneof = Some(oneofs.len());
            }
            oneofs.push(members);
        }
        let mut extensions: Vec<_> = desc.extensions().collect();
        extensions.sort_by_key(ExtensionDescriptor::number);
        fields.extend(extensions.iter().map(|it| Field::extension(it, tables, enums)));
        let mut order: Vec<_> = fields.iter().enumerate().map(|(index, it)| (it.number, index)).collect();
        order.sort_unstable();
        Self { form: Form::of(desc), is_entry: desc.is_map_entry(), fields, order, oneofs }
    }

    /// Where the field of a number is. `guess` is where the one before it was: fields mostly come in their order.
    pub fn find(&self, number: u32, guess: usize) -> Option<usize> {
        let guessed = [guess, guess + 1].into_iter().find(|index| {
            let field = self.fields.get(*index);
            field.is_some_and(|field| field.number == number)
        });
        guessed.or_else(|| {
            let found = self.order.binary_search_by_key(&number, |(number, _)| *number).ok()?;
            Some(self.order[found].1)
        })
    }
}

impl Field {
    fn new(
        desc: &FieldDescriptor,
        tables: &Tables,
        enums: &HashMap<String, usize>,
        own_url: &impl Fn(&FieldDescriptor) -> bool,
    ) -> Self {
        let kind = tables.kind(&desc.kind(), desc.is_group(), enums);
        let (shape, empty) = shape(desc.is_list(), desc.is_map());
        let has_default = !desc.supports_presence() || desc.parent_message().is_map_entry();
        let default = if has_default { empty.or_else(|| tables.default_of(kind)) } else { None };
        let own_url = own_url(desc);
        Self {
            number: desc.number(),
            name: name(tables.style.name(desc)),
            kind,
            shape,
            default,
            oneof: None,
            own_url,
        }
    }

    fn extension(desc: &ExtensionDescriptor, tables: &Tables, enums: &HashMap<String, usize>) -> Self {
        let kind = tables.kind(&desc.kind(), desc.is_group(), enums);
        let (shape, _) = shape(desc.is_list(), desc.is_map());
        let name = name(desc.json_name());
        Self { number: desc.number(), name, kind, shape, default: None, oneof: None, own_url: false }
    }

    /// Whether what the wire has can be this field's.
    pub fn check(&self, raw: Raw<'_>) -> Result<(), Malformed> {
        let fits = match (self.shape, raw) {
            (Shape::Map, Raw::Bytes(_)) => true,
            (Shape::Map, _) => false,
            (Shape::List, Raw::Bytes(_)) if self.kind.is_packable() => true,
            (Shape::List | Shape::One, raw) => self.kind.fits(raw),
        };
        if fits { Ok(()) } else { Err(Malformed("a field has the wire type of another")) }
    }
}

fn shape(is_list: bool, is_map: bool) -> (Shape, Option<Box<[u8]>>) {
    match (is_list, is_map) {
        (true, _) => (Shape::List, Some(b"[]".as_slice().into())),
        (_, true) => (Shape::Map, Some(b"{}".as_slice().into())),
        _ => (Shape::One, None),
    }
}

/// A name as it stands before a value.
fn name(name: &str) -> Box<[u8]> {
    format!("{}:", serde_json::Value::from(name)).into_bytes().into()
}
