//! How answers are written where proto3 JSON leaves a choice.

use prost_reflect::{EnumValueDescriptor, FieldDescriptor};
use serde_json::Value as Json;

/// How REST answers in JSON. By default as proto3 JSON has it, with what has no presence always there.
///
/// Requests are read alike with every style: fields in either spelling, enums by name or number. What Connect's clients
/// get is proto3 JSON whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::Args)]
#[group(skip)]
pub struct Style {
    /// Fields without presence that have their default (0, an empty text, an empty list): print or omit them
    #[arg(
        id = "json_defaults",
        long = "json-defaults",
        env = "FEIRA_JSON_DEFAULTS",
        value_name = "HOW",
        default_value = "print"
    )]
    pub defaults: Defaults,

    /// What fields are called: camel (lowerCamelCase, or a field's own `json_name`), or proto, as the contract spells them
    #[arg(
        id = "json_names",
        long = "json-names",
        env = "FEIRA_JSON_NAMES",
        value_name = "HOW",
        default_value = "camel"
    )]
    pub names: FieldNames,

    /// What stands for the values of enums: their names or their numbers
    #[arg(
        id = "json_enums",
        long = "json-enums",
        env = "FEIRA_JSON_ENUMS",
        value_name = "HOW",
        default_value = "names"
    )]
    pub enums: EnumValues,
}

/// What becomes of fields without presence that have their default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub enum Defaults {
    /// They are there.
    #[default]
    Print,
    /// They are left out.
    Omit,
}

/// What fields are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub enum FieldNames {
    /// By their `json_name`, which is lowerCamelCase unless the contract gives another.
    #[default]
    Camel,
    /// As the contract spells them.
    Proto,
}

/// What stands for the values of enums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub enum EnumValues {
    /// Their names.
    #[default]
    Names,
    /// Their numbers.
    Numbers,
}

impl Style {
    /// How many styles there are.
    pub const COUNT: usize = 8;

    /// Its place among them.
    pub fn index(self) -> usize {
        self.defaults as usize | (self.names as usize) << 1 | (self.enums as usize) << 2
    }

    /// What a field is called.
    pub fn name(self, field: &FieldDescriptor) -> &str {
        match self.names {
            FieldNames::Camel => field.json_name(),
            FieldNames::Proto => field.name(),
        }
    }

    /// What stands for a value of an enum.
    pub fn value(self, value: &EnumValueDescriptor) -> Json {
        match self.enums {
            EnumValues::Names => value.name().into(),
            EnumValues::Numbers => value.number().into(),
        }
    }
}
