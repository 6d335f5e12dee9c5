//! What the edge knows of one RPC, made once from its descriptor: how to call it, and what its options say
//! about requests and answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, StatusCode, uri::PathAndQuery};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, MethodDescriptor};
use serde_json::Value as Json;

use crate::{
    access_rule::{Access, access},
    annotation,
    cookie::Cookie,
    error::Failure,
    fields::{is_message, is_text, scalar_field},
    json::{Reader, Required, Tables, Writer},
    own_urls::OwnUrls,
    serving::{Forms, Way},
};

/// The message that reports a bad line to a service.
const BAD_LINE: &str = "feira.http.v1.BadLine";

/// A method that has REST routes.
#[derive(Clone)]
pub struct Rpc {
    /// Its descriptor.
    pub method: MethodDescriptor,
    /// The full name of its service.
    pub service: String,
    /// Where gRPC finds it: `/package.Service/Method`.
    pub path: PathAndQuery,
    /// The request's type.
    pub input: MessageDescriptor,
    /// The answer's type.
    pub output: MessageDescriptor,
    /// How messages of its contract are written where REST answers with them.
    pub tables: Arc<Tables>,
    /// Reads requests, in whatever style answers are.
    pub reader: Reader,
    /// Writes answers as those tables have it.
    pub writer: Writer,
    /// Writes answers as proto3 JSON, in whatever style those of REST are.
    pub canonical: Writer,
    /// Knows what requests must have; none where they can lack nothing.
    required: Option<Arc<Required>>,
    /// Bytes that a body may have that is read as a whole.
    pub body_limit: usize,
    /// The way to its service.
    pub way: Way,
    /// The status of a good answer.
    pub success: StatusCode,
    /// Request headers handed on to it, beside those that every method gets.
    pub request_headers: Vec<HeaderName>,
    /// Metadata of its answers that become headers, beside those of every method.
    pub response_headers: Vec<HeaderName>,
    /// On a server stream: what becomes the id of an event.
    pub event_id: Option<FieldDescriptor>,
    /// On a server stream: what a reader's `Last-Event-ID` sets.
    pub resume: Option<FieldDescriptor>,
    /// On a stream of requests: the field that reports a bad line to the service.
    pub bad_line: Option<FieldDescriptor>,
    /// What becomes the `ETag` of the answer.
    pub etag: Option<FieldDescriptor>,
    /// Whether nothing of the answer changes without its etag.
    pub versions_all: bool,
    /// Of bodies that are not JSON: the types that they can have.
    pub media_types: Vec<String>,
    /// Whether only some may see the answer, by an access rule.
    pub private: bool,
    /// What of the answer is an access token.
    pub access_token: Option<FieldDescriptor>,
    /// For the documentation: what is merged into the example of the answer.
    pub answer_example: Json,
    /// What callers may have kept as a cookie.
    pub cookie: Option<Cookie>,
    /// The URLs of the edge's own in requests.
    pub own_urls: Option<OwnUrls>,
}

impl Rpc {
    /// Reads a method's descriptor. The error says what is wrong with its options.
    pub fn new(method: MethodDescriptor, forms: Forms, way: &Way) -> Result<Self, String> {
        let pool = method.parent_pool().clone();
        let service = method.parent_service().full_name().to_owned();
        let path = format!("/{service}/{}", method.name());
        let (input, output) = (method.input(), method.output());
        let rest = Rest::of(&method, &pool)?;
        let field = |message: &MessageDescriptor, name: &str| match name {
            "" => Ok(None),
            name => scalar_field(message, name).map(Some),
        };
        let etag = output.get_field_by_name("etag").filter(is_text);
        // A stream of Empty has lines, one for each message, and so is no answer without content (RFC 9110,
        // 15.3.5).
        let empty = output.full_name() == "google.protobuf.Empty" && !method.is_server_streaming();
        let Forms { answers: tables, canonical, required } = forms;
        let lacks = |message: &MessageDescriptor| format!("the contract lacks `{}`", message.full_name());
        let writer = |tables| Writer::new(tables, &output).ok_or_else(|| lacks(&output));
        Ok(Self {
            service,
            writer: writer(&tables)?,
            canonical: writer(&canonical)?,
            tables,
            reader: Reader::new(&canonical, &input).ok_or_else(|| lacks(&input))?,
            required: Some(required).filter(|required| required.concerns(&input)),
            body_limit: kit::sizes::of(&input),
            private: access(&method).is_some_and(|access| access != Access::Public),
            path: path.parse().map_err(|_| format!("`{path}` is no path"))?,
            way: way.clone(),
            success: match rest.success {
                None if empty => StatusCode::NO_CONTENT,
                None => StatusCode::OK,
                Some(status) => status,
            },
            request_headers: rest.request_headers,
            response_headers: rest.response_headers,
            event_id: field(&output, &rest.event_id)?,
            resume: field(&input, &rest.resume)?,
            bad_line: match rest.bad_line.as_str() {
                "" => None,
                name => Some(
                    input
                        .get_field_by_name(name)
                        .filter(|field| is_message(field, BAD_LINE))
                        .ok_or_else(|| format!("`{name}` is no field for a line that cannot be read"))?,
                ),
            },
            cookie: rest.cookie.map(|cookie| Cookie::new(&cookie, &input, &output)).transpose()?,
            own_urls: OwnUrls::of(&input),
            versions_all: etag.as_ref().is_some_and(versions_all),
            etag,
            media_types: rest.media_types,
            answer_example: rest.answer_example,
            access_token: field(&output, &rest.access_token)?,
            input,
            output,
            method,
        })
    }

    /// A request's bytes, which are refused where they lack a field that proto2 requires.
    pub fn complete(&self, request: Bytes) -> Result<Bytes, Failure> {
        if let Some(required) = &self.required {
            required.check(&self.input, &request)?;
        }
        Ok(request)
    }
}

/// `feira.http.v1.rest`.
#[derive(Default)]
struct Rest {
    success: Option<StatusCode>,
    request_headers: Vec<HeaderName>,
    response_headers: Vec<HeaderName>,
    event_id: String,
    resume: String,
    bad_line: String,
    media_types: Vec<String>,
    access_token: String,
    answer_example: Json,
    cookie: Option<DynamicMessage>,
}

impl Rest {
    fn of(method: &MethodDescriptor, pool: &DescriptorPool) -> Result<Self, String> {
        let Some(rest) = annotation::message(&method.options(), pool, "feira.http.v1.rest") else {
            return Ok(Self::default());
        };
        let success = match annotation::set(&rest, "success").and_then(|value| value.as_i32()) {
            None => None,
            Some(code) => Some(
                u16::try_from(code)
                    .ok()
                    .and_then(|code| StatusCode::from_u16(code).ok())
                    .filter(StatusCode::is_success)
                    .ok_or_else(|| format!("{code} is no status of success"))?,
            ),
        };
        let names = |field: &str| {
            annotation::list(&rest, field)
                .iter()
                .filter_map(|name| name.as_str())
                .map(|name| name.parse().map_err(|_| format!("`{name}` is no header's name")))
                .collect::<Result<_, String>>()
        };
        Ok(Self {
            success,
            request_headers: names("request_headers")?,
            response_headers: names("response_headers")?,
            event_id: annotation::text(&rest, "event_id_field"),
            resume: annotation::text(&rest, "resume_field"),
            bad_line: annotation::text(&rest, "bad_line_field"),
            media_types: annotation::list(&rest, "media_types")
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            answer_example: match annotation::text(&rest, "answer_example").as_str() {
                "" => Json::Null,
                text => {
                    serde_json::from_str(text).map_err(|error| format!("an example is no JSON: {error}"))?
                }
            },
            access_token: annotation::text(&rest, "access_token_field"),
            cookie: annotation::set(&rest, "cookie").and_then(|cookie| cookie.as_message().cloned()),
        })
    }
}

fn versions_all(etag: &FieldDescriptor) -> bool {
    let option = annotation::extension(&etag.options(), etag.parent_pool(), "feira.http.v1.versions_all")
        .and_then(|value| value.as_bool());
    option.unwrap_or_default()
}
