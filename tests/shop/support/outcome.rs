//! What a call came to, over either edge.

use std::{collections::HashMap, ops::Deref};

use contracts::errors::Reason;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::{ErrorDetail, StatusExt};

/// An answer, or why there is none.
pub type Outcome<T> = Result<Answer<T>, Refusal>;

/// An answer and the headers that it came with.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    pub body: T,
    pub headers: HeaderMap,
    /// Over REST.
    pub http: Option<StatusCode>,
}

impl<T> Answer<T> {
    /// Whether it is the stored answer of a call before.
    pub fn replayed(&self) -> bool {
        self.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
    }
}

impl<T> Deref for Answer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.body
    }
}

/// Why a call was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: Code,
    pub reason: String,
    pub message: String,
    /// The metadata of every `ErrorInfo`.
    pub infos: Vec<HashMap<String, String>>,
    /// The bad fields' proto paths.
    pub fields: Vec<String>,
    /// Whether it says when to try again.
    pub retry: bool,
    /// Over REST.
    pub http: Option<StatusCode>,
}

impl Refusal {
    /// What a gRPC status says.
    pub fn of_status(status: &Status) -> Self {
        let mut refusal = Self {
            code: status.code(),
            reason: String::new(),
            message: status.message().to_owned(),
            infos: Vec::new(),
            fields: Vec::new(),
            retry: false,
            http: None,
        };
        for detail in status.get_error_details_vec() {
            match detail {
                ErrorDetail::ErrorInfo(info) => {
                    assert_eq!(info.domain, "feira", "{status:?}");
                    refusal.reason = info.reason;
                    refusal.infos.push(info.metadata);
                }
                ErrorDetail::BadRequest(bad) => {
                    refusal.fields.extend(bad.field_violations.into_iter().map(|it| it.field));
                }
                ErrorDetail::RetryInfo(_) => refusal.retry = true,
                _ => {}
            }
        }
        refusal.known()
    }

    /// What the body of a REST answer says.
    pub fn of_json(http: StatusCode, body: &Value) -> Self {
        let error = &body["error"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        assert_eq!(error["code"], http.as_u16(), "{body}");
        let mut refusal = Self {
            code: code(&text(&error["status"])),
            reason: String::new(),
            message: text(&error["message"]),
            infos: Vec::new(),
            fields: Vec::new(),
            retry: false,
            http: Some(http),
        };
        for detail in error["details"].as_array().expect("details are a list") {
            let kind = detail["@type"].as_str().expect("a detail has a type");
            match kind.strip_prefix("type.googleapis.com/google.rpc.").expect("a detail of google.rpc") {
                "ErrorInfo" => {
                    assert_eq!(detail["domain"], "feira", "{body}");
                    refusal.reason = text(&detail["reason"]);
                    let metadata = detail["metadata"].as_object().into_iter().flatten();
                    refusal.infos.push(metadata.map(|(key, value)| (key.clone(), text(value))).collect());
                }
                "BadRequest" => {
                    let fields = detail["fieldViolations"].as_array().into_iter().flatten();
                    refusal.fields.extend(fields.map(|it| text(&it["field"])));
                }
                "RetryInfo" => refusal.retry = true,
                _ => {}
            }
        }
        refusal.known()
    }

    /// Every reason is one of the contract's, and comes with its code.
    #[track_caller]
    fn known(self) -> Self {
        if !self.reason.is_empty() {
            let reason = Reason::read(&self.reason);
            let reason = reason.unwrap_or_else(|| panic!("errors.proto has no such reason: {self:?}"));
            // INTERNAL says no more of what went wrong than the code does.
            let codes = if reason == Reason::Internal { &[Code::Unknown, Code::DataLoss][..] } else { &[] };
            assert!(self.code == reason.code() || codes.contains(&self.code), "{self:?}");
        }
        self
    }

    /// Whether the same call may be answered in a while: a service was out of reach or took too long.
    pub fn is_passing(&self) -> bool {
        matches!(self.code, Code::Unavailable | Code::DeadlineExceeded)
            || self.reason == "IDEMPOTENCY_IN_PROGRESS"
    }

    /// A value of the first `ErrorInfo`'s metadata; empty if it is not there.
    pub fn info(&self, key: &str) -> &str {
        self.infos.first().and_then(|info| info.get(key)).map(String::as_str).unwrap_or_default()
    }
}

/// What tests say about a call that must not succeed.
pub trait Refused {
    /// It is refused with this code and this reason.
    fn refused(self, code: Code, reason: &str) -> Refusal;
    /// It is refused for this field.
    fn names(self, field: &str) -> Refusal;
    /// There is no such thing.
    fn missing(self) -> Refusal;
    /// The caller may not do that.
    fn denied(self) -> Refusal;
}

impl<T: std::fmt::Debug> Refused for Outcome<T> {
    #[track_caller]
    fn refused(self, code: Code, reason: &str) -> Refusal {
        let refusal = match self {
            Ok(answer) => panic!("must be refused with {code:?} {reason}: {:?}", answer.body),
            Err(refusal) => refusal,
        };
        assert_eq!((refusal.code, refusal.reason.as_str()), (code, reason), "{refusal:?}");
        if let Some(http) = refusal.http {
            assert_eq!(http.as_u16(), http_status(&refusal), "{refusal:?}");
        }
        refusal
    }

    #[track_caller]
    fn names(self, field: &str) -> Refusal {
        let refusal = self.refused(Code::InvalidArgument, "VALIDATION");
        assert!(refusal.fields.iter().any(|it| it == field), "names {field}: {refusal:?}");
        refusal
    }

    #[track_caller]
    fn missing(self) -> Refusal {
        self.refused(Code::NotFound, "NOT_FOUND")
    }

    #[track_caller]
    fn denied(self) -> Refusal {
        self.refused(Code::PermissionDenied, "PERMISSION_DENIED")
    }
}

/// The code of a name as google.rpc.Code has it.
fn code(name: &str) -> Code {
    CODES.iter().find(|(it, ..)| *it == name).unwrap_or_else(|| panic!("{name:?} is not a code")).1
}

fn http_status(refusal: &Refusal) -> u16 {
    if refusal.reason == "ETAG_MISMATCH" && refusal.http == Some(StatusCode::PRECONDITION_FAILED) {
        return 412;
    }
    match refusal.reason.as_str() {
        "METHOD_NOT_ALLOWED" => return 405,
        "REQUEST_TOO_LARGE" => return 413,
        "UNSUPPORTED_MEDIA_TYPE" | "UNSUPPORTED_CONTENT_ENCODING" => return 415,
        _ => {}
    }
    CODES.iter().find(|(_, code, _)| *code == refusal.code).unwrap().2
}

const CODES: [(&str, Code, u16); 17] = [
    ("OK", Code::Ok, 200),
    ("CANCELLED", Code::Cancelled, 499),
    ("UNKNOWN", Code::Unknown, 500),
    ("INVALID_ARGUMENT", Code::InvalidArgument, 400),
    ("DEADLINE_EXCEEDED", Code::DeadlineExceeded, 504),
    ("NOT_FOUND", Code::NotFound, 404),
    ("ALREADY_EXISTS", Code::AlreadyExists, 409),
    ("PERMISSION_DENIED", Code::PermissionDenied, 403),
    ("RESOURCE_EXHAUSTED", Code::ResourceExhausted, 429),
    ("FAILED_PRECONDITION", Code::FailedPrecondition, 400),
    ("ABORTED", Code::Aborted, 409),
    ("OUT_OF_RANGE", Code::OutOfRange, 400),
    ("UNIMPLEMENTED", Code::Unimplemented, 501),
    ("INTERNAL", Code::Internal, 500),
    ("UNAVAILABLE", Code::Unavailable, 503),
    ("DATA_LOSS", Code::DataLoss, 500),
    ("UNAUTHENTICATED", Code::Unauthenticated, 401),
];
