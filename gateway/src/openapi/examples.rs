//! Values to show: those that the contract declares (`feira.http.v1.example`), and where it declares none,
//! what follows from types, rules and names.

mod text;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor};
use serde_json::{Map, Value as Json, json};

use self::text::snake_case;
use super::{
    comments::Comments,
    pattern,
    rules::{self, Rules},
    schema::{Part, behaviors},
    styled, well_known,
};
use crate::{annotation, json::Style};

/// Values of an example, and of all in a document. Messages that hold each other in several ways have more ways from one
/// to another than could ever be written.
const MOST: usize = 500;
const MOST_IN_ALL: usize = 200_000;
/// How deep messages are shown within messages.
const DEEPEST: usize = 12;

/// What a contract has to show.
pub struct Examples {
    /// Fields with an example of their own, by name.
    declared: HashMap<String, Vec<(FieldDescriptor, Json)>>,
    /// What the TypeIDs of things begin with, by a thing's name in lower case (`order_line`).
    prefixes: HashMap<String, String>,
    /// Whether a message has an example in it that is declared, by its name and how far down that was looked for.
    leads: RefCell<HashMap<(String, usize), bool>>,
    /// Values that may still be shown: in this example, and in all.
    left: Cell<usize>,
    left_in_all: Cell<usize>,
    /// How they are written in the end.
    style: Style,
}

impl Examples {
    /// Reads the contracts.
    pub fn new(pools: &[&DescriptorPool], comments: &mut Comments, style: Style) -> Self {
        let mut found = Self {
            declared: HashMap::new(),
            prefixes: HashMap::new(),
            leads: RefCell::default(),
            left: Cell::new(0),
            left_in_all: Cell::new(MOST_IN_ALL),
            style,
        };
        for message in pools.iter().flat_map(|pool| pool.all_messages()) {
            for field in message.fields() {
                if let Some(value) = declared(&field) {
                    found.declared.entry(field.name().to_owned()).or_default().push((field, value));
                }
            }
            if let Some(id) = message.get_field_by_name("id")
                && let Some(prefix) = prefix(&id, &comments.of(&id.parent_file(), id.path()))
            {
                found.prefixes.entry(snake_case(message.name())).or_insert(prefix);
            }
        }
        found
    }

    /// A message's JSON. A request has what it must have and what the contract declares examples for.
    pub fn message(&self, message: &MessageDescriptor, part: Part<'_>) -> Json {
        self.left.set(MOST);
        styled::message(self.object(message, part, &mut Vec::new()), message, self.style)
    }

    /// A field's JSON; null where it has none.
    pub fn field(&self, field: &FieldDescriptor, part: Part<'_>) -> Json {
        styled::field(self.plain(field, part), field, self.style)
    }

    /// Takes room for one more value; false where there is none.
    fn takes_one(&self) -> bool {
        let (Some(left), Some(left_in_all)) =
            (self.left.get().checked_sub(1), self.left_in_all.get().checked_sub(1))
        else {
            return false;
        };
        self.left.set(left);
        self.left_in_all.set(left_in_all);
        true
    }

    /// The value of a parameter that sets the last of some fields, each within the one before; none where there
    /// is nothing to say.
    pub fn parameter(&self, way: &[FieldDescriptor]) -> Option<Json> {
        let (first, inner) = way.split_first()?;
        let last = inner.last().unwrap_or(first);
        let mut value = self.plain(first, Part::Request);
        for field in inner {
            value = value.get_mut(field.json_name()).map(Json::take).unwrap_or_default();
        }
        let value = if value.is_null() { self.plain(last, Part::Request) } else { value };
        let nothing = value.is_null() || value.as_str().is_some_and(str::is_empty);
        (!nothing).then(|| styled::field(value, last, self.style))
    }

    /// A field's proto3 JSON; null where it has none.
    fn plain(&self, field: &FieldDescriptor, part: Part<'_>) -> Json {
        self.left.set(MOST);
        self.value(field, part, &mut Vec::new()).unwrap_or_default()
    }

    fn object(
        &self,
        message: &MessageDescriptor,
        part: Part<'_>,
        within: &mut Vec<MessageDescriptor>,
    ) -> Json {
        if let Some(value) = well_known::example(message.full_name()) {
            return value;
        }
        within.push(message.clone());
        let mut out = Map::new();
        for field in message.fields() {
            if part.has(field.number(), &behaviors(&field))
                && self.is_shown(&field, part)
                && let Some(value) = self.value(&field, part.within(&field), within)
            {
                out.insert(field.json_name().to_owned(), value);
            }
        }
        within.pop();
        out.into()
    }

    fn is_shown(&self, field: &FieldDescriptor, part: Part<'_>) -> bool {
        let choice = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        if choice.as_ref().is_some_and(|choice| self.chosen(choice).as_ref() != Some(field)) {
            return false;
        }
        let must = || {
            let behaviors = behaviors(field);
            rules::of(field).required
                || behaviors.iter().any(|it| it == "REQUIRED")
                || choice.as_ref().is_some_and(rules::oneof_required)
        };
        match part {
            Part::Answer => true,
            Part::Update => self.is_declared(field, 0) || field.is_required(),
            Part::Request | Part::Without(_) => self.is_declared(field, 0) || must(),
        }
    }

    /// The field of a oneof that is shown.
    fn chosen(&self, oneof: &OneofDescriptor) -> Option<FieldDescriptor> {
        oneof.fields().find(|field| self.is_declared(field, 0)).or_else(|| oneof.fields().next())
    }

    /// Whether an example of a field, or of something in it, is declared.
    fn is_declared(&self, field: &FieldDescriptor, depth: usize) -> bool {
        /// Messages may hold themselves.
        const DEEPEST: usize = 4;
        if self.declared.is_empty() {
            return false;
        }
        if self.declared(field).is_some() {
            return true;
        }
        let kind = field.kind();
        let inner = kind.as_message().filter(|message| {
            depth < DEEPEST && !field.is_map() && well_known::example(message.full_name()).is_none()
        });
        let Some(message) = inner else { return false };
        let key = (message.full_name().to_owned(), depth);
        if let Some(leads) = self.leads.borrow().get(&key) {
            return *leads;
        }
        let leads = message.fields().any(|field| self.is_declared(&field, depth + 1));
        self.leads.borrow_mut().insert(key, leads);
        leads
    }

    /// The example that the contract declares for a field: its own, else that of another field of this name and
    /// type, preferably of the same file. Ids are each thing's own.
    fn declared(&self, field: &FieldDescriptor) -> Option<Json> {
        let named = self.declared.get(field.name())?;
        if field.name() == "id" {
            return named.iter().find(|other| other.0 == *field).map(|(_, value)| value.clone());
        }
        // That there is nothing in one field says nothing of another.
        let fitting =
            |other: &&(FieldDescriptor, Json)| other.0.kind() == field.kind() && other.1 != json!("");
        let here = |other: &&(FieldDescriptor, Json)| other.0.parent_file() == field.parent_file();
        let own = named.iter().find(|other| other.0 == *field);
        let near = || named.iter().filter(fitting).find(here);
        own.or_else(near).or_else(|| named.iter().find(fitting)).map(|(_, value)| value.clone())
    }

    fn value(
        &self,
        field: &FieldDescriptor,
        part: Part<'_>,
        within: &mut Vec<MessageDescriptor>,
    ) -> Option<Json> {
        if !self.takes_one() {
            return None;
        }
        if field.is_map() {
            let kind = field.kind();
            let value = self.value(&kind.as_message()?.map_entry_value_field(), part, within)?;
            return Some(json!({"1": value}));
        }
        let single = match self.declared(field) {
            Some(value) => value,
            None => self.single(field, part, within)?,
        };
        Some(if field.is_list() && !single.is_array() { json!([single]) } else { single })
    }

    fn single(
        &self,
        field: &FieldDescriptor,
        part: Part<'_>,
        within: &mut Vec<MessageDescriptor>,
    ) -> Option<Json> {
        let rules = rules::of(field);
        Some(match field.kind() {
            Kind::Message(message) if within.len() == DEEPEST || within.contains(&message) => return None,
            Kind::Message(message) => self.object(&message, part, within),
            Kind::Enum(values) => {
                let keywords = if field.is_list() { &rules.items } else { &rules.keywords };
                let choices = keywords.get("enum").and_then(Json::as_array).cloned().unwrap_or_default();
                let named = values.values().find(|value| value.number() != 0);
                choices
                    .into_iter()
                    .next()
                    .unwrap_or_else(|| json!(named.unwrap_or_else(|| values.default_value()).name()))
            }
            Kind::Bool => json!(true),
            Kind::Bytes => json!("AA=="),
            Kind::String => json!(self.text(field, &rules, part)),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!(number(&rules).to_string())
            }
            _ => json!(number(&rules)),
        })
    }
}

/// A field's own example.
fn declared(field: &FieldDescriptor) -> Option<Json> {
    let options = field.options();
    let text = annotation::extension(&options, field.parent_pool(), "feira.http.v1.example")?;
    let text = text.as_str()?;
    if field.is_list() && text.starts_with('[') {
        return serde_json::from_str(text).ok();
    }
    match field.kind() {
        Kind::String | Kind::Bytes | Kind::Enum(_) => Some(json!(text)),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => Some(json!(text)),
        _ => serde_json::from_str(text).ok(),
    }
}

/// What the ids of a message begin with, as its field `id` says.
fn prefix(id: &FieldDescriptor, comment: &str) -> Option<String> {
    let rules = rules::of(id);
    let pattern = rules.keywords.get("pattern").and_then(Json::as_str);
    if let Some(prefix) = pattern.and_then(pattern::type_id_prefix) {
        return Some(prefix.to_owned());
    }
    let (_, quoted) = comment.split_once('`')?;
    let (prefix, _) = quoted.split_once("…`")?;
    prefix.ends_with('_').then(|| prefix.to_owned())
}

/// A number that the rules allow: 1 if it can be.
fn number(rules: &Rules) -> i128 {
    let (least, most) = rules.bounds;
    1_i128.max(least.unwrap_or(1)).min(most.unwrap_or(i128::MAX))
}
