//! One operation, and what is said of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    comments::{paragraphs, summary},
    examples::Examples,
    paths::Path,
    schema::{Schemas, insert_text},
};
use crate::{
    access_rule::{Access, access, in_words, takes_keys},
    annotation,
    binding::Binding,
    template::Segment,
};

/// Says of an operation which field of its answer is an access token.
const ACCESS_TOKEN: &str = "x-access-token-field";

/// Says of a stream how else it is to be had.
const SOCKET: &str = "**WebSocket**: a GET of this path opens one, too, with a message a text frame (`{\"result\":…}` or \
                      `{\"error\":…}` in answers). An empty one ends the client's messages; browsers give their token by the \
                      protocols `bearer` and the token.";

/// `by-code` and `tax_rate` as parts of a name.
pub fn pascal_case(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| match word.split_at_checked(1) {
            Some((first, rest)) => first.to_ascii_uppercase() + rest,
            None => String::new(),
        })
        .collect()
}

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
            ("operationId".to_owned(), json!(self.id(binding))),
            ("tags".to_owned(), json!([service.name()])),
            ("responses".to_owned(), self.responses(binding)),
        ]);
        insert_text(&mut out, "summary", &summary(&comment));
        let who =
            access.map(|access| format!("**Access**: {}.", in_words(access, method))).unwrap_or_default();
        let calls = format!("Calls `{}`.", method.full_name());
        let told = if comment.is_empty() { &calls } else { &comment };
        let streams = method.is_client_streaming() || method.is_server_streaming();
        let socket = if streams { SOCKET } else { "" };
        insert_text(&mut out, "description", &paragraphs([told.as_str(), socket, &who]));
        let parameters = self.parameters(binding, path);
        if !parameters.is_empty() {
            out.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(body) = self.body(binding) {
            out.insert("requestBody".to_owned(), body);
        }
        let keys = if takes_keys(method) { vec![json!({"basic": []})] } else { Vec::new() };
        let schemes = |first: &[Value]| [first, &keys].concat();
        match access {
            // Whoever is signed in may see more.
            Some(Access::Public) => {
                _ = out.insert("security".to_owned(), schemes(&[json!({}), json!({"bearer": []})]).into());
            }
            Some(_) => _ = out.insert("security".to_owned(), schemes(&[json!({"bearer": []})]).into()),
            None if self.secured => _ = out.insert("security".to_owned(), json!([])),
            None => {}
        }
        if let Some(field) = &binding.rpc.access_token {
            out.insert(ACCESS_TOKEN.to_owned(), json!(self.schemas.style.name(field)));
        }
        if annotation::flag(&method.options(), "deprecated") {
            out.insert("deprecated".to_owned(), json!(true));
        }
        out.into()
    }

    /// An id that no other operation has: the method's name. Further routes to it are named after what their paths
    /// take, then after the paths: generators make functions of these.
    fn id(&mut self, binding: &Binding) -> String {
        let method = &binding.rpc.method;
        let first = format!("{}_{}", method.parent_service().name(), method.name());
        let taken =
            binding.variables.iter().filter_map(|path| path.last()).map(|field| pascal_case(field.name()));
        let by = taken.collect::<Vec<_>>().join("And");
        let segments = binding.template.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(text) => Some(pascal_case(text)),
            _ => None,
        });
        let along: String = segments.collect();
        let verb = pascal_case(&binding.method.as_str().to_ascii_lowercase());
        let names = [
            first.clone(),
            format!("{first}By{by}"),
            format!("{first}At{along}By{by}"),
            format!("{first}At{along}By{by}For{verb}"),
        ];
        // Routes that differ by their wildcards alone are all that is left.
        let more = (2..).map(|number| format!("{first}At{along}{number}"));
        let mut free =
            names.into_iter().chain(more).filter(|id| !id.ends_with("By") && self.ids.insert(id.clone()));
        free.next().unwrap_or(first)
    }
}
