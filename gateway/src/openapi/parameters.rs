//! Parameters: what operations take beside their body.

use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{
    comments::paragraphs,
    operation::Describer,
    paths::Path,
    schema::{Part, insert_text, object},
};
use crate::{
    binding::{Binding, Body},
    fields::{dotted, has_text},
    json as proto_json, table,
};

/// Fields of a request's query that are looked at, and how far down: messages that hold each other have no end of
/// ways to fields.
const MOST: usize = 1_000;
const DEEPEST: usize = 8;

impl Describer {
    /// The parameters of a binding.
    pub fn parameters(&mut self, binding: &Binding, path: &Path) -> Vec<Value> {
        let mut out = Vec::new();
        for parameter in &path.parameters {
            let mut schema = object(json!({"type": "string"}));
            let mut comment = String::new();
            if let Some(field) = &parameter.field {
                schema = object(self.schemas.field(field, Part::Request).0);
                comment = self.schemas.comments.of(&field.parent_file(), field.path());
            }
            for keyword in ["description", "readOnly", "writeOnly"] {
                schema.remove(keyword);
            }
            if schema.get("type") == Some(&json!("string")) {
                // An empty segment belongs to no path.
                schema.entry("minLength").or_insert(json!(1));
            }
            without_null(&mut schema);
            let slashes = if parameter.slashes { "May contain slashes." } else { "" };
            if comment.is_empty() {
                comment = match &parameter.field {
                    Some(field) => sets(field.name()),
                    None => "Any segment of a path.".to_owned(),
                };
            }
            let example = parameter
                .field
                .as_ref()
                .and_then(|field| self.examples.parameter(std::slice::from_ref(field)));
            let mut entry =
                object(json!({"in": "path", "name": parameter.name, "required": true, "schema": schema}));
            if let Some(example) = example {
                entry.insert("example".to_owned(), example);
            }
            insert_text(&mut entry, "description", &paragraphs([comment.as_str(), slashes]));
            out.push(entry.into());
        }
        out.extend(of_query(binding).iter().filter_map(|way| self.query_field(way)));
        if binding.answers_tables() {
            out.extend(table::PARAMETERS.iter().map(|(name, parameter, choices)| {
                json!({
                    "in": "query", "name": name, "schema": {"type": "string", "enum": choices},
                    "description": format!(
                        "For `text/csv`, as the parameter `{parameter}` of that type in `Accept`; `{}` by default.",
                        choices[0]
                    )
                })
            }));
        }
        let headers = [
            ("IdempotencyKey", binding.repeats()),
            ("IfMatch", binding.takes_if_match()),
            ("Cookies", binding.rpc.cookie.is_some()),
        ];
        for (name, _) in headers.into_iter().filter(|(_, there)| *there) {
            out.push(json!({"$ref": format!("#/components/parameters/{name}")}));
        }
        if let Some(field) = &binding.rpc.resume {
            let mut schema = object(self.schemas.field(field, Part::Request).0);
            schema.remove("description");
            out.push(json!({
                "in": "header", "name": "Last-Event-ID", "schema": schema,
                "description": "The id of the last event that was received; the stream goes on after it."
            }));
        }
        out
    }

    /// The parameter that sets the last of some fields, each within the one before.
    fn query_field(&mut self, way: &[FieldDescriptor]) -> Option<Value> {
        let field = way.last()?;
        let (schema, required) = self.schemas.field(field, Part::Request);
        let mut schema = object(schema);
        without_null(&mut schema);
        let comment = schema.remove("description");
        let names = way.iter().map(|field| self.schemas.style.name(field));
        let name = names.collect::<Vec<_>>().join(".");
        let required = required && way.len() == 1;
        let example = self.examples.parameter(way);
        if let Some(example) = example.clone().filter(|_| !required) {
            // Not the parameter's own: pages that try things out would send it unasked.
            schema.insert("examples".to_owned(), json!([example]));
        }
        let mut entry = object(json!({"in": "query", "name": name, "schema": schema}));
        if required {
            entry.insert("required".to_owned(), json!(true));
            if let Some(example) = example {
                entry.insert("example".to_owned(), example);
            }
        }
        // The comment of what a nested field belongs to says more than its own.
        let outer = way.iter().rev().skip(1).next_back();
        let outer = outer.map(|outer| self.schemas.comments.of(&outer.parent_file(), outer.path()));
        let own = comment.as_ref().and_then(Value::as_str).unwrap_or_default();
        let told = paragraphs([outer.as_deref().unwrap_or_default(), own]);
        let told = if told.is_empty() { sets(&dotted(way)) } else { told };
        insert_text(&mut entry, "description", &told);
        if field.is_map() {
            // `labels[size]=L`.
            entry.insert("style".to_owned(), json!("deepObject"));
            entry.insert("explode".to_owned(), json!(true));
        }
        Some(entry.into())
    }
}

/// The ways to the fields of a request that neither its path nor its body sets, as far down as there are not too many.
fn of_query(binding: &Binding) -> Vec<Vec<FieldDescriptor>> {
    let mut ways = Vec::new();
    for deepest in (1..=DEEPEST).rev().filter(|_| binding.body != Body::Whole) {
        ways.clear();
        let mut left = MOST;
        gather(binding, &binding.rpc.input, deepest, &mut left, &mut Vec::new(), &mut ways);
        if left > 0 {
            break;
        }
    }
    ways
}

/// Adds the ways to the fields of a message that is reached by `way`, down to so many levels, while some are `left`.
fn gather(
    binding: &Binding,
    message: &MessageDescriptor,
    deepest: usize,
    left: &mut usize,
    way: &mut Vec<FieldDescriptor>,
    ways: &mut Vec<Vec<FieldDescriptor>>,
) {
    for field in message.fields() {
        let Some(less) = left.checked_sub(1) else { return };
        *left = less;
        way.push(field.clone());
        let taken = binding.variables.iter().any(|path| path == way || excludes(path, way))
            || matches!(&binding.body, Body::Field(body) if way.first() == Some(body));
        if !taken {
            match within(&field) {
                None => ways.push(way.clone()),
                Some(message) => {
                    let again =
                        way.iter().filter(|there| there.kind().as_message() == Some(&message)).count();
                    let has_fields = !field.is_list() && !field.is_map() && proto_json::has_fields(&message);
                    if has_fields && again <= 1 && way.len() < deepest {
                        gather(binding, &message, deepest, left, way, ways);
                    }
                }
            }
        }
        way.pop();
    }
}

/// The message that a field holds which no text can set.
fn within(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let kind = field.kind();
    let has_text = |message: &&MessageDescriptor| match field.is_map() {
        true => has_text(&message.map_entry_value_field()),
        false => proto_json::has_text(message),
    };
    kind.as_message().filter(|message| !has_text(message)).cloned()
}

/// What is said of a parameter of which the contract says nothing.
fn sets(field: &str) -> String {
    format!("Sets `{field}`.")
}

/// Takes null out of a schema's types: as text there is none.
fn without_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get("type")
        && let Some(kind) = types.iter().find(|kind| *kind != "null")
    {
        let kind = kind.clone();
        schema.insert("type".to_owned(), kind);
    }
}

/// Whether two ways lead to fields of the same message of which only one may be set.
fn excludes(one: &[FieldDescriptor], other: &[FieldDescriptor]) -> bool {
    let (Some((one, above)), Some((other, beside))) = (one.split_last(), other.split_last()) else {
        return false;
    };
    let choice = one.containing_oneof().filter(|oneof| !oneof.is_synthetic());
    above == beside && choice.is_some() && choice == other.containing_oneof()
}

/// Parameters that many operations have.
pub fn shared() -> Map<String, Value> {
    object(json!({
        "IdempotencyKey": {
            "in": "header", "name": "Idempotency-Key",
            "schema": {
                "type": "string", "pattern": "^[!-~]{1,255}$",
                "examples": ["019cb4a1-9f38-7c2d-b5e6-3f8a7d41c290"]
            },
            "description": "Makes the call safe to repeat: with the same key it is done once, and a repeat is \
                answered as the first was."
        },
        "IfMatch": {
            "in": "header", "name": "If-Match",
            "schema": {
                "type": "string", "pattern": "^(\\*|\"[!#-~]+\")$",
                "examples": ["\"9f38b5e6\""]
            },
            "description": "The ETag of the version that is to be changed, in quotes; a stale one is refused."
        },
        "Cookies": {
            "in": "header", "name": "X-Feira-Cookies", "schema": {"type": "string", "enum": ["1"]},
            "description": "For browsers: keeps what the answer has of a secret in a cookie that scripts cannot \
                read, and leaves its field empty; where the body leaves it out, it is taken from there."
        }
    }))
}
