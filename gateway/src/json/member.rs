//! What a name in an object means: a field of its message, or an extension of it.

use prost_reflect::{DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value};

/// A field of a message, or an extension of it.
#[derive(Debug, Clone)]
pub enum Member {
    Field(FieldDescriptor),
    Extension(ExtensionDescriptor),
}

impl Member {
    /// What a name means: a field's in either spelling, or an extension's in brackets.
    pub fn named(desc: &MessageDescriptor, name: &str) -> Option<Self> {
        let field = desc.get_field_by_json_name(name).or_else(|| desc.get_field_by_name(name));
        let extension = || desc.get_extension_by_json_name(name).filter(|_| name.starts_with('['));
        field.map(Self::Field).or_else(|| extension().map(Self::Extension))
    }

    /// Its name, in errors.
    pub fn name(&self) -> &str {
        match self {
            Self::Field(field) => field.name(),
            Self::Extension(extension) => extension.json_name(),
        }
    }

    pub fn number(&self) -> u32 {
        match self {
            Self::Field(field) => field.number(),
            Self::Extension(extension) => extension.number(),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Field(field) => field.kind(),
            Self::Extension(extension) => extension.kind(),
        }
    }

    pub fn is_list(&self) -> bool {
        match self {
            Self::Field(field) => field.is_list(),
            Self::Extension(extension) => extension.is_list(),
        }
    }

    /// No extension is one.
    pub fn is_map(&self) -> bool {
        matches!(self, Self::Field(field) if field.is_map())
    }

    /// The field that excludes it, and is there.
    pub fn excluded_by(&self, message: &DynamicMessage) -> Option<FieldDescriptor> {
        match self {
            Self::Field(field) => other_choice(message, field),
            Self::Extension(_) => None,
        }
    }

    pub fn set(&self, message: &mut DynamicMessage, value: Value) {
        match self {
            Self::Field(field) => message.set_field(field, value),
            Self::Extension(extension) => message.set_extension(extension, value),
        }
    }
}

/// The field of the same oneof that is set already.
pub fn other_choice(message: &DynamicMessage, field: &FieldDescriptor) -> Option<FieldDescriptor> {
    let oneof = field.containing_oneof()?;
    oneof.fields().find(|other| other.number() != field.number() && message.has_field(other))
}
