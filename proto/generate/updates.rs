//! Updates: requests with an `update_mask`, and what of their resource can be changed.

use std::fmt::Write as _;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::{Refusal, methods::Request, names, options};

/// A request that changes a resource.
pub struct Update {
    /// The field that holds the resource.
    pub resource: FieldDescriptor,
    /// The resource's fields that the path holds.
    pub bound: Vec<FieldDescriptor>,
    /// Fields that can be changed; those within messages too, with their parents' names before them.
    writable: Vec<String>,
    /// Fields that cannot.
    ignored: Vec<String>,
}

/// The name of the field that makes a request an update, by AIP-134.
pub const MASK: &str = "update_mask";

/// Reads a request as an update, if it is one.
pub fn read(request: &Request) -> Result<Option<Update>, Refusal> {
    let message = &request.message;
    let is_mask = |field: &FieldDescriptor| {
        !field.is_list() && message_of(field).is_some_and(|it| it.full_name() == "google.protobuf.FieldMask")
    };
    if !message.get_field_by_name(MASK).is_some_and(|field| is_mask(&field)) {
        return Ok(None);
    }
    let resource = resource(request)?;
    let resource_message = message_of(&resource).unwrap_or_else(|| message.clone());
    let mut update = Update { resource, bound: Vec::new(), writable: Vec::new(), ignored: Vec::new() };
    let prefix = format!("{}.", update.resource.name());
    for variable in request.bound.iter().filter_map(|variable| variable.strip_prefix(&prefix)) {
        match resource_message.get_field_by_name(variable) {
            Some(field) if field.kind() == Kind::String && !field.supports_presence() && !field.is_list() => {
                update.bound.push(field);
            }
            _ => {
                let problem = format_args!("the path binds `{prefix}{variable}`, which is no plain string");
                return Refusal::new(message.full_name(), problem);
            }
        }
    }
    update.sort(&resource_message, "", &mut Vec::new())?;
    Ok(Some(update))
}

/// The field that holds the resource: the HTTP body, or else the only message beside the mask.
fn resource(request: &Request) -> Result<FieldDescriptor, Refusal> {
    let message = &request.message;
    let fits = |field: &FieldDescriptor| {
        !field.is_list()
            && field.containing_oneof().is_none()
            && message_of(field).is_some_and(|it| it.package_name() != "google.protobuf")
    };
    let mut candidates = message.fields().filter(fits).collect::<Vec<_>>();
    if !request.bodies.is_empty() {
        candidates.retain(|field| request.bodies.contains(field.name()));
    }
    match candidates.len() {
        1 => Ok(candidates.remove(0)),
        found => {
            let problem = format_args!("has an update_mask, and {found} fields that can be its resource");
            Refusal::new(message.full_name(), problem)
        }
    }
}

impl Update {
    /// Sorts the fields of `message` into those that can be changed and those that cannot.
    fn sort(
        &mut self,
        message: &MessageDescriptor,
        prefix: &str,
        above: &mut Vec<String>,
    ) -> Result<(), Refusal> {
        above.push(message.full_name().to_owned());
        for field in message.fields() {
            let options = options::field(&field)?;
            let path = format!("{prefix}{}", field.name());
            let bound = self.bound.iter().any(|bound| bound.full_name() == field.full_name());
            if options.output_only || options.immutable || bound || path == "etag" {
                self.ignored.push(path);
                continue;
            }
            self.writable.push(path.clone());
            // Google's messages (Money, Timestamp) are values: half of one means nothing.
            let inner = message_of(&field).filter(|inner| {
                let repeated = field.is_list() || field.is_map();
                let value = inner.package_name().starts_with("google.");
                !repeated && !value && !above.iter().any(|above| above == inner.full_name())
            });
            if let Some(inner) = inner {
                self.sort(&inner, &format!("{path}."), above)?;
            }
        }
        above.pop();
        Ok(())
    }

    /// The resource's fields that are checked whatever the mask says: what the path holds, and the etag.
    pub fn always(&self) -> Vec<&str> {
        let bound = self.bound.iter().map(|field| field.name());
        let etag = self.ignored.iter().map(String::as_str).filter(|path| *path == "etag");
        bound.chain(etag).collect()
    }

    /// Writes the constant with the resource's fields, and the request's `Masked`.
    pub fn write(&self, request: &MessageDescriptor, source: &mut String) {
        let constant = names::fields_constant(request);
        let (writable, ignored) = (&self.writable, &self.ignored);
        let resource = names::member(self.resource.name());
        let mut set = String::new();
        for path in writable.iter().filter(|path| !path.contains('.')) {
            let member = names::member(path);
            let _ = writeln!(set, "            ({path:?}, is_set(&resource.{member})),");
        }
        let name = names::message(request);
        let _ = write!(
            source,
            "
const {constant}: Fields = Fields {{
    writable: &{writable:?},
    ignored: &{ignored:?},
}};

impl Masked for {name} {{
    fn mask(&self) -> Mask {{
        let Some(resource) = &self.{resource} else {{
            return Mask::default();
        }};
        Mask::new(self.{MASK}.as_ref(), const {{ &{constant} }}, &[
{set}        ])
    }}
}}
"
        );
    }
}

/// The message that a field holds.
fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().cloned()
}
