//! The OpenAPI 3.1 document of a contract, from its descriptors alone: comments become descriptions,
//! `buf.validate` rules become constraints, access rules become security requirements.

mod choices;
mod comments;
mod content;
mod errors;
mod examples;
mod names;
mod operation;
mod parameters;
mod paths;
mod pattern;
mod recursion;
mod rules;
mod schema;
mod streams;
mod styled;
#[cfg(test)]
mod tests;
mod types;
mod well_known;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use http::Method;
use prost_reflect::DescriptorPool;
use serde_json::{Map, Value, json};

use self::{
    comments::paragraphs,
    examples::Examples,
    names::Names,
    operation::Describer,
    schema::{Schemas, insert_text, object},
};
use crate::{binding::Binding, json::Style};

/// What holds for every operation.
const INTRODUCTION: &str = "Every answer carries `x-request-id`; the caller's own is kept. Fields may be sent in \
    lowerCamelCase or as the contract spells them; unknown and repeated ones are refused. Whole numbers of 64 bits \
    are strings. Errors are `{\"error\": {code, status, message, details}}` (AIP-193); `details` always has an \
    `ErrorInfo` whose `reason` says which error it is.";

/// The methods that OpenAPI 3.1 can speak of.
const METHODS: [Method; 8] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
    Method::PATCH,
    Method::TRACE,
];

/// Stands for the server's URL, which depends on who asks.
pub const SERVER: &str = "__server__";

/// The document of some routes that are answered for in a style.
pub fn document(bindings: &[Arc<Binding>], style: Style) -> Value {
    let requests: Vec<_> = bindings.iter().map(|binding| &binding.rpc.input).collect();
    let answers: Vec<_> = bindings.iter().map(|binding| &binding.rpc.output).collect();
    let mut schemas = Schemas::new(Names::new(&requests, &answers), style);

    let tags = tags(bindings, &mut schemas);
    let secured = bindings.iter().any(|binding| crate::access_rule::access(&binding.rpc.method).is_some());
    let mut pools: Vec<&DescriptorPool> = Vec::new();
    for pool in bindings.iter().map(|binding| binding.rpc.method.parent_pool()) {
        if !pools.contains(&pool) {
            pools.push(pool);
        }
    }
    let examples = Examples::new(&pools, &mut schemas.comments, style);
    let mut describer = Describer { schemas, examples, secured, ids: BTreeSet::new() };
    let mut items: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for (path, binding) in paths::unify(bindings, style) {
        if !METHODS.contains(&binding.method) {
            continue;
        }
        let operation = describer.operation(binding, &path);
        items.entry(path.text).or_default().insert(binding.method.as_str().to_ascii_lowercase(), operation);
    }

    let paths = json!(items);
    let mut components = Map::new();
    let mut all = describer.schemas.finish();
    all.insert("Error".to_owned(), styled::errors(errors::schema(), style));
    components.insert("schemas".to_owned(), all.into());
    let responses = styled::errors(used("responses", &paths, errors::responses()), style);
    components.insert("responses".to_owned(), responses);
    components.insert("parameters".to_owned(), used("parameters", &paths, parameters::shared()));
    if secured {
        let bearer = json!({
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "An access token, or an API key (`feira_…`)."
        });
        let basic = json!({
            "type": "http", "scheme": "basic",
            "description": "An API key as user name, and no password. At the sign-in also a login and its password."
        });
        components.insert("securitySchemes".to_owned(), json!({"bearer": bearer, "basic": basic}));
    }
    let mut info = object(json!({
        "title": title(bindings),
        "version": env!("CARGO_PKG_VERSION"),
        "description": INTRODUCTION,
        "contact": {"name": "The operator of this server"},
    }));
    if secured {
        // A contract with access rules is of this program's own; under which licence others are, nobody knows.
        let license = json!({"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"});
        info.insert("license".to_owned(), license);
    }
    json!({
        "openapi": "3.1.0",
        "info": info,
        "servers": [{"url": SERVER}],
        "tags": tags,
        "paths": paths,
        "components": components,
    })
}

/// What the packages of the services have in common at their root: `Feira` of `feira.order.v1` and `feira.user.v1`.
fn title(bindings: &[Arc<Binding>]) -> String {
    let root = |service: &str| service.split('.').next().unwrap_or_default().to_owned();
    let roots: BTreeSet<_> = bindings.iter().map(|binding| root(&binding.rpc.service)).collect();
    match (roots.first(), roots.len()) {
        (Some(root), 1) => operation::pascal_case(root),
        _ => "API".to_owned(),
    }
}

/// What of a kind of components the paths refer to: a service's document has no more than it needs.
fn used(kind: &str, paths: &Value, all: Map<String, Value>) -> Value {
    let text = paths.to_string();
    let refers = |name: &str| text.contains(&format!("\"#/components/{kind}/{name}\""));
    all.into_iter().filter(|(name, _)| refers(name)).collect::<Map<_, _>>().into()
}

/// A tag for each service.
fn tags(bindings: &[Arc<Binding>], schemas: &mut Schemas) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut tags = Vec::new();
    for binding in bindings {
        let service = binding.rpc.method.parent_service();
        if !seen.insert(service.full_name().to_owned()) {
            continue;
        }
        let mut tag = Map::from_iter([("name".to_owned(), json!(service.name()))]);
        let comment = schemas.comments.of(&service.parent_file(), service.path());
        let comment =
            if comment.is_empty() { format!("The service `{}`.", service.full_name()) } else { comment };
        insert_text(&mut tag, "description", &paragraphs([comment.as_str()]));
        tags.push(tag.into());
    }
    tags
}
