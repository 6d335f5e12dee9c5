//! One operation, and what is said of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    access::{Access, access},
    comments::{paragraphs, summary},
    examples::Examples,
    paths::Path,
    schema::{Schemas, insert_text},
};
use crate::{annotation, binding::Binding};

/// Says of an operation which field of its answer is an access token.
const ACCESS_TOKEN: &str = "x-access-token-field";

/// Describes operations, and gathers the schemas that they refer to.
pub struct Describer {
    /// The schemas so far.
    pub schemas: Schemas,
    /// Values to show.
    pub examples: Examples,
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
            ("responses".to_owned(), self.responses(binding)),
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
            // Whoever is signed in may see more.
            Some(Access::Public) => _ = out.insert("security".to_owned(), json!([{}, {"bearer": []}])),
            Some(_) => _ = out.insert("security".to_owned(), json!([{"bearer": []}])),
            None if self.secured => _ = out.insert("security".to_owned(), json!([])),
            None => {}
        }
        if let Some(field) = &binding.rpc.access_token {
            out.insert(ACCESS_TOKEN.to_owned(), json!(field.json_name()));
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
}
