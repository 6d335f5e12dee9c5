//! A `FileDescriptorProto`, with as much of it read as depends on features. The rest stays bytes, and so what it is:
//! options of other contracts among it.

use bytes::Bytes;

use super::features::Features;

#[derive(Clone, PartialEq, prost::Message)]
pub struct File {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, optional, tag = "2")]
    pub package: Option<String>,
    #[prost(string, repeated, tag = "3")]
    dependency: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    pub message_type: Vec<Message>,
    #[prost(message, repeated, tag = "5")]
    pub enum_type: Vec<Enum>,
    #[prost(bytes = "bytes", repeated, tag = "6")]
    service: Vec<Bytes>,
    #[prost(message, repeated, tag = "7")]
    pub extension: Vec<Field>,
    #[prost(bytes = "bytes", optional, tag = "8")]
    pub options: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    source_code_info: Option<Bytes>,
    #[prost(int32, repeated, packed = "false", tag = "10")]
    public_dependency: Vec<i32>,
    #[prost(int32, repeated, packed = "false", tag = "11")]
    weak_dependency: Vec<i32>,
    #[prost(string, optional, tag = "12")]
    pub syntax: Option<String>,
    #[prost(int32, optional, tag = "14")]
    pub edition: Option<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Message {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub field: Vec<Field>,
    #[prost(message, repeated, tag = "3")]
    pub nested_type: Vec<Message>,
    #[prost(message, repeated, tag = "4")]
    pub enum_type: Vec<Enum>,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    extension_range: Vec<Bytes>,
    #[prost(message, repeated, tag = "6")]
    pub extension: Vec<Field>,
    #[prost(bytes = "bytes", optional, tag = "7")]
    pub options: Option<Bytes>,
    #[prost(message, repeated, tag = "8")]
    pub oneof_decl: Vec<Oneof>,
    #[prost(bytes = "bytes", repeated, tag = "9")]
    reserved_range: Vec<Bytes>,
    #[prost(string, repeated, tag = "10")]
    reserved_name: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Field {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, optional, tag = "2")]
    extendee: Option<String>,
    #[prost(int32, optional, tag = "3")]
    number: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    pub label: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    pub r#type: Option<i32>,
    #[prost(string, optional, tag = "6")]
    pub type_name: Option<String>,
    #[prost(string, optional, tag = "7")]
    default_value: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "8")]
    pub options: Option<Bytes>,
    #[prost(int32, optional, tag = "9")]
    pub oneof_index: Option<i32>,
    #[prost(string, optional, tag = "10")]
    json_name: Option<String>,
    #[prost(bool, optional, tag = "17")]
    pub proto3_optional: Option<bool>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Oneof {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub options: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Enum {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub value: Vec<EnumValue>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub options: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    reserved_range: Vec<Bytes>,
    #[prost(string, repeated, tag = "5")]
    reserved_name: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct EnumValue {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int32, tag = "2")]
    pub number: i32,
    #[prost(bytes = "bytes", optional, tag = "3")]
    options: Option<Bytes>,
}

/// What of `FileOptions` is looked at.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileOptions {
    #[prost(message, optional, tag = "50")]
    pub features: Option<Features>,
}

/// What of `MessageOptions` is looked at.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MessageOptions {
    #[prost(bool, tag = "7")]
    pub map_entry: bool,
    #[prost(message, optional, tag = "12")]
    pub features: Option<Features>,
}

/// What of `FieldOptions` is looked at, or set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FieldOptions {
    #[prost(bool, optional, tag = "2")]
    pub packed: Option<bool>,
    #[prost(message, optional, tag = "21")]
    pub features: Option<Features>,
}

/// What of `OneofOptions` is looked at.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OneofOptions {
    #[prost(message, optional, tag = "1")]
    pub features: Option<Features>,
}

/// What of `EnumOptions` is looked at, or set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EnumOptions {
    #[prost(message, optional, tag = "7")]
    pub features: Option<Features>,
}
