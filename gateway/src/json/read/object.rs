//! Reads objects that are messages: the names of their fields, and what stands for each.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{
    Run,
    collections::Many,
    element::Element,
    known::Known,
    put::{Place, Put},
};
use crate::{
    json::{
        At,
        write::{
            kind::{Kind, Shape},
            tables::Field,
        },
    },
    wire::Raw,
};

impl Element<'_, '_> {
    /// Reads a message whose JSON is an object of its fields.
    pub fn object<'de, A: MapAccess<'de>>(self, message: usize, mut map: A) -> Result<(), A::Error> {
        let Self { run, place } = self;
        let (tables, from) = (run.tables, run.seen.len());
        let frame = run.begin(place.put, place.kind);
        let mut guess = 0;
        while let Some(named) = map.next_key_seed(Name { run: &mut *run, message, guess, place })? {
            let Some(field) = named else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            guess = field + 1;
            let at = At::Field(place.at, tables.names.field(message, field));
            if run.seen[from..].iter().any(|(seen, _)| *seen == field) {
                return Err(run.wrong(&at, "given more than once"));
            }
            let index = run.seen.len();
            run.seen.push((field, false));
            let member = Member { run: &mut *run, message, field, at: &at, depth: place.depth + 1 };
            if !map.next_value_seed(member)? {
                continue;
            }
            if let Some(other) = run.excluded_by(message, field, from) {
                return Err(run.wrong(&at, format!("excludes `{}`", tables.names.field(message, other))));
            }
            run.seen[index].1 = true;
        }
        if place.depth == 0 {
            let fields = tables.messages.get(message).map_or([].as_slice(), |table| table.fields.as_slice());
            run.named = run.seen[from..].iter().map(|(field, _)| fields[*field].number).collect();
        }
        run.seen.truncate(from);
        run.end(frame);
        Ok(())
    }
}

impl Run<'_> {
    /// The field that excludes another of its message, and is set. The message's own begin at `from`.
    fn excluded_by(&self, message: usize, field: usize, from: usize) -> Option<usize> {
        let table = self.tables.messages.get(message)?;
        let choices = &table.oneofs[table.fields.get(field)?.oneof?];
        let set = |choice: &&usize| **choice != field && self.seen[from..].contains(&(**choice, true));
        choices.iter().find(set).copied()
    }
}

/// Reads a field's name, in either spelling; `None` for the name of its type in an `Any`.
struct Name<'a, 't> {
    run: &'a mut Run<'t>,
    message: usize,
    guess: usize,
    place: Place<'a>,
}

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        if self.place.in_any && name == "@type" {
            return Ok(None);
        }
        match self.run.tables.names.find(self.message, name, self.guess) {
            Some(field) => Ok(Some(field)),
            None => Err(self.run.wrong(&At::Field(self.place.at, name), "unknown field")),
        }
    }
}

/// Reads what stands for a field: a value, an array, an object that is a map, or null for none. Tells whether it is set.
pub struct Member<'a, 't> {
    pub run: &'a mut Run<'t>,
    /// Where the message's table is, and where the field is in it.
    pub message: usize,
    pub field: usize,
    pub at: &'a At<'a>,
    pub depth: u32,
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<bool, E> {
        self.visit_none()
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<bool, E> {
        let field = self.run.field::<E>(self.message, self.field)?;
        match (field.shape, field.kind) {
            (Shape::One, Kind::Null) => self.run.put(put(field), Raw::Varint(0)),
            (Shape::One, kind @ Kind::Message(message))
                if Known::of(self.run.tables, message) == Known::Value =>
            {
                let frame = self.run.begin(Put::Field(field.number), kind);
                self.run.put(Put::Field(1), Raw::Varint(0));
                self.run.end(frame);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        let Self { run, message, field: index, at, depth } = self;
        let field = run.field::<D::Error>(message, index)?;
        let place = Place { kind: field.kind, at, depth, in_any: false, put: put(field) };
        match field.shape {
            Shape::One => Element { run, place }.deserialize(json)?,
            shape => {
                let most = run.bounds.most(message, field.number);
                let is_packed = run.tables.names.is_packed(message, index);
                json.deserialize_any(Many { run, place, number: field.number, shape, is_packed, most })?;
            }
        }
        Ok(true)
    }
}

/// How a field's one value is put.
pub fn put(field: &Field) -> Put {
    // What has no presence has a default instead.
    if field.default.is_some() { Put::UnlessZero(field.number) } else { Put::Field(field.number) }
}
