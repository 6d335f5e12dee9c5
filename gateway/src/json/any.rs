//! Reads an `Any`: its type's name may stand anywhere in it, so its text is looked through first, and then read as what it
//! names. Nothing of it is kept as a tree in between, which would round its numbers.

use std::fmt;

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};
use serde::de::{DeserializeSeed as _, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    At,
    decode::Element,
    well_known::{self, Form},
};

/// How much deeper what is in an `Any` counts: its text is looked through once more at each level.
const LEVELS: u32 = 10;

/// What an `Any` names beside the fields of what is in it.
struct Head<'t> {
    type_url: Option<String>,
    value: Option<&'t RawValue>,
    /// Whether it has another `value`.
    twice: bool,
    /// Any other name.
    other: Option<String>,
}

struct Look<'a>(Element<'a>);

impl<'de> Visitor<'de> for Look<'_> {
    type Value = Head<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head<'de>, A::Error> {
        let mut head = Head { type_url: None, value: None, twice: false, other: None };
        while let Some(name) = map.next_key::<String>()? {
            self.0.count::<A::Error>()?;
            match name.as_str() {
                "@type" => {
                    let at = At::Field(self.0.at, "@type");
                    let own = Element { at: &at, ..self.0 };
                    let text = map.next_value::<&RawValue>()?;
                    let Ok(url) = serde_json::from_str(text.get()) else {
                        return Err(self.0.wrong("expected `@type` with a type's URL"));
                    };
                    if head.type_url.replace(url).is_some() {
                        return Err(own.wrong("given more than once"));
                    }
                }
                "value" => head.twice |= head.value.replace(map.next_value()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    head.other.get_or_insert(name);
                }
            }
        }
        Ok(head)
    }
}

impl Element<'_> {
    /// Reads an `Any` of a type that the pool knows.
    pub fn any<E: serde::de::Error>(self, desc: &MessageDescriptor, text: &str) -> Result<Value, E> {
        if !text.starts_with('{') {
            return Err(self.wrong("expected an object"));
        }
        // Errors within are recorded already; the outer error only ends the run.
        let outer = |error: serde_json::Error| self.wrong::<E>(error.to_string());
        let head = serde_json::Deserializer::from_str(text).deserialize_map(Look(self)).map_err(outer)?;
        let Some(type_url) = head.type_url else {
            if head.value.is_none() && head.other.is_none() {
                return Ok(Value::Message(DynamicMessage::new(desc.clone())));
            }
            return Err(self.wrong("expected `@type` with a type's URL"));
        };
        let Some(inner) = well_known::named_type(desc.parent_pool(), &type_url) else {
            return Err(self.wrong(format!("unknown type `{type_url}`")));
        };
        // Nothing stands beside `Empty` but, as some write it, its own object.
        let is_plain = well_known::form(&inner) == Form::Object
            && (inner.full_name() != "google.protobuf.Empty" || head.value.is_none());
        let text = match (is_plain, head.value, head.other) {
            (true, ..) => text,
            (false, _, Some(name)) => {
                return Err(self.wrong(format!("unknown field `{name}` beside `value`")));
            }
            (false, None, None) => return Err(self.wrong("expected `value`")),
            (false, Some(_), None) if head.twice => {
                let at = At::Field(self.at, "value");
                return Err(Element { at: &at, ..self }.wrong("given more than once"));
            }
            (false, Some(value), None) => value.get(),
        };
        let kind = Kind::Message(inner);
        let element = Element { kind: &kind, depth: self.depth + LEVELS, in_any: is_plain, ..self };
        match element.deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(outer)? {
            Value::Message(message) => well_known::pack(desc, type_url, &message)
                .map(Value::Message)
                .map_err(|description| self.wrong(description)),
            _ => Err(self.wrong("expected an object")),
        }
    }
}
