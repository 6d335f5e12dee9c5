//! Reads JSON into messages in one pass, guided by descriptors.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde::{
    Deserialize as _,
    de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};

use super::{
    At, BadField, Bounds, DEPTH_LIMIT, Decoded, Error,
    field::{Field, Name},
    member::Member,
    scalar::{Scalar, from_json, is_numeric},
    tree::Tree,
    well_known::{self, Form},
};

/// How many items, entries and values of any form one text may have, whatever the contract says: each may take hundreds of
/// bytes, and be written by two.
const MOST: usize = 20_000;

/// Reads a message.
pub fn message(
    desc: &MessageDescriptor,
    json: &[u8],
    bounds: &Bounds,
) -> Result<Decoded<DynamicMessage>, Error> {
    let kind = Kind::Message(desc.clone());
    let decoded = run(json, &kind, bounds, |element, json| element.deserialize(json))?;
    match decoded.value {
        Value::Message(value) => Ok(Decoded { value, named: decoded.named }),
        _ => Err(Error::Syntax("expected an object".to_owned())),
    }
}

/// Reads the value of a field; `None` for null.
pub fn field(field: &FieldDescriptor, json: &[u8], bounds: &Bounds) -> Result<Decoded<Option<Value>>, Error> {
    let (kind, field) = (field.kind(), Member::Field(field.clone()));
    run(json, &kind, bounds, |element, json| {
        let at = At::Field(&At::Root, field.name());
        Field { field: &field, kind: &kind, element: Element { at: &at, ..element } }.deserialize(json)
    })
}

type Reader<'a> = serde_json::Deserializer<serde_json::de::SliceRead<'a>>;

fn run<'j, T>(
    json: &'j [u8],
    kind: &Kind,
    bounds: &Bounds,
    read: impl FnOnce(Element<'_>, &mut Reader<'j>) -> Result<T, serde_json::Error>,
) -> Result<Decoded<T>, Error> {
    let context = Context {
        bounds,
        left: Cell::new(MOST),
        rule: Cell::default(),
        bad: RefCell::default(),
        named: RefCell::default(),
    };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let element = Element { kind, at: &At::Root, depth: 0, context: &context, in_any: false };
    let read = read(element, &mut reader).and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(value) => Ok(Decoded { value, named: context.named.into_inner() }),
        Err(error) => match (error.classify(), context.bad.into_inner()) {
            (Category::Data, Some(bad)) if context.rule.get() => Err(Error::Rule(bad)),
            (Category::Data, Some(bad)) => Err(Error::Field(bad)),
            _ => Err(Error::Syntax(error.to_string())),
        },
    }
}

/// What a run of the decoder keeps to, and reports beside its value.
pub struct Context<'a> {
    bounds: &'a Bounds,
    /// How many more values may come.
    left: Cell<usize>,
    bad: RefCell<Option<BadField>>,
    /// Whether what is bad breaks a rule of the contract.
    rule: Cell<bool>,
    named: RefCell<Vec<u32>>,
}

impl Context<'_> {
    /// How many items or entries a field may have, if there is a rule.
    pub fn most(&self, member: &Member) -> Option<usize> {
        match member {
            Member::Field(field) => self.bounds.most(field),
            Member::Extension(_) => None,
        }
    }
}

/// Reads one value of a kind.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    /// What it must be.
    pub kind: &'a Kind,
    /// Where it is.
    pub at: &'a At<'a>,
    /// How many messages it stands in.
    pub depth: u32,
    /// Where errors are reported.
    pub context: &'a Context<'a>,
    /// Whether the object that it is names its type beside its fields.
    pub in_any: bool,
}

impl Element<'_> {
    /// Records what is wrong here, if nothing is recorded yet, and makes the error that ends the run.
    pub fn wrong<E: serde::de::Error>(&self, description: impl Into<String>) -> E {
        let bad = BadField { field: self.at.to_string(), description: description.into() };
        let error = E::custom(&bad.description);
        self.context.bad.borrow_mut().get_or_insert(bad);
        error
    }

    /// The same for a list or map of more than its rule allows, in the words of the check that a service would make.
    pub fn too_many<E: serde::de::Error>(&self, most: usize, noun: &str) -> E {
        self.context.rule.set(true);
        self.wrong(format!("must have at most {most} {noun}{}", if most == 1 { "" } else { "s" }))
    }

    /// Counts one more value.
    pub fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        match self.context.left.get().checked_sub(1) {
            Some(left) => {
                self.context.left.set(left);
                Ok(())
            }
            None => Err(self.wrong(format!("there are more than {MOST} values before and in it"))),
        }
    }

    fn scalar<E: serde::de::Error>(&self, json: Scalar<'_>) -> Result<Value, E> {
        match self.kind {
            Kind::Message(desc) => well_known::from_scalar(desc, json).map(Value::Message),
            kind => from_json(kind, json),
        }
        .map_err(|description| self.wrong(description))
    }

    fn expected(&self) -> &'static str {
        match self.kind {
            Kind::Message(desc) => match well_known::form(desc) {
                Form::Text => "expected a string",
                Form::Wrapper => "expected a single value",
                Form::List => "expected an array",
                _ => "expected an object",
            },
            _ => "expected a single value",
        }
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        let Kind::Message(desc) = self.kind else {
            return if is_numeric(self.kind) { self.number(json) } else { json.deserialize_any(self) };
        };
        if self.depth >= DEPTH_LIMIT {
            return Err(self.wrong("nested too deep"));
        }
        let tree = match well_known::form(desc) {
            Form::Wrapper if well_known::wraps_number(desc) => return self.number(json),
            Form::Object | Form::Text | Form::Wrapper => return json.deserialize_any(self),
            Form::Any => return self.any(desc, <&RawValue>::deserialize(json)?.get()),
            _ => Tree(self).deserialize(json)?,
        };
        let message = match (well_known::form(desc), tree) {
            (Form::Struct, tree) if !tree.is_object() => {
                return Err(self.wrong("expected an object"));
            }
            (Form::List, tree) if !tree.is_array() => return Err(self.wrong("expected an array")),
            (_, tree) => well_known::from_tree(desc, tree),
        };
        message.map(Value::Message).map_err(|description| self.wrong(description))
    }
}

impl Element<'_> {
    /// Reads what can be a number as it is written, before anything has rounded it.
    fn number<'de, D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        let text = <&RawValue>::deserialize(json)?.get();
        if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return self.scalar(Scalar::Number(text));
        }
        let other = serde_json::Deserializer::from_str(text).deserialize_any(self);
        other.map_err(|error| self.wrong(error.to_string()))
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        self.scalar(Scalar::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.scalar(Scalar::Number(&value.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.scalar(Scalar::Number(&value.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.scalar(Scalar::Number(&value.to_string()))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.scalar(Scalar::Text(value))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        match self.kind {
            Kind::Enum(desc) if desc.full_name() == "google.protobuf.NullValue" => Ok(Value::EnumNumber(0)),
            _ => Err(self.wrong("may not be null")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(self.wrong(self.expected()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Kind::Message(desc) = self.kind else { return Err(self.wrong("expected a single value")) };
        if well_known::form(desc) != Form::Object {
            return Err(self.wrong(self.expected()));
        }
        let mut message = DynamicMessage::new(desc.clone());
        let mut seen = Vec::new();
        while let Some(field) = map.next_key_seed(Name { desc, of: self })? {
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let at = At::Field(self.at, field.name());
            let kind = field.kind();
            let element =
                Element { kind: &kind, at: &at, depth: self.depth + 1, context: self.context, in_any: false };
            if seen.contains(&field.number()) {
                return Err(element.wrong("given more than once"));
            }
            seen.push(field.number());
            let Some(value) = map.next_value_seed(Field { field: &field, kind: &kind, element })? else {
                continue;
            };
            if let Some(other) = field.excluded_by(&message) {
                return Err(element.wrong(format!("excludes `{}`", other.name())));
            }
            field.set(&mut message, value);
        }
        if self.depth == 0 {
            self.context.named.replace(seen);
        }
        Ok(Value::Message(message))
    }
}
