//! Paths as OpenAPI writes them. It forbids templates that differ in nothing but their parameters' names,
//! so `/v1/articles/{id}` and `/v1/articles/{article.id}` get the same ones.

use std::{collections::HashMap, sync::Arc};

use prost_reflect::FieldDescriptor;

use crate::{binding::Binding, json::Style, percent::encode, template::Segment};

/// A path and its parameters.
#[derive(Debug, Clone)]
pub struct Path {
    /// The path: `/v1/articles/{id}:verb`.
    pub text: String,
    /// The parameters in it.
    pub parameters: Vec<Parameter>,
}

/// A parameter of a path.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name in the document.
    pub name: String,
    /// The field that it sets, alone or together with others.
    pub field: Option<FieldDescriptor>,
    /// Whether it may contain slashes.
    pub slashes: bool,
}

/// The path of each binding; equal ones are spelled equally.
pub fn unify(bindings: &[Arc<Binding>], style: Style) -> Vec<(Path, &Arc<Binding>)> {
    let mut names: HashMap<String, Vec<String>> = HashMap::new();
    let mut out = Vec::new();
    for binding in bindings {
        let parameters = parameters(binding, style);
        let shape = write(binding, |_| "{}".to_owned());
        let names = names
            .entry(shape)
            .or_insert_with(|| distinct(parameters.iter().map(|parameter| parameter.name.clone())));
        let parameters: Vec<_> = parameters
            .into_iter()
            .zip(names.iter())
            .map(|(parameter, name)| Parameter { name: name.clone(), ..parameter })
            .collect();
        let text = write(binding, |index| match parameters.get(index) {
            Some(parameter) => format!("{{{}}}", parameter.name),
            None => "{}".to_owned(),
        });
        out.push((Path { text, parameters }, binding));
    }
    out
}

/// A parameter for each segment that is no literal, named after the field that it sets.
fn parameters(binding: &Binding, style: Style) -> Vec<Parameter> {
    let template = &binding.template;
    let variables = || template.variables.iter().zip(&binding.variables);
    let places =
        template.segments.iter().enumerate().filter(|(_, segment)| !matches!(segment, Segment::Literal(_)));
    places
        .map(|(index, segment)| {
            let field = variables()
                .find(|(variable, _)| (variable.from..variable.to).contains(&index))
                .and_then(|(_, path)| path.last());
            Parameter {
                name: field.map_or_else(|| "segment".to_owned(), |field| style.name(field).to_owned()),
                field: field.cloned(),
                slashes: *segment == Segment::Rest,
            }
        })
        .collect()
}

fn write(binding: &Binding, parameter: impl Fn(usize) -> String) -> String {
    let mut out = String::new();
    let mut next = 0;
    for segment in &binding.template.segments {
        out.push('/');
        match segment {
            Segment::Literal(text) => out.push_str(&encode(text)),
            _ => {
                out.push_str(&parameter(next));
                next += 1;
            }
        }
    }
    if out.is_empty() {
        out.push('/');
    }
    if let Some(verb) = &binding.template.verb {
        out.push(':');
        out.push_str(&encode(verb));
    }
    out
}

/// Numbers names that are there already.
fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in names {
        let taken = |candidate: &String| out.contains(candidate);
        let free = std::iter::once(name.clone())
            .chain((2..).map(|number| format!("{name}{number}")))
            .find(|candidate| !taken(candidate));
        out.push(free.unwrap_or(name));
    }
    out
}
