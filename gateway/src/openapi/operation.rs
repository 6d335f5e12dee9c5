//! One operation: its body, its answers, and what is said of it.

use std::collections::BTreeSet;

use http::StatusCode;
use prost_reflect::Kind;
use serde_json::{Map, Value, json};

use super::{
    access::{Access, access},
    comments::{paragraphs, summary},
    errors,
    paths::Path,
    schema::{Part, Schemas, insert_text, object},
};
use crate::{
    annotation,
    binding::{Binding, Body},
};

/// Describes operations, and gathers the schemas that they refer to.
pub struct Describer {
    /// The schemas so far.
    pub schemas: Schemas,
    /// Whether anything in the contract says who may call it.
    pub secured: bool,
    /// The ids so far.
    pub ids: BTreeSet<String>,
}

impl Describer {
    /// The operation of a binding.
    pub fn operation(&mut self, binding: &Binding, path: &Path) -> Value {
        let method = &binding.rpc.method;
        let service = method.parent_service();
        let comment = self.schemas.comments.of(&method.parent_file(), method.path());
        let access = access(method);
        let mut out = Map::from_iter([
            ("operationId".to_owned(), json!(self.id(service.name(), method.name()))),
            ("tags".to_owned(), json!([service.name()])),
            ("responses".to_owned(), self.responses(binding, access)),
        ]);
        insert_text(&mut out, "summary", &summary(&comment));
        let who = access.map(|access| format!("**Access**: {}.", access.in_words())).unwrap_or_default();
        insert_text(&mut out, "description", &paragraphs([comment.as_str(), &who]));
        let parameters = self.parameters(binding, path);
        if !parameters.is_empty() {
            out.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(body) = self.body(binding) {
            out.insert("requestBody".to_owned(), body);
        }
        match access {
            Some(Access::Public) => _ = out.insert("security".to_owned(), json!([])),
            Some(_) => _ = out.insert("security".to_owned(), json!([{"bearer": []}])),
            None if self.secured => _ = out.insert("security".to_owned(), json!([])),
            None => {}
        }
        if annotation::flag(&method.options(), "deprecated") {
            out.insert("deprecated".to_owned(), json!(true));
        }
        out.into()
    }

    /// An id that no other operation has.
    fn id(&mut self, service: &str, method: &str) -> String {
        let mut id = format!("{service}_{method}");
        let mut number = 1;
        while !self.ids.insert(id.clone()) {
            number += 1;
            id = format!("{service}_{method}_{number}");
        }
        id
    }

    fn body(&mut self, binding: &Binding) -> Option<Value> {
        let rpc = &binding.rpc;
        if binding.takes_http_body() {
            return Some(json!({"required": true, "content": {"*/*": {"schema": {}}}}));
        }
        let (schema, required, comment) = match &binding.body {
            Body::None => return None,
            Body::Whole => {
                let bound: BTreeSet<u32> = binding
                    .variables
                    .iter()
                    .filter_map(|path| match path.as_slice() {
                        [only] => Some(only.number()),
                        _ => None,
                    })
                    .collect();
                let mut left = rpc.input.fields().filter(|field| !bound.contains(&field.number()));
                let required = left.any(|field| self.schemas.field(&field).1);
                (self.schemas.message(&rpc.input, Part::Without(&bound)), required, String::new())
            }
            Body::Field(field) => {
                let comment = self.schemas.comments.of(&field.parent_file(), field.path());
                match field.kind() {
                    Kind::Message(message) if binding.update_mask.is_some() => {
                        (self.schemas.message(&message, Part::Update), true, comment)
                    }
                    _ => {
                        let (mut schema, required) = self.schemas.field(field);
                        if let Some(schema) = schema.as_object_mut() {
                            schema.remove("description");
                        }
                        (schema, required, comment)
                    }
                }
            }
        };
        let content = if rpc.method.is_client_streaming() {
            let table = json!({
                "type": "string",
                "description": "A table: the first row names fields by their paths, amounts of money as `price.amount`; \
                                an empty cell says nothing."
            });
            json!({"application/x-ndjson": {"schema": schema}, "text/csv": {"schema": table}})
        } else {
            json!({"application/json": {"schema": schema}})
        };
        let mut out = object(json!({"required": required, "content": content}));
        insert_text(&mut out, "description", &comment);
        Some(out.into())
    }

    fn responses(&mut self, binding: &Binding, access: Option<Access>) -> Value {
        let rpc = &binding.rpc;
        let mut out = Map::new();
        out.insert(rpc.success.as_u16().to_string(), self.success(binding));
        let known = access.is_some_and(|access| access != Access::Public);
        let with_body = binding.body != Body::None;
        for (status, there) in [
            ("400", true),
            ("401", known),
            ("403", known),
            ("404", !binding.variables.is_empty()),
            ("409", binding.mutates()),
            ("412", binding.if_match.is_some() && binding.mutates()),
            ("413", with_body && !rpc.method.is_client_streaming()),
            ("415", with_body),
            ("429", true),
            ("default", true),
        ] {
            if there {
                out.insert(status.to_owned(), errors::response(status));
            }
        }
        out.into()
    }

    fn success(&mut self, binding: &Binding) -> Value {
        let rpc = &binding.rpc;
        let (description, schema) = match &binding.response_body {
            _ if rpc.success == StatusCode::NO_CONTENT => return json!({"description": "Done."}),
            Some(field) => ("The answer.", self.schemas.field(field).0),
            None => (
                if rpc.success == StatusCode::CREATED { "Created." } else { "The answer." },
                self.schemas.message(&rpc.output, Part::Whole),
            ),
        };
        let mut out = object(json!({"description": description}));
        let content = if binding.answers_http_body() {
            json!({"*/*": {"schema": {}}})
        } else if rpc.method.is_server_streaming() {
            let line = json!({
                "type": "object",
                "description": "One line: a result, or the error that ends the stream.",
                "properties": {
                    "result": schema,
                    "error": {"$ref": "#/components/schemas/Error/properties/error"}
                }
            });
            let events = json!({
                "type": "string",
                "description": "Server-sent events: `message` with a result, or `error`, which ends the stream."
            });
            let table = json!({
                "type": "string",
                "description": "A table; one that a failure ends breaks off."
            });
            json!({
                "application/x-ndjson": {"schema": line},
                "text/csv": {"schema": table},
                "text/event-stream": {"schema": events}
            })
        } else {
            json!({"application/json": {"schema": schema}})
        };
        out.insert("content".to_owned(), content);
        if rpc.etag.is_some() && !rpc.method.is_server_streaming() {
            let etag = json!({"description": "The version, for `If-Match`.", "schema": {"type": "string"}});
            out.insert("headers".to_owned(), json!({"ETag": etag}));
        }
        out.into()
    }
}
