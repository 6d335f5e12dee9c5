//! Reads JSON of any form, for the types that stand for it: `Value`, `Struct` and `ListValue`.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{
    element::Element,
    known::Known,
    put::{Place, Put},
};
use crate::{
    json::{At, DEPTH_LIMIT, write::kind::Kind},
    wire::Raw,
};

/// The numbers of a `Value`'s fields.
const NULL: u32 = 1;
const NUMBER: u32 = 2;
const STRING: u32 = 3;
const BOOL: u32 = 4;
const STRUCT: u32 = 5;
const LIST: u32 = 6;
/// That of the only field of a `Struct`, whose entries these are, or of a `ListValue`.
const ALL: u32 = 1;
/// Those of an entry.
const KEY: u32 = 1;
const HELD: u32 = 2;
/// A level of JSON is up to three of messages: value, list or struct, and entry.
const LEVELS: u32 = 3;

/// Reads any JSON whose objects do not repeat their keys.
pub struct Tree<'a, 't>(pub Element<'a, 't>);

impl<'de> DeserializeSeed<'de> for Tree<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let Place { at, depth, .. } = self.0.place;
        if depth >= DEPTH_LIMIT {
            return Err(self.0.run.wrong(at, "nested too deep"));
        }
        self.0.run.count::<D::Error>(at)?;
        json.deserialize_any(self)
    }
}

impl Tree<'_, '_> {
    fn known(&self) -> Known {
        match self.0.place.kind {
            Kind::Message(message) => Known::of(self.0.run.tables, message),
            _ => Known::Value,
        }
    }

    /// Puts a value that is neither object nor array.
    fn single<E: serde::de::Error>(self, number: u32, raw: Raw<'_>) -> Result<(), E> {
        let known = self.known();
        let Element { run, place } = self.0;
        if known != Known::Value {
            return Err(run.wrong(place.at, known.expected()));
        }
        let frame = run.begin(place.put, place.kind);
        run.put(Put::Field(number), raw);
        run.end(frame);
        Ok(())
    }

    /// Puts what is an object or an array by itself, or in a `Value` that holds one in this field.
    fn within<E: serde::de::Error>(
        self,
        (wanted, number): (Known, u32),
        all: impl FnOnce(&mut Element<'_, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let known = self.known();
        let Element { run, place } = self.0;
        let value = run.tables.place("google.protobuf.Value").map(Kind::Message);
        let (Some(kind), true) = (value, known == wanted || known == Known::Value) else {
            return Err(run.wrong(place.at, known.expected()));
        };
        let outer = run.begin(place.put, place.kind);
        let inner = (known == Known::Value).then(|| run.begin(Put::Field(number), kind));
        all(&mut Element { run: &mut *run, place: Place { kind, depth: place.depth + LEVELS, ..place } })?;
        if let Some(inner) = inner {
            run.end(inner);
        }
        run.end(outer);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Tree<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.single(NULL, Raw::Varint(0))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.single(BOOL, Raw::Varint(value.into()))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.single(NUMBER, Raw::Fixed64((value as f64).to_bits()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.single(NUMBER, Raw::Fixed64((value as f64).to_bits()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.single(NUMBER, Raw::Fixed64(value.to_bits()))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.single(STRING, Raw::Bytes(value.as_bytes()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.within((Known::List, LIST), |Element { run, place }| {
            let mut count = 0;
            loop {
                let at = At::Index(place.at, count);
                let place = Place { at: &at, put: Put::Field(ALL), ..*place };
                if seq.next_element_seed(Tree(Element { run, place }))?.is_none() {
                    return Ok(());
                }
                count += 1;
            }
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.within((Known::Struct, STRUCT), |Element { run, place }| {
            let mut keys = HashSet::new();
            while let Some(key) = map.next_key::<String>()? {
                let at = At::Field(place.at, &key);
                if keys.contains(&key) {
                    return Err(run.wrong(&at, "given more than once"));
                }
                let frame = run.begin(Put::Field(ALL), place.kind);
                run.put(Put::UnlessZero(KEY), Raw::Bytes(key.as_bytes()));
                let place = Place { at: &at, put: Put::Field(HELD), ..*place };
                map.next_value_seed(Tree(Element { run, place }))?;
                run.end(frame);
                keys.insert(key);
            }
            Ok(())
        })
    }
}
