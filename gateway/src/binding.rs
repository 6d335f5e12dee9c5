//! Bindings: one HTTP rule of a method, resolved against its descriptors at start. A [`Binding`] holds
//! everything that turns a request of its route into the method's own.

use std::{fmt, sync::Arc};

use http::{Method, header};
use kit::telemetry::metrics::web::Route;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MethodDescriptor, Value};

use crate::{
    annotation,
    draft::Draft,
    fields::{field_path, has_text, is_message, is_text},
    raw,
    rpc::Rpc,
    template::Template,
};

/// One route of one method.
pub struct Binding {
    /// The method it calls.
    pub rpc: Arc<Rpc>,
    /// The HTTP method.
    pub method: Method,
    /// The path's template as the contract spells it; for logs and metrics.
    pub route: Arc<str>,
    /// How its requests are measured.
    pub measured: Route,
    /// The path's template.
    pub template: Template,
    /// The fields that the template's variables set, in its order.
    pub variables: Vec<Vec<FieldDescriptor>>,
    /// What the body becomes.
    pub body: Body,
    /// What of the answer is answered; all of it where none is named.
    pub response_body: Option<FieldDescriptor>,
    /// The field that `If-Match` sets.
    pub if_match: Option<Vec<FieldDescriptor>>,
    /// The mask that is filled with what the body names. Of a PATCH alone: by another method the body is all that the
    /// resource is to be.
    pub update_mask: Option<FieldDescriptor>,
}

/// What a request's body becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// There is none.
    None,
    /// The whole request.
    Whole,
    /// One field of the request.
    Field(FieldDescriptor),
}

impl Body {
    /// The message within a request that the body becomes.
    pub fn of<'m>(&self, request: &'m mut Draft) -> Option<&'m mut Draft> {
        match self {
            Body::None => None,
            Body::Whole => Some(request),
            Body::Field(field) => request.within(field),
        }
    }
}

impl Binding {
    /// The route of a method at a rule's template.
    pub fn resolve(rpc: Arc<Rpc>, method: Method, template: &Template, rule: &Rule) -> Result<Self, String> {
        let mut variables = Vec::new();
        for variable in &template.variables {
            let path = field_path(&rpc.input, &variable.field)?;
            // A path is text: a list has no place in it, nor a message but one whose JSON is text.
            if !path.last().is_some_and(has_text) {
                return Err(format!("`{}` in the path is not a scalar field", variable.field));
            }
            variables.push(path);
        }
        let body = match rule.body.as_str() {
            "" => Body::None,
            "*" => Body::Whole,
            name => match rpc.input.get_field_by_name(name) {
                Some(field) if variables.iter().any(|path| path.len() == 1 && path[0] == field) => {
                    return Err(format!("`{name}` is both in the path and the body"));
                }
                Some(field) => Body::Field(field),
                None => return Err(format!("there is no field `{name}` for the body")),
            },
        };
        let response_body = match rule.response_body.as_str() {
            "" => None,
            name => match rpc.output.get_field_by_name(name) {
                Some(field) => Some(field),
                None => return Err(format!("there is no field `{name}` for the response body")),
            },
        };
        // An update has the etag in its resource (AIP-154); other methods, which take no resource, in the request
        // itself.
        let etag_in_body = match &body {
            Body::Field(field) => field_path(&rpc.input, &format!("{}.etag", field.name())).ok(),
            _ => None,
        };
        let if_match = etag_in_body
            .or_else(|| field_path(&rpc.input, "etag").ok())
            .filter(|path| path.last().is_some_and(is_text));
        let updates = |field: &FieldDescriptor| {
            method == Method::PATCH && field.kind().as_message().is_some() && !field.is_list()
        };
        let update_mask = match &body {
            Body::Field(field) if updates(field) => rpc
                .input
                .get_field_by_name("update_mask")
                .filter(|mask| is_message(mask, "google.protobuf.FieldMask")),
            _ => None,
        };
        let route = rule.path.as_str().into();
        let template = template.clone();
        Ok(Self {
            rpc,
            method,
            route,
            measured: Route::default(),
            template,
            variables,
            body,
            response_body,
            if_match,
            update_mask,
        })
    }

    /// The route of a method at the path that gRPC gives it: the body is its whole request.
    pub fn native(rpc: Arc<Rpc>) -> Result<Self, String> {
        let path = rpc.path.path().to_owned();
        let template = Template::parse(&path).map_err(|error| error.to_string())?;
        let rule =
            Rule { methods: vec![Method::POST], path, body: "*".to_owned(), response_body: String::new() };
        Self::resolve(rpc, Method::POST, &template, &rule)
    }

    /// Whether its body is not JSON but handed on as it is.
    pub fn takes_http_body(&self) -> bool {
        match &self.body {
            Body::None => false,
            Body::Whole => raw::is(&self.rpc.input),
            Body::Field(field) => raw::is_field(field),
        }
    }

    /// Whether its answer is not JSON but handed on as it is.
    pub fn answers_http_body(&self) -> bool {
        match &self.response_body {
            None => raw::is(&self.rpc.output),
            Some(field) => raw::is_field(field),
        }
    }

    /// Whether its answer can be a table: a stream of messages.
    pub fn answers_tables(&self) -> bool {
        self.rpc.method.is_server_streaming() && self.response_body.is_none() && !self.answers_http_body()
    }

    /// Whether a reader who has its answer already gets 304: the answer has an entity tag, the service's own or the
    /// edge's.
    pub fn answers_304(&self) -> bool {
        let tagged = self.rpc.etag.is_some() || self.rpc.response_headers.contains(&header::ETAG);
        // A tag goes before the body, and that of a stream is known only at its end.
        tagged && !self.rpc.method.is_server_streaming() && !self.mutates()
    }

    /// Whether it reads one thing by fields that the thing has itself: its path says where such a thing is.
    pub fn reads_by_fields(&self) -> bool {
        let output = &self.rpc.output;
        let own = |path: &Vec<FieldDescriptor>| match path.as_slice() {
            [field] => output.get_field_by_name(field.name()).is_some_and(|there| is_text(&there)),
            _ => false,
        };
        self.method == Method::GET
            && self.response_body.is_none()
            && !self.rpc.method.is_server_streaming()
            && !self.rpc.method.is_client_streaming()
            && !self.variables.is_empty()
            && self.variables.iter().all(own)
    }

    /// Whether its calls may be repeated by an idempotency key: a stream has no one message to know again.
    pub fn repeats(&self) -> bool {
        self.mutates() && !self.rpc.method.is_client_streaming()
    }

    /// Whether its calls may have a condition (`If-Match`).
    pub fn takes_if_match(&self) -> bool {
        self.if_match.is_some() && self.repeats()
    }

    /// Whether calls of it change something (RFC 9110: the method is not a safe one).
    pub fn mutates(&self) -> bool {
        !self.method.is_safe()
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.method, self.route, self.rpc.path)
    }
}

/// One `google.api.HttpRule`.
pub struct Rule {
    pub methods: Vec<Method>,
    pub path: String,
    body: String,
    response_body: String,
}

impl Rule {
    /// The rules of a method: its own and its additional bindings.
    pub fn of(method: &MethodDescriptor, pool: &DescriptorPool) -> Result<Vec<Self>, String> {
        let Some(rule) = annotation::message(&method.options(), pool, "google.api.http") else {
            return Ok(Vec::new());
        };
        let mut rules = vec![Self::read(&rule)?];
        for more in annotation::list(&rule, "additional_bindings") {
            if let Value::Message(more) = more {
                let read = Self::read(&more)?;
                if !annotation::list(&more, "additional_bindings").is_empty() {
                    let path = read.path;
                    return Err(format!("path `{path}`: an additional binding can have none of its own"));
                }
                rules.push(read);
            }
        }
        Ok(rules)
    }

    fn read(rule: &DynamicMessage) -> Result<Self, String> {
        let fixed = [
            ("get", Method::GET),
            ("put", Method::PUT),
            ("post", Method::POST),
            ("delete", Method::DELETE),
            ("patch", Method::PATCH),
        ];
        let named = fixed
            .iter()
            .find_map(|(name, method)| annotation::set(rule, name).map(|path| (path, vec![method.clone()])));
        let (path, methods) = match (named, annotation::set(rule, "custom")) {
            (Some((Value::String(path), methods)), _) => (path, methods),
            (_, Some(Value::Message(custom))) => {
                let kind = annotation::text(&custom, "kind");
                let methods = match kind.as_str() {
                    "*" => fixed.into_iter().map(|(_, method)| method).collect(),
                    kind => vec![
                        Method::from_bytes(kind.as_bytes())
                            .ok()
                            // Not a request of a path's.
                            .filter(|method| *method != Method::CONNECT)
                            .ok_or_else(|| format!("`{kind}` is no method for a rule"))?,
                    ],
                };
                (annotation::text(&custom, "path"), methods)
            }
            _ => return Err("an HTTP rule without a method".to_owned()),
        };
        Ok(Self {
            methods,
            path,
            body: annotation::text(rule, "body"),
            response_body: annotation::text(rule, "response_body"),
        })
    }
}
