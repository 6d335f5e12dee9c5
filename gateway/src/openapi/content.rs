//! What operations take and answer.

use contracts::errors::Reason;
use std::collections::BTreeSet;

use http::{Method, StatusCode};
use prost_reflect::Kind;
use serde_json::{Map, Value, json};

use super::{
    errors,
    operation::Describer,
    rules,
    schema::{Part, insert_text, object},
    streams, styled,
};
use crate::{
    binding::{Binding, Body},
    fields::dotted,
    merge,
};

/// Any type, of bodies that are not JSON and of which the contract says no more.
const ANY_TYPE: &str = "*/*";

impl Describer {
    /// The body of a binding's requests.
    pub fn body(&mut self, binding: &Binding) -> Option<Value> {
        let rpc = &binding.rpc;
        if binding.takes_http_body() {
            return Some(json!({"required": true, "content": of_types(&rpc.media_types)}));
        }
        let (schema, example, required, comment) = match &binding.body {
            Body::None => return None,
            Body::Whole => {
                // Lines that cannot be read are reported by the edge, not by the caller.
                let bad_line = rpc.bad_line.iter().map(|field| field.number());
                let bound: BTreeSet<u32> = binding
                    .variables
                    .iter()
                    .filter_map(|path| match path.as_slice() {
                        [only] => Some(only.number()),
                        _ => None,
                    })
                    .chain(bad_line)
                    .collect();
                let part = Part::Without(&bound);
                let mut left = rpc.input.fields().filter(|field| !bound.contains(&field.number()));
                let required = left.any(|field| self.schemas.field(&field, Part::Request).1);
                let example = self.examples.message(&rpc.input, part);
                (self.schemas.message(&rpc.input, part), example, required, String::new())
            }
            Body::Field(field) => {
                let comment = self.schemas.comments.of(&field.parent_file(), field.path());
                match field.kind() {
                    Kind::Message(message) if binding.update_mask.is_some() => {
                        let example = self.examples.message(&message, Part::Update);
                        (self.schemas.message(&message, Part::Update), example, true, comment)
                    }
                    _ => {
                        let (mut schema, required) = self.schemas.field(field, Part::Request);
                        if let Some(schema) = schema.as_object_mut() {
                            schema.remove("description");
                        }
                        (schema, self.examples.field(field, Part::Request), required, comment)
                    }
                }
            }
        };
        let content = if rpc.method.is_client_streaming() {
            streams::of_requests(&schema, &example)
        } else {
            let body = json!({"schema": schema, "example": example});
            let types = match binding.method {
                Method::PATCH => &["application/json", merge::MEDIA_TYPE][..],
                _ => &["application/json"],
            };
            types.iter().map(|name| ((*name).to_owned(), body.clone())).collect::<Map<_, _>>().into()
        };
        let mut out = object(json!({"required": required, "content": content}));
        insert_text(&mut out, "description", &comment);
        Some(out.into())
    }

    /// What a binding answers.
    pub fn responses(&mut self, binding: &Binding) -> Value {
        let rpc = &binding.rpc;
        let mut out = Map::new();
        out.insert(rpc.success.as_u16().to_string(), self.success(binding));
        let with_body = binding.body != Body::None;
        for (status, there) in [
            ("304", binding.answers_304()),
            ("400", true),
            // Also where everybody may call: a token that is no longer good is refused, a filter may be staff's.
            ("401", self.secured),
            ("403", self.secured),
            ("404", true),
            ("409", binding.mutates()),
            ("412", binding.takes_if_match()),
            ("413", with_body && !rpc.method.is_client_streaming()),
            ("415", with_body && !binding.takes_http_body()),
            ("429", true),
            ("500", true),
            ("503", true),
            ("504", true),
            ("default", true),
        ] {
            if there {
                let own = self.own_failure(binding, status);
                let own = own.map(|own| styled::errors(own, self.schemas.style));
                out.insert(status.to_owned(), own.unwrap_or_else(|| errors::response(status)));
            }
        }
        if binding.rpc.resume.is_some() {
            let over = "The stream is over; there is nothing after `Last-Event-ID`.";
            out.insert("204".to_owned(), json!({"description": over}));
        }
        out.into()
    }

    /// A failure's answer with an example that this operation can give, where the shared one is none.
    fn own_failure(&self, binding: &Binding, status: &str) -> Option<Value> {
        let rpc = &binding.rpc;
        match status {
            "400" => {
                if rpc.input.get_field_by_name("page_size").is_some() {
                    return None;
                }
                let (field, description) = self.likely_violation(binding)?;
                Some(errors::of_field(&field, &description))
            }
            "401" if rpc.access_token.is_some() => {
                Some(errors::with_message(status, Reason::Unauthenticated, "this is not who you say you are"))
            }
            "409" if binding.takes_if_match() => {
                Some(errors::with_message(status, Reason::EtagMismatch, "it was changed meanwhile"))
            }
            "409" if rpc.success != StatusCode::CREATED => Some(errors::with_message(
                status,
                Reason::IdempotencyInProgress,
                "the same call is still running",
            )),
            "415" if rpc.method.is_client_streaming() => Some(errors::with_message(
                status,
                Reason::UnsupportedMediaType,
                "the request's body must be sent with `content-type: application/x-ndjson`, `application/json` or `text/csv; charset=utf-8`",
            )),
            _ => None,
        }
    }

    /// What is likely wrong with a request: a field that must be given is missing, else one that the path sets is not
    /// what it must be.
    fn likely_violation(&self, binding: &Binding) -> Option<(String, String)> {
        let (message, within) = match &binding.body {
            Body::Field(field) if !binding.takes_http_body() => {
                (field.kind().as_message().cloned()?, format!("{}.", field.name()))
            }
            _ => (binding.rpc.input.clone(), String::new()),
        };
        let bound = |number: u32| {
            binding
                .variables
                .iter()
                .any(|path| path.len() == 1 && path[0].number() == number && within.is_empty())
        };
        let given = message.fields().filter(|field| !bound(field.number()));
        let mut must = given.filter(|field| {
            field.is_required() || binding.update_mask.is_none() && rules::of(field).required
        });
        if let Some(field) = must.next() {
            return Some((format!("{within}{}", field.name()), "is required".to_owned()));
        }
        let by_path = binding
            .variables
            .iter()
            .find(|path| path.last().is_some_and(|field| !rules::of(field).keywords.is_empty()))?;
        Some((dotted(by_path), "is not an id of this kind".to_owned()))
    }

    fn success(&mut self, binding: &Binding) -> Value {
        let rpc = &binding.rpc;
        if binding.answers_http_body() {
            return json!({"description": "The answer.", "content": of_types(&rpc.media_types)});
        }
        let (description, schema, example) = match &binding.response_body {
            _ if rpc.success == StatusCode::NO_CONTENT => return json!({"description": "Done."}),
            Some(field) => (
                "The answer.",
                self.schemas.field(field, Part::Answer).0,
                self.examples.field(field, Part::Answer),
            ),
            None => (
                if rpc.success == StatusCode::CREATED { "Created." } else { "The answer." },
                self.schemas.message(&rpc.output, Part::Answer),
                self.examples.message(&rpc.output, Part::Answer),
            ),
        };
        let example = match &rpc.answer_example {
            Value::Null => example,
            own => {
                let own = styled::message(own.clone(), &rpc.output, self.schemas.style);
                merge::merge(example, &own)
            }
        };
        let mut out = object(json!({"description": description}));
        let content = if rpc.method.is_server_streaming() {
            streams::of_answers(&schema, &example)
        } else {
            json!({"application/json": {"schema": schema, "example": example}})
        };
        out.insert("content".to_owned(), content);
        if rpc.etag.is_some() && !rpc.method.is_server_streaming() {
            let etag = json!({"description": "The version, for `If-Match`.", "schema": {"type": "string"}});
            out.insert("headers".to_owned(), json!({"ETag": etag}));
        }
        out.into()
    }
}

/// Bodies that are not JSON.
fn of_types(types: &[String]) -> Value {
    let any = [ANY_TYPE.to_owned()];
    let types = if types.is_empty() { &any } else { types };
    types.iter().map(|name| (name.clone(), json!({"schema": {}}))).collect::<Map<_, _>>().into()
}
