//! `Debug` for messages that hold secrets, so that no log and no panic shows one.

use std::{collections::BTreeSet, fmt::Write as _};

use prost_reflect::{DescriptorPool, MessageDescriptor};

use super::{Refusal, names, options};

/// Writes a `Debug` for every message with a secret field; returns the messages' full names.
pub fn write(pool: &DescriptorPool, source: &mut String) -> Result<Vec<String>, Refusal> {
    let mut written = Vec::new();
    for message in pool.all_messages().filter(|message| !message.package_name().starts_with("google.")) {
        let mut secrets = BTreeSet::new();
        for field in message.fields() {
            if options::field(&field)?.secret {
                secrets.insert(field.name().to_owned());
                if field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic()) {
                    return Refusal::new(field.full_name(), "a secret cannot be part of a oneof");
                }
            }
        }
        if !secrets.is_empty() {
            write_one(&message, &secrets, source);
            written.push(message.full_name().to_owned());
        }
    }
    Ok(written)
}

fn write_one(message: &MessageDescriptor, secrets: &BTreeSet<String>, source: &mut String) {
    let mut fields = String::new();
    for field in message.fields().filter(|field| field.containing_oneof().is_none_or(|it| it.is_synthetic()))
    {
        let (name, member) = (field.name(), names::member(field.name()));
        let value = if secrets.contains(name) {
            "&format_args!(\"[redacted]\")".to_owned()
        } else {
            format!("&self.{member}")
        };
        let _ = writeln!(fields, "            .field({name:?}, {value})");
    }
    for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        let (name, member) = (oneof.name(), names::member(oneof.name()));
        let _ = writeln!(fields, "            .field({name:?}, &self.{member})");
    }
    let (path, name) = (names::message(message), message.name());
    let _ = write!(
        source,
        "
impl std::fmt::Debug for {path} {{
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{
        to.debug_struct({name:?})
{fields}            .finish()
    }}
}}
"
    );
}
