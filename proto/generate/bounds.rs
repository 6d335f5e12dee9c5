//! Writes how long the lists of requests may be: every one has a bound, which holds while it is decoded.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value};

use super::{Refusal, checks::KNOWN, names, options};

/// What a list may have in a message that is not ours to annotate, as `google.api.HttpBody` is.
const FOREIGN: u64 = 16;

/// The bounds that are needed, by the full names of their messages.
#[derive(Default)]
pub struct Lists(BTreeMap<String, Option<String>>);

impl Lists {
    /// The member of a request's `Check` that says its bounds; nothing where it holds no lists. `apart` is a field that
    /// is not looked into.
    pub fn of_request(
        &mut self,
        request: &MessageDescriptor,
        apart: Option<&FieldDescriptor>,
    ) -> Result<String, Refusal> {
        if let Some(resource) = apart.and_then(|field| field.kind().as_message().cloned()) {
            // Its lists have bounds all the same.
            holds_lists(&resource, &mut BTreeSet::new())?;
        }
        let bounds = self.fields(request, apart)?;
        Ok(if bounds.is_empty() {
            String::new()
        } else {
            format!(
                "
    fn bounds() -> Option<&'static Bounds> {{
        static BOUNDS: Bounds = Bounds(&[{bounds}
        ]);
        Some(&BOUNDS)
    }}
"
            )
        })
    }

    /// Writes the constants of messages within requests.
    pub fn write(&self, source: &mut String) {
        for (name, bounds) in &self.0 {
            if let Some(bounds) = bounds {
                let _ = writeln!(source, "static {name}: Bounds = Bounds(&[{bounds}\n]);");
            }
        }
    }

    fn fields(
        &mut self,
        message: &MessageDescriptor,
        apart: Option<&FieldDescriptor>,
    ) -> Result<String, Refusal> {
        let mut bounds = String::new();
        for field in message.fields() {
            let is_apart = apart.is_some_and(|apart| *apart == field);
            if is_apart || options::field(&field)?.output_only {
                continue;
            }
            let within = match inner(&field) {
                Some(inner) if holds_lists(&inner, &mut BTreeSet::new())? => Some(self.constant(&inner)?),
                _ => None,
            };
            let most = if field.is_list() { Some(most(&field)?) } else { None };
            if most.is_none() && within.is_none() {
                continue;
            }
            let (number, name) = (field.number(), field.name());
            let packed = packed(&field)?;
            let within = within.map_or_else(|| "None".to_owned(), |name| format!("Some(&{name})"));
            let _ = write!(
                bounds,
                "
            Bound {{ number: {number}, name: {name:?}, most: {most:?}, packed: {packed}, within: {within} }},"
            );
        }
        Ok(bounds)
    }

    /// The name of a message's constant, which is made where there is none yet.
    fn constant(&mut self, message: &MessageDescriptor) -> Result<String, Refusal> {
        let name = format!("BOUNDS_{}", names::fields_constant(message));
        if !self.0.contains_key(&name) {
            // A message may hold itself: its name is known while it is made.
            self.0.insert(name.clone(), None);
            let bounds = self.fields(message, None)?;
            self.0.insert(name.clone(), Some(bounds));
        }
        Ok(name)
    }
}

/// Whether a message holds lists, at any depth.
fn holds_lists(message: &MessageDescriptor, seen: &mut BTreeSet<String>) -> Result<bool, Refusal> {
    if !seen.insert(message.full_name().to_owned()) {
        return Ok(false);
    }
    let mut holds = false;
    for field in message.fields() {
        if options::field(&field)?.output_only {
            continue;
        }
        if field.is_list() {
            most(&field)?;
            holds = true;
        }
        if let Some(inner) = inner(&field) {
            holds |= holds_lists(&inner, seen)?;
        }
    }
    Ok(holds)
}

/// The message of ours that a field holds.
fn inner(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let inner = field.kind().as_message().cloned().filter(|_| !field.is_map())?;
    let foreign = KNOWN.contains(&inner.full_name()) || inner.package_name() == "google.protobuf";
    (!foreign).then_some(inner)
}

/// How many items a list may have.
fn most(field: &FieldDescriptor) -> Result<u64, Refusal> {
    let rules = options::field(field)?.rules;
    let repeated = rules.as_ref().and_then(|rules| rules.get_field_by_name("repeated"));
    let most = repeated.as_deref().and_then(Value::as_message).and_then(|rules| {
        let field = rules.descriptor().get_field_by_name("max_items")?;
        rules.has_field(&field).then(|| rules.get_field(&field).as_u64())?
    });
    match most {
        Some(most) => Ok(most),
        None if field.parent_message().package_name().starts_with("google.") => Ok(FOREIGN),
        None => Refusal::new(field.full_name(), "a list in a request needs `max_items`"),
    }
}

/// Whether all items may come in one piece, as numbers do.
fn packed(field: &FieldDescriptor) -> Result<bool, Refusal> {
    if !field.is_list() {
        return Ok(false);
    }
    match field.kind() {
        Kind::Message(_) | Kind::String | Kind::Bytes => Ok(false),
        Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Bool | Kind::Enum(_) => Ok(true),
        Kind::Sint32 | Kind::Sint64 => Ok(true),
        _ => Refusal::new(field.full_name(), "lists of such numbers in requests cannot be counted yet"),
    }
}
