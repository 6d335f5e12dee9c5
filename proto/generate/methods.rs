//! Which messages are requests, which are answers, and what the paths of REST bind.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, Value};

use super::Refusal;

/// The messages that travel by themselves, by their full names.
#[derive(Default)]
pub struct Methods {
    pub requests: BTreeMap<String, Request>,
    pub answers: BTreeMap<String, MessageDescriptor>,
}

/// A request, and how REST fills it.
pub struct Request {
    pub message: MessageDescriptor,
    /// The fields that every path binds, such as `user.id`.
    pub bound: BTreeSet<String>,
    /// The fields that are some method's HTTP body.
    pub bodies: BTreeSet<String>,
    /// Whether it is a row of a stream whose method is told of rows that cannot be read: a bad one is that row's
    /// failure, not the stream's, so the method checks them.
    pub row: bool,
}

/// Reads every method in the pool.
pub fn collect(pool: &DescriptorPool) -> Result<Methods, Refusal> {
    let mut methods = Methods::default();
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        for message in [method.input(), method.output()] {
            let foreign = message.package_name() == "google.protobuf";
            if foreign && message.full_name() != "google.protobuf.Empty" {
                let problem = format_args!("{} cannot travel by itself: wrap it", message.full_name());
                return Refusal::new(method.full_name(), problem);
            }
        }
        methods.add_request(&method);
        let answer = method.output();
        methods.answers.insert(answer.full_name().to_owned(), answer);
    }
    methods.requests.remove("google.protobuf.Empty");
    methods.answers.remove("google.protobuf.Empty");
    if let Some(both) = methods.requests.keys().find(|name| methods.answers.contains_key(*name)) {
        let problem = "is a request of one method and the answer of another, which cannot be told apart when \
                       it is decoded: give one of them a message of its own";
        return Refusal::new(both, problem);
    }
    Ok(methods)
}

impl Methods {
    fn add_request(&mut self, method: &MethodDescriptor) {
        let message = method.input();
        let bindings = bindings(method);
        let bound = bindings.iter().map(path_variables).reduce(|one, other| &one & &other);
        let bodies = bindings.iter().map(|rule| text(rule, "body"));
        let bodies = bodies.filter(|body| !body.is_empty() && body != "*").collect::<BTreeSet<_>>();
        let row = option(method, "feira.http.v1.rest")
            .is_some_and(|rest| !text(&rest, "bad_line_field").is_empty());

        match self.requests.get_mut(message.full_name()) {
            Some(request) => {
                request.bound = &request.bound & &bound.unwrap_or_default();
                request.bodies.extend(bodies);
                request.row &= row;
            }
            None => {
                let bound = bound.unwrap_or_default();
                let request = Request { message: message.clone(), bound, bodies, row };
                self.requests.insert(message.full_name().to_owned(), request);
            }
        }
    }
}

/// A method's `google.api.http` rule and its additional bindings.
fn bindings(method: &MethodDescriptor) -> Vec<DynamicMessage> {
    let Some(rule) = option(method, "google.api.http") else {
        return Vec::new();
    };
    let more = rule.get_field_by_name("additional_bindings").map(|more| more.into_owned());
    let more = more.as_ref().and_then(Value::as_list).unwrap_or_default();
    let more = more.iter().filter_map(Value::as_message).cloned().collect::<Vec<_>>();
    [vec![rule], more].concat()
}

/// Whether REST has a method.
pub fn is_in_rest(method: &MethodDescriptor) -> bool {
    option(method, "google.api.http").is_some()
}

/// What an option of a method says.
fn option(method: &MethodDescriptor, name: &str) -> Option<DynamicMessage> {
    method.options().extensions().find_map(|(extension, value)| match value {
        Value::Message(said) if extension.full_name() == name => Some(said.clone()),
        _ => None,
    })
}

/// The variables of a binding's path: `user.id` of `/v1/users/{user.id}`.
fn path_variables(rule: &DynamicMessage) -> BTreeSet<String> {
    let verbs = ["get", "put", "post", "delete", "patch"];
    let path = verbs.iter().map(|verb| text(rule, verb)).find(|path| !path.is_empty());
    let custom = || {
        let custom = rule.get_field_by_name("custom")?;
        Some(text(custom.as_message()?, "path"))
    };
    let path = path.or_else(custom).unwrap_or_default();
    let variables = path.split('{').skip(1).filter_map(|rest| rest.split(['}', '=']).next());
    variables.map(str::to_owned).collect()
}

fn text(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field);
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
