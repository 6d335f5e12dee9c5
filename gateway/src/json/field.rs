//! Reads fields of messages: their names, and what stands for them.

use std::fmt;

use prost_reflect::{Kind, MessageDescriptor, Value};
use serde::de::{DeserializeSeed, Deserializer, Visitor};

use super::{
    At,
    collections::{Entries, List},
    decode::Element,
    member::Member,
    well_known::{self, Form},
};

/// Reads a field's name, in either spelling; `None` for the name of its type in an `Any`.
pub struct Name<'a> {
    pub desc: &'a MessageDescriptor,
    pub of: Element<'a>,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<Member>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<Member>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        if self.of.in_any && name == "@type" {
            return Ok(None);
        }
        Member::named(self.desc, name).map(Some).ok_or_else(|| {
            let at = At::Field(self.of.at, name);
            Element { at: &at, ..self.of }.wrong("unknown field")
        })
    }
}

/// Reads what stands for a field: a value, an array, an object that is a map, or null for none.
pub struct Field<'a> {
    pub field: &'a Member,
    pub kind: &'a Kind,
    pub element: Element<'a>,
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Value>, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        self.visit_none()
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        if self.field.is_list() || self.field.is_map() {
            return Ok(None);
        }
        match self.kind {
            Kind::Message(desc) if well_known::form(desc) == Form::Value => well_known::null(desc)
                .map(|null| Some(Value::Message(null)))
                .map_err(|error| self.element.wrong(error)),
            Kind::Enum(desc) if desc.full_name() == "google.protobuf.NullValue" => {
                Ok(Some(Value::EnumNumber(0)))
            }
            _ => Ok(None),
        }
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        let most = self.element.context.most(self.field);
        if self.field.is_list() {
            json.deserialize_any(List(self.element, most)).map(Some)
        } else if self.field.is_map() {
            json.deserialize_any(Entries(self.element, most)).map(Some)
        } else {
            self.element.deserialize(json).map(Some)
        }
    }
}
