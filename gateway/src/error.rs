//! Failures, the edge's own and those of the services, and the one form in which REST sees them (AIP-193):
//! `{"error":{"code":404,"status":"NOT_FOUND","message":"…","details":[…]}}`.

mod status;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use contracts::errors::{Reason, code_name};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use prost::Message as _;
use prost_types::Any;
use tonic::Code;
use tonic_types::pb;

use crate::{
    coding, details, json, limited,
    proto::{self, Wanted},
};

/// The largest body that the edge reads into memory (4 MiB); streams and uploads have no such limit.
pub const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// Characters at most of a field's name and of its description in an error: either may be the caller's own text.
const MOST_SHOWN: usize = 500;

/// Why a request failed, ready to be answered.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    http: StatusCode,
    pub message: String,
    pub details: Vec<Any>,
    /// Headers of its answer. Rare, and failures are moved a lot: so they are apart.
    headers: Option<Box<HeaderMap>>,
}

impl Failure {
    /// A failure with a reason of its own.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code: reason.code(),
            http: status_of(reason.http_status()),
            message: message.into(),
            details: vec![details::error_info(reason, [])],
            headers: None,
        }
    }

    /// A request that is not what the contract says.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Reason::Validation, message)
    }

    /// A request with a bad field, named by its proto path.
    pub fn field(field: impl Into<String>, description: impl Into<String>) -> Self {
        let cut = |text: String| text.chars().take(MOST_SHOWN).collect::<String>();
        let (field, description) = (cut(field.into()), cut(description.into()));
        let mut failure = Self::invalid(format!("`{field}`: {description}"));
        failure.details.push(details::bad_field(field, description));
        failure
    }

    /// A request with a field that breaks a rule, in the form in which the services refuse it.
    pub fn rule(field: String, description: String) -> Self {
        let mut failure = Self::invalid(format!("{field}: {description}"));
        failure.details.push(details::bad_field(field, description));
        failure
    }

    /// No such path.
    pub fn not_found() -> Self {
        Self::new(Reason::NotFound, "there is nothing at this path")
    }

    /// A path that has other methods.
    pub fn method_not_allowed(allowed: &[Method]) -> Self {
        Self::new(Reason::MethodNotAllowed, "this path does not have this method")
            .with(header::ALLOW, allow(allowed))
    }

    /// A body over a limit of so many bytes.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("the request's body is larger than {limit} bytes");
        let limit = details::error_info(Reason::RequestTooLarge, [("limit", limit.to_string().as_str())]);
        Self { details: vec![limit], ..Self::new(Reason::RequestTooLarge, message) }
    }

    /// A body of another type than the route takes.
    pub fn unsupported_media_type(expected: &str) -> Self {
        let message = format!("the request's body must be sent with `content-type: {expected}`");
        Self::new(Reason::UnsupportedMediaType, message)
    }

    /// A body with a content coding that is not known here.
    pub fn unsupported_encoding() -> Self {
        let message =
            "the request's body may be sent as it is, or with one `content-encoding` of gzip, br and zstd";
        Self::new(Reason::UnsupportedContentEncoding, message)
            .with(header::ACCEPT_ENCODING, HeaderValue::from_static(coding::ACCEPTED))
    }

    /// A reader whose condition (`If-Match`) is not met.
    pub fn not_wanted() -> Self {
        Self::new(Reason::EtagMismatch, "this is another version than `if-match` names").with_condition()
    }

    /// A change that is not to be made to this version (`If-None-Match`).
    pub fn excluded() -> Self {
        Self::new(Reason::EtagMismatch, "this is a version that `if-none-match` names").with_condition()
    }

    /// The time for a call has passed.
    pub fn deadline() -> Self {
        Self::new(Reason::DeadlineExceeded, "the time for this call has passed")
    }

    /// A service that cannot be reached.
    pub fn unavailable(service: &str) -> Self {
        let mut failure = Self::new(Reason::UpstreamUnavailable, format!("{service} cannot be reached"));
        failure.details = vec![details::error_info(Reason::UpstreamUnavailable, [("service", service)])];
        failure
    }

    /// Nobody knows yet whether there is something.
    pub fn incomplete() -> Self {
        Self::new(Reason::UpstreamUnavailable, "a service that may have this path is not known yet")
    }

    /// No room for the answer.
    pub fn overloaded() -> Self {
        let mut failure = Self::new(Reason::Overloaded, "too many answers wait to be read");
        failure.details.push(details::retry_in(Duration::from_secs(1)));
        failure
    }

    /// A fault of ours.
    pub fn internal() -> Self {
        Self::new(Reason::Internal, "internal error")
    }

    /// The same for a caller whose condition (`If-Match`) was not met.
    pub fn with_condition(mut self) -> Self {
        if self.code == Code::Aborted && details::has_reason(&self.details, Reason::EtagMismatch) {
            self.http = StatusCode::PRECONDITION_FAILED;
        }
        self
    }

    /// Whether another version that the caller's condition allows may fare better. That its key was used is no
    /// refusal of this one: the call that is repeated may have succeeded with the next.
    pub fn is_about_version(&self) -> bool {
        [Reason::EtagMismatch, Reason::IdempotencyKeyReused]
            .iter()
            .any(|reason| details::has_reason(&self.details, *reason))
    }

    /// The same, with a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().insert(name, value);
        self
    }

    /// The same, with a cookie to be set.
    pub fn with_cookie(self, cookie: Option<HeaderValue>) -> Self {
        match cookie {
            Some(cookie) => self.with(header::SET_COOKIE, cookie),
            None => self,
        }
    }

    /// The same, said of one part of a body: a line, say.
    pub fn at(mut self, part: &str, number: usize) -> Self {
        self.message = format!("{part} {number}: {}", self.message);
        self
    }

    /// The bad field that it names and what is wrong with it; where it names none, what it says.
    pub fn bad_field(self) -> (String, String) {
        let named = self.details.iter().find_map(details::bad_field_of);
        named.unwrap_or((String::new(), self.message))
    }

    /// The status that it is answered with.
    pub fn http(&self) -> StatusCode {
        self.http
    }

    /// Its JSON, as a whole answer or as the last line of a stream.
    pub fn json(&self, tables: &json::Tables) -> Vec<u8> {
        let body = Body {
            error: Error {
                code: self.http.as_u16(),
                status: code_name(self.code),
                message: &self.message,
                details: self.details.iter().filter_map(|detail| details::json(detail, tables)).collect(),
            },
        };
        // Made of strings and numbers alone, it can always be written.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// As `google.rpc.Status`.
    pub fn status(&self) -> pb::Status {
        pb::Status { code: self.code as i32, message: self.message.clone(), details: self.details.clone() }
    }

    /// The answer to a request with these headers: protobuf for who takes nothing else.
    pub fn response_to(self, asked: &HeaderMap, tables: &json::Tables) -> Response {
        if proto::wanted(asked) != Wanted::Only {
            return self.response(tables);
        }
        let body = self.status().encode_to_vec();
        self.answer(proto::MEDIA_TYPE, body)
    }

    /// The answer.
    pub fn response(self, tables: &json::Tables) -> Response {
        let body = self.json(tables);
        self.answer("application/json", body)
    }

    fn answer(self, media: &'static str, body: Vec<u8>) -> Response {
        let mut headers = self.headers.map(|headers| *headers).unwrap_or_default();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        limited::tell(&self.details, &mut headers);
        (self.http, headers, body).into_response()
    }
}

impl From<json::Error> for Failure {
    fn from(error: json::Error) -> Self {
        match error {
            json::Error::Syntax(problem) => {
                let mut failure =
                    Self::invalid(format!("the request's body is not the JSON it should be: {problem}"));
                failure.details.push(details::bad_field(String::new(), problem));
                failure
            }
            json::Error::Field(bad) => Self::field(bad.field, bad.description),
            json::Error::Rule(bad) => Self::rule(bad.field, bad.description),
        }
    }
}

#[derive(serde::Serialize)]
struct Body<'a> {
    error: Error<'a>,
}

#[derive(serde::Serialize)]
struct Error<'a> {
    code: u16,
    status: &'static str,
    message: &'a str,
    details: Vec<serde_json::Value>,
}

/// A status of the table, which has none that is no status.
fn status_of(http: u16) -> StatusCode {
    StatusCode::from_u16(http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The value of `Allow`.
pub fn allow(methods: &[Method]) -> HeaderValue {
    let list = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(list).unwrap_or(HeaderValue::from_static("OPTIONS"))
}
