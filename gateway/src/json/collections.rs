//! Reads repeated fields and maps.

use std::{collections::HashMap, fmt};

use prost_reflect::{Kind, MapKey, Value};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{At, decode::Element, from_text};

/// Makes a visitor refuse all scalars with one description.
macro_rules! no_scalars {
    ($expected:literal) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str($expected)
        }
        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Value, E> {
            Err(self.0.wrong($expected))
        }
        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Value, E> {
            Err(self.0.wrong($expected))
        }
        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Value, E> {
            Err(self.0.wrong($expected))
        }
        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
            Err(self.0.wrong($expected))
        }
        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Value, E> {
            Err(self.0.wrong($expected))
        }
    };
}

/// Reads a repeated field of so many items at most, if there is a rule.
pub struct List<'a>(pub Element<'a>, pub Option<usize>);

impl<'de> Visitor<'de> for List<'_> {
    type Value = Value;

    no_scalars!("expected an array");

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(self.0.wrong("expected an array"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            if self.1.is_some_and(|most| list.len() >= most) {
                return match seq.next_element::<IgnoredAny>()? {
                    Some(_) => Err(self.0.too_many(list.len(), "item")),
                    None => Ok(Value::List(list)),
                };
            }
            let at = At::Index(self.0.at, list.len());
            let Some(value) = seq.next_element_seed(Element { at: &at, ..self.0 })? else {
                return Ok(Value::List(list));
            };
            Element { at: &at, ..self.0 }.count::<A::Error>()?;
            list.push(value);
        }
    }
}

/// Reads a map of so many entries at most, if there is a rule.
pub struct Entries<'a>(pub Element<'a>, pub Option<usize>);

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Value;

    no_scalars!("expected an object");

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(self.0.wrong("expected an object"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Kind::Message(entry) = self.0.kind else { return Err(self.0.wrong("expected an object")) };
        let (key_kind, kind) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
        let mut map = HashMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            if self.1.is_some_and(|most| map.len() >= most) {
                return Err(self.0.too_many(map.len(), "pair"));
            }
            self.0.count::<A::Error>()?;
            let at = At::Key(self.0.at, &name);
            let element = Element {
                kind: &kind,
                at: &at,
                depth: self.0.depth + 1,
                context: self.0.context,
                in_any: false,
            };
            let key = from_text(&key_kind, &name).map_err(|description| element.wrong(description))?;
            let key = map_key(key).ok_or_else(|| element.wrong("not a key"))?;
            if map.contains_key(&key) {
                return Err(element.wrong("given more than once"));
            }
            let value = entries.next_value_seed(element)?;
            map.insert(key, value);
        }
        Ok(Value::Map(map))
    }
}

/// A key of a map.
pub fn map_key(value: Value) -> Option<MapKey> {
    Some(match value {
        Value::Bool(value) => MapKey::Bool(value),
        Value::I32(value) => MapKey::I32(value),
        Value::I64(value) => MapKey::I64(value),
        Value::U32(value) => MapKey::U32(value),
        Value::U64(value) => MapKey::U64(value),
        Value::String(value) => MapKey::String(value),
        _ => return None,
    })
}
