//! Examples as answers are written. They are made as proto3 JSON, as a contract declares its own.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json};

use crate::json::{self, Defaults, EnumValues, FieldNames, Style};

/// The names that details of errors have in the document.
const OF_ERRORS: [(&str, &str); 2] = [("fieldViolations", "field_violations"), ("retryDelay", "retry_delay")];

/// A message's JSON in a style.
pub fn message(value: Json, desc: &MessageDescriptor, style: Style) -> Json {
    match value {
        Json::Object(members) if style != Style::default() && json::has_fields(desc) => {
            let styled = members.into_iter().filter_map(|(name, value)| {
                let found = desc.get_field_by_json_name(&name).or_else(|| desc.get_field_by_name(&name));
                let Some(own) = found else { return Some((name, value)) };
                if style.defaults == Defaults::Omit && !own.supports_presence() && is_default(&own, &value) {
                    return None;
                }
                Some((style.name(&own).to_owned(), field(value, &own, style)))
            });
            Json::Object(styled.collect())
        }
        value => value,
    }
}

/// A field's JSON in a style.
pub fn field(value: Json, desc: &FieldDescriptor, style: Style) -> Json {
    match value {
        Json::Array(items) if desc.is_list() => {
            items.into_iter().map(|item| single(item, &desc.kind(), style)).collect()
        }
        Json::Object(entries) if desc.is_map() => {
            let kind = desc.kind();
            let Some(entry) = kind.as_message() else { return entries.into() };
            let kind = entry.map_entry_value_field().kind();
            let styled = entries.into_iter().map(|(key, value)| (key, single(value, &kind, style)));
            styled.collect::<Map<_, _>>().into()
        }
        value => single(value, &desc.kind(), style),
    }
}

fn single(value: Json, kind: &Kind, style: Style) -> Json {
    match kind {
        Kind::Message(desc) => message(value, desc, style),
        Kind::Enum(desc) if style.enums == EnumValues::Numbers => {
            let named = value.as_str().and_then(|name| desc.get_value_by_name(name));
            named.map_or(value, |named| style.value(&named))
        }
        _ => value,
    }
}

/// Whether a field's JSON says what its absence says.
fn is_default(field: &FieldDescriptor, value: &Json) -> bool {
    match (field.kind(), value) {
        (_, Json::Array(items)) => items.is_empty(),
        (_, Json::Object(entries)) => field.is_map() && entries.is_empty(),
        (_, Json::Bool(value)) => !value,
        (_, Json::Number(number)) => number.as_f64() == Some(0.0),
        (Kind::Enum(desc), Json::String(name)) => *name == desc.default_value().name(),
        (Kind::String | Kind::Bytes, Json::String(text)) => text.is_empty(),
        (_, Json::String(number)) => number == "0",
        (_, Json::Null) => false,
    }
}

/// What is said of errors, in a style.
pub fn errors(value: Json, style: Style) -> Json {
    match value {
        _ if style.names == FieldNames::Camel => value,
        Json::Object(members) => {
            let renamed = members.into_iter().map(|(name, value)| {
                let own = OF_ERRORS.iter().find(|(camel, _)| *camel == name);
                (own.map_or(name, |(_, proto)| (*proto).to_owned()), errors(value, style))
            });
            renamed.collect::<Map<_, _>>().into()
        }
        Json::Array(items) => items.into_iter().map(|item| errors(item, style)).collect(),
        value => value,
    }
}
