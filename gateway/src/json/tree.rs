//! Reads JSON of any form, for the types that stand for it, and for messages whose type comes with them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::{At, DEPTH_LIMIT, decode::Element};

/// Reads any JSON whose objects do not repeat their keys.
#[derive(Clone, Copy)]
pub struct Tree<'a>(pub Element<'a>);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Json, D::Error> {
        if self.0.depth >= DEPTH_LIMIT {
            return Err(self.0.wrong("nested too deep"));
        }
        self.0.count::<D::Error>()?;
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        loop {
            let at = At::Index(self.0.at, list.len());
            // A level of JSON is up to three of messages: value, list or struct, and entry.
            let inner = Tree(Element { at: &at, depth: self.0.depth + 3, ..self.0 });
            match seq.next_element_seed(inner)? {
                Some(value) => list.push(value),
                None => return Ok(Json::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let at = At::Field(self.0.at, &key);
            let inner = Element { at: &at, depth: self.0.depth + 3, ..self.0 };
            if object.contains_key(&key) {
                return Err(inner.wrong("given more than once"));
            }
            let value = map.next_value_seed(Tree(inner))?;
            object.insert(key, value);
        }
        Ok(Json::Object(object))
    }
}
