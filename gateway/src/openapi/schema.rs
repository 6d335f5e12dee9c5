//! Messages and enums as JSON Schema.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{EnumDescriptor, EnumValueDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::{Map, Value as Json, json};

use super::{
    choices,
    comments::{Comments, paragraphs},
    names::Names,
    recursion::is_in_itself,
    rules,
    well_known::{self, integer_text},
};
use crate::{
    annotation,
    json::{Defaults, EnumValues, Style},
    mask,
};

/// The schemas of a document, gathered while its operations are described.
#[derive(Default)]
pub struct Schemas {
    /// The contract's comments.
    pub comments: Comments,
    /// How answers are written.
    pub style: Style,
    /// What each type is called in the document.
    names: Names,
    done: BTreeMap<String, Json>,
    /// Messages that were referred to and are not described yet: a chain of them may be too long for recursion.
    waiting: Vec<(String, MessageDescriptor, Part<'static>)>,
}

/// Which of a message's fields a schema is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Those of an answer.
    Answer,
    /// Those of a request.
    Request,
    /// Those of a request, none required: what an update takes.
    Update,
    /// Those of a request that the path does not set.
    Without(&'a BTreeSet<u32>),
}

impl Part<'_> {
    /// The part of the message that a field of this one holds.
    pub fn within(self, field: &FieldDescriptor) -> Part<'static> {
        match self {
            Part::Answer => Part::Answer,
            // Its fields are changed one by one, too.
            Part::Update if mask::parts(field).is_some() => Part::Update,
            Part::Request | Part::Update | Part::Without(_) => Part::Request,
        }
    }

    /// Whether it has a field, by its number and behaviors.
    pub fn has(self, number: u32, behaviors: &[String]) -> bool {
        let is = |behavior: &str| behaviors.iter().any(|there| there == behavior);
        match self {
            Part::Answer => !is("INPUT_ONLY"),
            // What a service decides is ignored where it is sent.
            Part::Request | Part::Update => !is("OUTPUT_ONLY"),
            Part::Without(set) => !set.contains(&number) && !is("OUTPUT_ONLY"),
        }
    }
}

impl Schemas {
    /// Those of a document in which types have these names, of answers in a style.
    pub fn new(names: Names, style: Style) -> Self {
        Self { names, style, ..Self::default() }
    }

    /// All that were referred to.
    pub fn finish(mut self) -> Map<String, Json> {
        while let Some((name, message, part)) = self.waiting.pop() {
            let schema = self.object(&message, part);
            self.done.insert(name, schema);
        }
        self.done.into_iter().collect()
    }

    /// A schema that refers to a message's own.
    pub fn message(&mut self, message: &MessageDescriptor, part: Part<'_>) -> Json {
        if let Some(schema) = well_known::schema(message.full_name()) {
            return schema;
        }
        let name = self.names.of(message, part);
        if !self.done.contains_key(&name) {
            // Stands for itself until its fields are described: messages may contain themselves.
            self.done.insert(name.clone(), Json::Null);
            match part {
                Part::Without(_) => {
                    let schema = self.object(message, part);
                    self.done.insert(name.clone(), schema);
                }
                Part::Answer => self.waiting.push((name.clone(), message.clone(), Part::Answer)),
                Part::Request => self.waiting.push((name.clone(), message.clone(), Part::Request)),
                Part::Update => self.waiting.push((name.clone(), message.clone(), Part::Update)),
            }
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn object(&mut self, message: &MessageDescriptor, part: Part<'_>) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in message.fields() {
            if !part.has(field.number(), &behaviors(&field)) {
                continue;
            }
            let (schema, must) = self.field(&field, part.within(&field));
            let must = match part {
                // Answers have every field that cannot be absent, where defaults are printed.
                Part::Answer => !field.supports_presence() && self.style.defaults == Defaults::Print,
                Part::Update => false,
                Part::Request | Part::Without(_) => must,
            };
            let name = self.style.name(&field).to_owned();
            // Without what proto2 requires there is no message, of whatever part.
            if must || field.is_required() {
                required.push(name.clone());
            }
            properties.insert(name, schema);
        }
        let mut schema = Map::from_iter([("type".to_owned(), json!("object"))]);
        let comment = self.comments.of(&message.parent_file(), message.path());
        let update = if part == Part::Update { "Only what is given is changed." } else { "" };
        let choices = choices::in_words(message, self.style);
        let description = paragraphs([comment.as_str(), update, &choices]);
        insert_text(&mut schema, "description", &description);
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), properties.into());
        }
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        if part != Part::Answer {
            let forbidden =
                choices::forbidden(message, self.style, |field| part.has(field.number(), &behaviors(field)));
            schema.extend(forbidden.map(|forbidden| ("not".to_owned(), forbidden)));
            // Unknown fields of a request are refused. What forbids them by the common keyword some generators take for no
            // type that can be pointed to: of one in itself Rust's makes a type of endless size.
            let keyword =
                if is_in_itself(message) { "unevaluatedProperties" } else { "additionalProperties" };
            schema.insert(keyword.to_owned(), json!(false));
        }
        schema.into()
    }

    /// A field's schema with its comment and its rules, and whether it must be given. `part` is that of
    /// messages in it.
    pub fn field(&mut self, field: &FieldDescriptor, part: Part<'_>) -> (Json, bool) {
        let rules = rules::of(field);
        let mut schema = if field.is_map() {
            let kind = field.kind();
            let value = kind.as_message().map(|entry| entry.map_entry_value_field().kind());
            let value = value.map_or(json!({}), |kind| self.kind(&kind, part));
            Map::from_iter([("type".to_owned(), json!("object")), ("additionalProperties".to_owned(), value)])
        } else if field.is_list() {
            let mut items = object(self.kind(&field.kind(), part));
            narrow(&mut items, rules.items, &field.kind(), self.style);
            Map::from_iter([("type".to_owned(), json!("array")), ("items".to_owned(), items.into())])
        } else {
            object(self.kind(&field.kind(), part))
        };
        narrow(&mut schema, rules.keywords, &field.kind(), self.style);
        let behaviors = behaviors(field);
        let is = |behavior: &str| behaviors.iter().any(|there| there == behavior);
        let immutable = if is("IMMUTABLE") { "Cannot be changed." } else { "" };
        let comment = self.comments.of(&field.parent_file(), field.path());
        let notes = rules.notes.join(" ");
        let description = paragraphs([comment.as_str(), &notes, immutable]);
        insert_text(&mut schema, "description", &description);
        if is("OUTPUT_ONLY") {
            schema.insert("readOnly".to_owned(), json!(true));
        }
        if is("INPUT_ONLY") {
            schema.insert("writeOnly".to_owned(), json!(true));
        }
        if annotation::flag(&field.options(), "deprecated") {
            schema.insert("deprecated".to_owned(), json!(true));
        }
        (schema.into(), rules.required || is("REQUIRED"))
    }

    /// The schema of a single value.
    fn kind(&mut self, kind: &Kind, part: Part<'_>) -> Json {
        match kind {
            Kind::Double => json!({"type": "number", "format": "double"}),
            Kind::Float => json!({"type": "number", "format": "float"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
            Kind::Uint32 | Kind::Fixed32 => {
                json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX})
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => integer_text("int64"),
            Kind::Uint64 | Kind::Fixed64 => integer_text("uint64"),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(values) => self.enumeration(values),
            Kind::Message(message) => self.message(message, part),
        }
    }

    fn enumeration(&mut self, desc: &EnumDescriptor) -> Json {
        if desc.full_name() == "google.protobuf.NullValue" {
            return json!({"type": "null"});
        }
        let name = self.names.of_enum(desc);
        if !self.done.contains_key(&name) {
            let file = desc.parent_file();
            let lines: Vec<_> = desc
                .values()
                .filter_map(|value| {
                    let comment = self.comments.of(&file, value.path()).replace('\n', " ");
                    (!comment.is_empty()).then(|| match self.style.enums {
                        EnumValues::Names => format!("- `{}`: {comment}", value.name()),
                        EnumValues::Numbers => {
                            format!("- {} (`{}`): {comment}", value.number(), value.name())
                        }
                    })
                })
                .collect();
            let mut schema = self.values(desc);
            let comment = self.comments.of(&file, desc.path());
            let description = paragraphs([comment.as_str(), &lines.join("\n")]);
            insert_text(&mut schema, "description", &description);
            self.done.insert(name.clone(), schema.into());
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// The type of an enum's values, and which there are.
    fn values(&self, desc: &EnumDescriptor) -> Map<String, Json> {
        // Of several names for one number the first.
        let mut numbers = BTreeSet::new();
        let by_number = self.style.enums == EnumValues::Numbers;
        let told: Vec<_> =
            desc.values().filter(|value| !by_number || numbers.insert(value.number())).collect();
        let values: Vec<_> = told.iter().map(|value| self.style.value(value)).collect();
        match self.style.enums {
            EnumValues::Names => object(json!({"type": "string", "enum": values})),
            EnumValues::Numbers => {
                // What generators call them.
                let names: Vec<_> = told.iter().map(EnumValueDescriptor::name).collect();
                object(json!({
                    "type": "integer", "format": "int32", "enum": values, "x-enum-varnames": names
                }))
            }
        }
    }
}

/// Adds the rules of a field to the schema of its kind. Of an enum that the schema refers to they say which values are not
/// allowed: of a list of those that are, generators make a type beside the enum's own.
fn narrow(schema: &mut Map<String, Json>, mut rules: Map<String, Json>, kind: &Kind, style: Style) {
    if let Some(desc) = kind.as_enum().filter(|_| schema.contains_key("$ref"))
        && let Some(Json::Array(allowed)) = rules.remove("enum")
    {
        let excluded = desc.values().filter(|value| !allowed.contains(&json!(value.name())));
        let excluded: Vec<_> = excluded.map(|value| style.value(&value)).collect();
        if !excluded.is_empty() {
            schema.insert("not".to_owned(), json!({"enum": excluded}));
        }
    }
    schema.extend(rules);
}

/// `google.api.field_behavior`.
pub fn behaviors(field: &FieldDescriptor) -> Vec<String> {
    let options = field.options();
    let Some(list) = annotation::extension(&options, field.parent_pool(), "google.api.field_behavior") else {
        return Vec::new();
    };
    let Some(desc) = field.parent_pool().get_enum_by_name("google.api.FieldBehavior") else {
        return Vec::new();
    };
    let numbers = list.as_list().unwrap_or_default().iter().filter_map(Value::as_enum_number);
    numbers.filter_map(|number| Some(desc.get_value(number)?.name().to_owned())).collect()
}

/// A schema's keywords.
pub fn object(schema: Json) -> Map<String, Json> {
    match schema {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// Sets a text unless it is empty.
pub fn insert_text(map: &mut Map<String, Json>, key: &str, text: &str) {
    if !text.is_empty() {
        map.insert(key.to_owned(), text.into());
    }
}
