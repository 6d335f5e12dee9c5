//! Goes through all fields and enums of a file with the features that each comes to have.

use std::collections::HashSet;

use bytes::Bytes;
use prost::DecodeError;

use super::{
    features::{Encoding, EnumType, Features, Presence, Repeated},
    file::{
        Enum, EnumOptions, Field, FieldOptions, File, FileOptions, Message, MessageOptions, OneofOptions,
    },
};

/// `FieldDescriptorProto.Label`.
const REQUIRED: i32 = 2;
const REPEATED: i32 = 3;
/// `FieldDescriptorProto.Type`.
const STRING: i32 = 9;
const GROUP: i32 = 10;
const MESSAGE: i32 = 11;
const BYTES: i32 = 12;

/// What is done with each.
pub trait Visit {
    /// A field, or an extension, by its full name.
    fn field(&mut self, field: &mut Field, features: Features, of: Of, name: &dyn Fn() -> String);

    /// An enum, by its full name.
    fn enumeration(&mut self, desc: &mut Enum, features: Features, name: &dyn Fn() -> String);
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A field of a message.
    Message,
    /// One that is a map.
    Map,
    /// The key or the value of a map's entry, which have no features of their own.
    Entry,
    /// An extension, which always has presence.
    Extension,
}

impl Field {
    fn is_repeated(&self) -> bool {
        self.label == Some(REPEATED)
    }

    fn is_message(&self) -> bool {
        matches!(self.r#type, Some(MESSAGE | GROUP))
    }

    /// Whether it can be there or not without being seen to: what else has presence has it in every syntax.
    fn may_be_implicit(&self, of: Of) -> bool {
        of == Of::Message && !self.is_repeated() && !self.is_message() && self.oneof_index.is_none()
    }
}

/// Goes through a file.
pub fn file(file: &mut File, visit: &mut impl Visit) -> Result<(), DecodeError> {
    let features = Features::by_default().with(read::<FileOptions>(&file.options)?.features);
    let scope = file.package.as_deref().map_or_else(String::new, |package| format!("{package}."));
    enums(&mut file.enum_type, features, &scope, visit)?;
    extensions(&mut file.extension, features, &scope, visit)?;
    for inner in &mut file.message_type {
        message(inner, features, &scope, visit)?;
    }
    Ok(())
}

/// How deep this goes the decoder has bounded.
fn message(
    desc: &mut Message,
    features: Features,
    scope: &str,
    visit: &mut impl Visit,
) -> Result<(), DecodeError> {
    let options = read::<MessageOptions>(&desc.options)?;
    let features = features.with(options.features);
    let scope = format!("{scope}{}.", desc.name);
    let mut entries = HashSet::new();
    for inner in &desc.nested_type {
        if read::<MessageOptions>(&inner.options)?.map_entry {
            entries.insert(format!(".{scope}{}", inner.name));
        }
    }
    let oneofs = desc.oneof_decl.iter().map(|oneof| {
        let own = read::<OneofOptions>(&oneof.options)?.features;
        Ok(features.with(own))
    });
    let oneofs = oneofs.collect::<Result<Vec<_>, DecodeError>>()?;
    for field in &mut desc.field {
        let of = match &field.type_name {
            _ if options.map_entry => Of::Entry,
            Some(name) if entries.contains(name) => Of::Map,
            _ => Of::Message,
        };
        let choice = field.oneof_index.and_then(|index| oneofs.get(usize::try_from(index).ok()?));
        let features =
            choice.copied().unwrap_or(features).with(read::<FieldOptions>(&field.options)?.features);
        let name = field.name.clone();
        visit.field(field, features, of, &|| format!("{scope}{name}"));
    }
    enums(&mut desc.enum_type, features, &scope, visit)?;
    extensions(&mut desc.extension, features, &scope, visit)?;
    for inner in &mut desc.nested_type {
        message(inner, features, &scope, visit)?;
    }
    Ok(())
}

fn enums(
    all: &mut [Enum],
    features: Features,
    scope: &str,
    visit: &mut impl Visit,
) -> Result<(), DecodeError> {
    for desc in all {
        let features = features.with(read::<EnumOptions>(&desc.options)?.features);
        let name = desc.name.clone();
        visit.enumeration(desc, features, &|| format!("{scope}{name}"));
    }
    Ok(())
}

fn extensions(
    all: &mut [Field],
    features: Features,
    scope: &str,
    visit: &mut impl Visit,
) -> Result<(), DecodeError> {
    for field in all {
        let features = features.with(read::<FieldOptions>(&field.options)?.features);
        let name = field.name.clone();
        visit.field(field, features, Of::Extension, &|| format!("{scope}{name}"));
    }
    Ok(())
}

/// What of some options is looked at.
fn read<T: prost::Message + Default>(options: &Option<Bytes>) -> Result<T, DecodeError> {
    options.clone().map_or_else(|| Ok(T::default()), T::decode)
}

/// Adds to options what they are to say besides.
fn add(options: &mut Option<Bytes>, more: &impl prost::Message) {
    let before = options.take().unwrap_or_default();
    // Of a message's parts one after the other, the last counts.
    *options = Some([&before[..], &more.encode_to_vec()].concat().into());
}

/// Finds what decides by which syntax a file can be said.
#[derive(Default)]
pub struct Survey {
    /// The first field without presence.
    pub implicit: Option<String>,
    /// The first enum whose first value is not 0, and that value.
    pub begins_with: Option<(String, i32)>,
}

impl Visit for Survey {
    fn field(&mut self, field: &mut Field, features: Features, of: Of, name: &dyn Fn() -> String) {
        if field.may_be_implicit(of) && features.field_presence() == Presence::Implicit {
            self.implicit.get_or_insert_with(name);
        }
    }

    fn enumeration(&mut self, desc: &mut Enum, _: Features, name: &dyn Fn() -> String) {
        if let Some(first) = desc.value.first().filter(|first| first.number != 0) {
            self.begins_with.get_or_insert_with(|| (name(), first.number));
        }
    }
}

/// Says by a syntax what features say.
pub struct Rewrite {
    /// Whether by proto3.
    pub proto3: bool,
}

impl Visit for Rewrite {
    fn field(&mut self, field: &mut Field, features: Features, of: Of, _: &dyn Fn() -> String) {
        if of == Of::Entry {
            return;
        }
        let is_plain = field.may_be_implicit(of);
        if of == Of::Message && !field.is_repeated() && features.field_presence() == Presence::LegacyRequired
        {
            field.label = Some(REQUIRED);
        }
        if self.proto3 && is_plain && features.field_presence() != Presence::Implicit {
            field.proto3_optional = Some(true);
        }
        if field.r#type == Some(MESSAGE)
            && of != Of::Map
            && features.message_encoding() == Encoding::Delimited
        {
            field.r#type = Some(GROUP);
        }
        let can_be_packed = !matches!(field.r#type, Some(STRING | BYTES | MESSAGE | GROUP));
        if field.is_repeated() && can_be_packed {
            let packed = features.repeated_field_encoding() == Repeated::Packed;
            add(&mut field.options, &FieldOptions { packed: Some(packed), features: None });
        }
    }

    fn enumeration(&mut self, desc: &mut Enum, features: Features, _: &dyn Fn() -> String) {
        let is_closed = features.enum_type() == EnumType::Closed;
        if is_closed == self.proto3 {
            let said = Features { enum_type: features.enum_type, ..Features::default() };
            add(&mut desc.options, &EnumOptions { features: Some(said) });
        }
    }
}
