//! What prost calls things: the same conversions as prost-build's.

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use prost_reflect::{FieldDescriptor, MessageDescriptor, OneofDescriptor};

/// The Rust path of a message.
pub fn message(message: &MessageDescriptor) -> String {
    let name = message.name().to_upper_camel_case();
    match message.full_name() {
        "google.protobuf.Empty" => "()".to_owned(),
        _ if message.package_name() == "google.protobuf" => format!("::prost_types::{name}"),
        _ => format!("{}{}", scope(message), word(name)),
    }
}

/// The Rust path of a oneof's enum.
pub fn oneof(oneof: &OneofDescriptor) -> String {
    let parent = oneof.parent_message();
    let module = word(parent.name().to_snake_case());
    format!("{}{module}::{}", scope(parent), word(oneof.name().to_upper_camel_case()))
}

/// The name of a struct's field, for a field or a oneof.
pub fn member(name: &str) -> String {
    word(name.to_snake_case())
}

/// The variant of a oneof's enum.
pub fn variant(field: &FieldDescriptor) -> String {
    word(field.name().to_upper_camel_case())
}

/// The constant with the fields of an update's resource.
pub fn fields_constant(message: &MessageDescriptor) -> String {
    let path = message.full_name().trim_start_matches("feira.").replace('.', "_");
    path.to_snake_case().to_uppercase()
}

/// The module that a message stands in, with the `::` that leads on.
fn scope(message: &MessageDescriptor) -> String {
    match message.parent_message() {
        Some(parent) => format!("{}{}::", scope(&parent), word(parent.name().to_snake_case())),
        None => {
            let modules = message.package_name().split('.').map(|name| word(name.to_snake_case()) + "::");
            format!("crate::{}", modules.collect::<String>())
        }
    }
}

/// Escapes Rust's keywords.
fn word(name: String) -> String {
    const RAW: &[&str] = &[
        "as", "break", "const", "continue", "else", "enum", "false", "fn", "for", "if", "impl", "in", "let",
        "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "static", "struct", "trait", "true",
        "type", "unsafe", "use", "where", "while", "dyn", "abstract", "become", "box", "do", "final",
        "macro", "override", "priv", "typeof", "unsized", "virtual", "yield", "async", "await", "try", "gen",
    ];
    match name.as_str() {
        "self" | "super" | "extern" | "crate" | "Self" => name + "_",
        word if RAW.contains(&word) => format!("r#{name}"),
        _ => name,
    }
}
