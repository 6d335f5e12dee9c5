//! What features say (`google.protobuf.FeatureSet`): of a file, of what is in it, and of what that is in.

/// The features that something has of its own, or with those that it inherits.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Features {
    #[prost(enumeration = "Presence", optional, tag = "1")]
    pub field_presence: Option<i32>,
    #[prost(enumeration = "EnumType", optional, tag = "2")]
    pub enum_type: Option<i32>,
    #[prost(enumeration = "Repeated", optional, tag = "3")]
    pub repeated_field_encoding: Option<i32>,
    #[prost(enumeration = "Encoding", optional, tag = "5")]
    pub message_encoding: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Presence {
    Unknown = 0,
    Explicit = 1,
    Implicit = 2,
    LegacyRequired = 3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum EnumType {
    Unknown = 0,
    Open = 1,
    Closed = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Repeated {
    Unknown = 0,
    Packed = 1,
    Expanded = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Encoding {
    Unknown = 0,
    LengthPrefixed = 1,
    Delimited = 2,
}

impl Features {
    /// Those of the editions 2023 and 2024, where nothing else is said. What a text must be (`utf8_validation`) and which
    /// names may go together in JSON (`json_format`) make no difference here: JSON has UTF-8 alone, and the compiler has
    /// looked at the names.
    pub fn by_default() -> Self {
        Self {
            field_presence: Some(Presence::Explicit.into()),
            enum_type: Some(EnumType::Open.into()),
            repeated_field_encoding: Some(Repeated::Packed.into()),
            message_encoding: Some(Encoding::LengthPrefixed.into()),
        }
    }

    /// Those of something in this that has these of its own.
    pub fn with(self, own: Option<Features>) -> Self {
        let own = own.unwrap_or_default();
        let said = |value: Option<i32>| value.filter(|value| *value != 0);
        Self {
            field_presence: said(own.field_presence).or(self.field_presence),
            enum_type: said(own.enum_type).or(self.enum_type),
            repeated_field_encoding: said(own.repeated_field_encoding).or(self.repeated_field_encoding),
            message_encoding: said(own.message_encoding).or(self.message_encoding),
        }
    }
}
