//! Reads JSON into messages in one pass, guided by descriptors.

use std::{cell::RefCell, fmt};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value as Json, error::Category};

use super::{
    At, BadField, DEPTH_LIMIT, Decoded, Error,
    field::{Field, Name},
    scalar::{Scalar, from_json},
    tree::Tree,
    well_known::{self, Form},
};

/// Reads a message.
pub fn message(desc: &MessageDescriptor, json: &[u8]) -> Result<Decoded<DynamicMessage>, Error> {
    let kind = Kind::Message(desc.clone());
    let decoded = run(json, &kind, |element, json| element.deserialize(json))?;
    match decoded.value {
        Value::Message(value) => Ok(Decoded { value, named: decoded.named }),
        _ => Err(Error::Syntax("expected an object".to_owned())),
    }
}

/// Reads the value of a field; `None` for null.
pub fn field(field: &FieldDescriptor, json: &[u8]) -> Result<Decoded<Option<Value>>, Error> {
    let kind = field.kind();
    run(json, &kind, |element, json| {
        let at = At::Field(&At::Root, field.name());
        Field { field, kind: &kind, element: Element { at: &at, ..element } }.deserialize(json)
    })
}

type Reader<'a> = serde_json::Deserializer<serde_json::de::SliceRead<'a>>;

fn run<'j, T>(
    json: &'j [u8],
    kind: &Kind,
    read: impl FnOnce(Element<'_>, &mut Reader<'j>) -> Result<T, serde_json::Error>,
) -> Result<Decoded<T>, Error> {
    let context = Context::default();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let element = Element { kind, at: &At::Root, depth: 0, context: &context };
    let read = read(element, &mut reader).and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(value) => Ok(Decoded { value, named: context.named.into_inner() }),
        Err(error) => match (error.classify(), context.bad.into_inner()) {
            (Category::Data, Some(bad)) => Err(Error::Field(bad)),
            _ => Err(Error::Syntax(error.to_string())),
        },
    }
}

/// What a run of the decoder reports beside its value.
#[derive(Default)]
pub struct Context {
    bad: RefCell<Option<BadField>>,
    named: RefCell<Vec<u32>>,
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
    pub context: &'a Context,
}

impl Element<'_> {
    /// Records what is wrong here, if nothing is recorded yet, and makes the error that ends the run.
    pub fn wrong<E: serde::de::Error>(&self, description: impl Into<String>) -> E {
        let bad = BadField { field: self.at.to_string(), description: description.into() };
        let error = E::custom(&bad.description);
        self.context.bad.borrow_mut().get_or_insert(bad);
        error
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
        let Kind::Message(desc) = self.kind else { return json.deserialize_any(self) };
        if self.depth >= DEPTH_LIMIT {
            return Err(self.wrong("nested too deep"));
        }
        let tree = match well_known::form(desc) {
            Form::Object | Form::Text | Form::Wrapper => return json.deserialize_any(self),
            _ => Tree(self).deserialize(json)?,
        };
        let message = match (well_known::form(desc), tree) {
            (Form::Any, Json::Object(fields)) => return self.any(desc, fields),
            (Form::Any | Form::Struct, tree) if !tree.is_object() => {
                return Err(self.wrong("expected an object"));
            }
            (Form::List, tree) if !tree.is_array() => return Err(self.wrong("expected an array")),
            (_, tree) => well_known::from_tree(desc, tree),
        };
        message.map(Value::Message).map_err(|description| self.wrong(description))
    }
}

impl Element<'_> {
    /// Reads an `Any` of a type that the pool knows.
    fn any<E: serde::de::Error>(
        self,
        desc: &MessageDescriptor,
        mut fields: serde_json::Map<String, Json>,
    ) -> Result<Value, E> {
        let Some(Json::String(type_url)) = fields.remove("@type") else {
            if fields.is_empty() {
                return Ok(Value::Message(DynamicMessage::new(desc.clone())));
            }
            return Err(self.wrong("expected `@type` with a type's URL"));
        };
        let Some(inner) = well_known::named_type(desc.parent_pool(), &type_url) else {
            return Err(self.wrong(format!("unknown type `{type_url}`")));
        };
        let json = match well_known::form(&inner) {
            Form::Object => Json::Object(fields),
            _ => {
                let value = fields.remove("value");
                match (value, fields.keys().next()) {
                    (Some(value), None) => value,
                    (_, Some(key)) => return Err(self.wrong(format!("unknown field `{key}` beside `value`"))),
                    (None, _) => return Err(self.wrong("expected `value`")),
                }
            }
        };
        let kind = Kind::Message(inner);
        // Errors within are recorded already; the outer error only ends the run.
        match (Element { kind: &kind, depth: self.depth + 1, ..self }).deserialize(json) {
            Ok(Value::Message(message)) => well_known::pack(desc, type_url, &message)
                .map(Value::Message)
                .map_err(|description| self.wrong(description)),
            Ok(_) => Err(self.wrong("expected an object")),
            Err(error) => Err(self.wrong(error.to_string())),
        }
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
        self.scalar(Scalar::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.scalar(Scalar::UInt(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.scalar(Scalar::Float(value))
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
            let at = At::Field(self.at, field.name());
            let kind = field.kind();
            let element = Element { kind: &kind, at: &at, depth: self.depth + 1, context: self.context };
            if seen.contains(&field.number()) {
                return Err(element.wrong("given more than once"));
            }
            seen.push(field.number());
            let Some(value) = map.next_value_seed(Field { field: &field, kind: &kind, element })? else {
                continue;
            };
            if let Some(other) = other_choice(&message, &field) {
                return Err(element.wrong(format!("excludes `{}`", other.name())));
            }
            message.set_field(&field, value);
        }
        if self.depth == 0 {
            self.context.named.replace(seen);
        }
        Ok(Value::Message(message))
    }
}

/// The field of the same oneof that is set already.
pub fn other_choice(message: &DynamicMessage, field: &FieldDescriptor) -> Option<FieldDescriptor> {
    let oneof = field.containing_oneof()?;
    oneof.fields().find(|other| other.number() != field.number() && message.has_field(other))
}
