//! Reads values: scalars, and messages of whatever form.

use std::fmt;

use serde::{
    Deserialize as _,
    de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    Run,
    known::{Known, format_of, formatted},
    put::{Place, Put},
    scalar::{Scalar, from_json, is_numeric},
    tree::Tree,
};
use crate::{
    json::{DEPTH_LIMIT, write::kind::Kind},
    wire::Raw,
};

/// Reads one value.
pub struct Element<'a, 't> {
    pub run: &'a mut Run<'t>,
    pub place: Place<'a>,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let Place { kind, at, depth, .. } = self.place;
        let (Kind::Message(message) | Kind::Group(message)) = kind else {
            return if is_numeric(kind) { self.number(json) } else { json.deserialize_any(self) };
        };
        if depth >= DEPTH_LIMIT {
            return Err(self.run.wrong(at, "nested too deep"));
        }
        match Known::of(self.run.tables, message) {
            Known::Wrapper if self.wraps_number(message) => self.number(json),
            Known::Object | Known::Text | Known::Wrapper => json.deserialize_any(self),
            Known::Any => self.any(<&RawValue>::deserialize(json)?.get()),
            Known::Value | Known::Struct | Known::List => Tree(self).deserialize(json),
        }
    }
}

impl Element<'_, '_> {
    /// Reads what can be a number as it is written, before anything has rounded it.
    fn number<'de, D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let text = <&RawValue>::deserialize(json)?.get();
        if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return self.scalar(Scalar::Number(text));
        }
        let Self { run, place } = self;
        let other = Element { run: &mut *run, place };
        let read = serde_json::Deserializer::from_str(text).deserialize_any(other);
        read.map_err(|error| run.wrong(place.at, error.to_string()))
    }

    fn wraps_number(&self, message: usize) -> bool {
        let field = self.run.tables.messages.get(message).and_then(|table| table.fields.first());
        field.is_some_and(|field| is_numeric(field.kind))
    }

    fn scalar<E: serde::de::Error>(self, json: Scalar<'_>) -> Result<(), E> {
        let Self { run, place } = self;
        run.scalar(place, json).map_err(|description| run.wrong(place.at, description))
    }

    fn expected(&self) -> &'static str {
        match self.place.kind {
            Kind::Message(message) | Kind::Group(message) => Known::of(self.run.tables, message).expected(),
            _ => "expected a single value",
        }
    }
}

impl Run<'_> {
    fn scalar(&mut self, place: Place<'_>, json: Scalar<'_>) -> Result<(), String> {
        let (mut buffer, tables) = (Vec::new(), self.tables);
        let (Kind::Message(message) | Kind::Group(message)) = place.kind else {
            let raw = from_json(tables, place.kind, json, &mut buffer)?;
            self.put(place.put, raw);
            return Ok(());
        };
        let table = tables.messages.get(message).ok_or("there is no table of its type")?;
        match (Known::of(tables, message), json) {
            (Known::Text, Scalar::Text(text)) => {
                let frame = self.begin(place.put, place.kind);
                formatted(table, text, self.out)?;
                self.end(frame);
            }
            (Known::Text, _) => return Err(format!("expected {}", format_of(table.form))),
            (Known::Wrapper, json) => {
                let wrapped = table.fields.first().ok_or("there is no value in it")?;
                let raw = from_json(tables, wrapped.kind, json, &mut buffer)?;
                let frame = self.begin(place.put, place.kind);
                self.put(Put::UnlessZero(wrapped.number), raw);
                self.end(frame);
            }
            (known, _) => return Err(known.expected().to_owned()),
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Element<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.scalar(Scalar::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.scalar(Scalar::Number(&value.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.scalar(Scalar::Number(&value.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.scalar(Scalar::Number(&value.to_string()))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.scalar(Scalar::Text(value))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        if self.place.kind != Kind::Null {
            return Err(self.run.wrong(self.place.at, "may not be null"));
        }
        self.run.put(self.place.put, Raw::Varint(0));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        let expected = self.expected();
        Err(self.run.wrong(self.place.at, expected))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.place.kind {
            Kind::Message(message) | Kind::Group(message)
                if Known::of(self.run.tables, message) == Known::Object =>
            {
                self.object(message, map)
            }
            _ => {
                let expected = self.expected();
                Err(self.run.wrong(self.place.at, expected))
            }
        }
    }
}
