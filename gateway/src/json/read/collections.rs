//! Reads repeated fields and maps.

use std::{collections::HashSet, fmt};

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    Run,
    element::Element,
    object::put,
    put::{Place, Put},
    scalar::from_text,
};
use crate::{
    json::{
        At,
        write::kind::{Kind, Shape},
    },
    wire::Raw,
};

/// Reads a repeated field or a map.
pub struct Many<'a, 't> {
    pub run: &'a mut Run<'t>,
    /// What an item must be, or an entry, and where they all are.
    pub place: Place<'a>,
    pub number: u32,
    pub shape: Shape,
    /// Whether its items stand side by side.
    pub is_packed: bool,
    /// How many there may be at most, if there is a rule.
    pub most: Option<usize>,
}

impl Many<'_, '_> {
    fn expected(&self) -> &'static str {
        if self.shape == Shape::Map { "expected an object" } else { "expected an array" }
    }

    fn wrong<E: serde::de::Error>(self) -> Result<(), E> {
        let expected = self.expected();
        Err(self.run.wrong(self.place.at, expected))
    }
}

impl<'de> Visitor<'de> for Many<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.wrong()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.wrong()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.wrong()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.wrong()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.wrong()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.shape == Shape::Map {
            return self.wrong();
        }
        let Self { run, place, number, is_packed, most, .. } = self;
        let frame = is_packed.then(|| run.begin(Put::UnlessZero(number), place.kind));
        let put = if is_packed { Put::Bare } else { Put::Field(number) };
        let mut count = 0;
        loop {
            if most.is_some_and(|most| count >= most) {
                if seq.next_element::<IgnoredAny>()?.is_some() {
                    return Err(run.too_many(place.at, count, "item"));
                }
                break;
            }
            let at = At::Index(place.at, count);
            let item = Element { run: &mut *run, place: Place { at: &at, put, ..place } };
            if seq.next_element_seed(item)?.is_none() {
                break;
            }
            run.count::<A::Error>(&at)?;
            count += 1;
        }
        if let Some(frame) = frame {
            run.end(frame);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let table = match (self.shape, self.place.kind) {
            (Shape::Map, Kind::Message(entry)) => self.run.tables.messages.get(entry),
            _ => None,
        };
        let fields = table.and_then(|table| {
            let field = |number| table.fields.get(table.find(number, 0)?);
            Some((field(1)?, field(2)?))
        });
        let Some((key_field, value_field)) = fields else { return self.wrong() };
        let Self { run, place, number, most, .. } = self;
        let (mut keys, mut buffer) = (HashSet::new(), Vec::new());
        while let Some(name) = entries.next_key::<String>()? {
            if most.is_some_and(|most| keys.len() >= most) {
                return Err(run.too_many(place.at, keys.len(), "pair"));
            }
            run.count::<A::Error>(place.at)?;
            let at = At::Key(place.at, &name);
            let key = from_text(run.tables, key_field.kind, &name, &mut buffer);
            let key = key.map_err(|description| run.wrong::<A::Error>(&at, description))?;
            if !keys.insert(Key::of(key)) {
                return Err(run.wrong(&at, "given more than once"));
            }
            let frame = run.begin(Put::Field(number), place.kind);
            run.put(Put::UnlessZero(key_field.number), key);
            let (kind, put) = (value_field.kind, put(value_field));
            let value = Place { kind, at: &at, depth: place.depth + 1, in_any: false, put };
            entries.next_value_seed(Element { run: &mut *run, place: value })?;
            run.end(frame);
        }
        Ok(())
    }
}

/// A key that is there. All keys of a map are of one kind.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Number(u64),
    Text(Box<[u8]>),
}

impl Key {
    fn of(raw: Raw<'_>) -> Self {
        match raw {
            Raw::Varint(value) | Raw::Fixed64(value) => Self::Number(value),
            Raw::Fixed32(value) => Self::Number(value.into()),
            Raw::Bytes(text) | Raw::Group(text) => Self::Text(text.into()),
        }
    }
}
