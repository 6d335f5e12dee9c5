//! What descriptors must keep to that their reader does not look at, though whatever is made of them takes it for granted.

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

use super::ContractError;

/// Methods that a contract may have: each becomes routes and a part of the documentation.
const MOST_METHODS: usize = 10_000;
/// The numbers of the two fields of a map's entry.
const KEY: u32 = 1;
const VALUE: u32 = 2;

/// Finds what is wrong with a contract.
pub fn all(pool: &DescriptorPool) -> Result<(), ContractError> {
    let mut methods = 0;
    for service in pool.services() {
        named("service", service.full_name())?;
        methods += service.methods().len();
        if methods > MOST_METHODS {
            return Err(ContractError::TooLarge { most: MOST_METHODS, what: "methods" });
        }
        service.methods().try_for_each(|method| named("method", method.full_name()))?;
    }
    for message in pool.all_messages() {
        named("message", message.full_name())?;
        message.fields().try_for_each(|field| named("field", field.full_name()))?;
        if message.is_map_entry() && !is_entry(&message) {
            let problem = format!("{} is no entry of a map", message.full_name());
            return Err(ContractError::Invalid(problem));
        }
    }
    for values in pool.all_enums() {
        named("enum", values.full_name())?;
        values.values().try_for_each(|value| named("enum value", value.full_name()))?;
    }
    pool.all_extensions().try_for_each(|extension| named("extension", extension.full_name()))
}

/// Names end in paths, documents and logs.
fn named(what: &str, full_name: &str) -> Result<(), ContractError> {
    if full_name.split('.').all(is_identifier) {
        return Ok(());
    }
    Err(ContractError::Invalid(format!("{full_name:?} can be no {what}'s name")))
}

fn is_identifier(part: &str) -> bool {
    let mut bytes = part.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A key and a value, each once, and the key of a kind that keys can be of.
fn is_entry(message: &MessageDescriptor) -> bool {
    let (Some(key), Some(value)) = (message.get_field(KEY), message.get_field(VALUE)) else { return false };
    let is_key =
        !matches!(key.kind(), Kind::Double | Kind::Float | Kind::Bytes | Kind::Enum(_) | Kind::Message(_));
    message.fields().len() == 2 && is_key && !key.is_list() && !value.is_list()
}
