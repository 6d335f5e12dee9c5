//! What a caller is told when a call is refused or fails: a code, a reason, what it is about.
//!
//! Every error of every service becomes a [`Fault`] and then a `tonic::Status` with the details of
//! google.rpc: `ErrorInfo` always, `BadRequest` for bad fields, `RetryInfo` where waiting helps.

mod database;

pub(crate) use database::{Meaning, is_done_already, is_lasting, sqlstate};
pub use database::{check_violation, unique_violation};

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{BadRequest, ErrorDetail, ErrorInfo, FieldViolation, RetryInfo, StatusExt};

/// `ErrorInfo`s of one answer at most: one for each line of an order, and some. What of them clients can take is
/// decided at the ports.
const MOST_INFOS: usize = 128;

/// The domain of all our reasons.
pub const DOMAIN: &str = "feira";

/// The reasons that callers may rely on.
pub mod reason {
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    pub const PERMISSION_DENIED: &str = "PERMISSION_DENIED";
    pub const NOT_FOUND: &str = "NOT_FOUND";
    pub const VALIDATION: &str = "VALIDATION";
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    pub const UPSTREAM_UNAVAILABLE: &str = "UPSTREAM_UNAVAILABLE";
    pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
    pub const OVERLOADED: &str = "OVERLOADED";
    /// Two processes' clocks are further apart than is allowed.
    pub const CLOCK_SKEW: &str = "CLOCK_SKEW";
    pub const REQUEST_TOO_LARGE: &str = "REQUEST_TOO_LARGE";
    pub const INTERNAL: &str = "INTERNAL";
    pub const OUT_OF_STOCK: &str = "OUT_OF_STOCK";
    pub const PRICE_CHANGED: &str = "PRICE_CHANGED";
    pub const ARTICLE_INACTIVE: &str = "ARTICLE_INACTIVE";
    pub const CURRENCY_MISMATCH: &str = "CURRENCY_MISMATCH";
    pub const ILLEGAL_STATE: &str = "ILLEGAL_STATE";
    pub const BASKET_EXISTS: &str = "BASKET_EXISTS";
    pub const EMPTY_ORDER: &str = "EMPTY_ORDER";
    pub const ALREADY_EXISTS: &str = "ALREADY_EXISTS";
    pub const IDEMPOTENCY_KEY_REUSED: &str = "IDEMPOTENCY_KEY_REUSED";
    pub const IDEMPOTENCY_IN_PROGRESS: &str = "IDEMPOTENCY_IN_PROGRESS";
    pub const ETAG_MISMATCH: &str = "ETAG_MISMATCH";
}

/// A refusal or failure, as the caller will see it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub code: Code,
    pub reason: String,
    pub message: String,
    /// One `ErrorInfo` each; at least one.
    pub metadata: Vec<HashMap<String, String>>,
    /// Bad fields: proto path and what is wrong.
    pub fields: Vec<(String, String)>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// Any fault; the named constructors read better.
    pub fn new(code: Code, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            metadata: vec![HashMap::new()],
            fields: Vec::new(),
            retry_after: None,
        }
    }

    /// There is no such thing, or not for this caller. `what` is a word such as `order`.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, reason::NOT_FOUND, format!("{what} not found"))
    }

    /// A field of the request is not what it must be. `field` is its proto path.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        let (field, problem) = (field.into(), problem.into());
        let mut fault = Self::new(Code::InvalidArgument, reason::VALIDATION, format!("{field}: {problem}"));
        fault.fields.push((field, problem));
        fault
    }

    /// The system is not in a state for it.
    pub fn precondition(reason: &str, message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, reason, message)
    }

    /// What it is about is in a state that forbids it.
    pub fn illegal_state(message: impl Into<String>, state: &str) -> Self {
        Self::precondition(reason::ILLEGAL_STATE, message).with("state", state)
    }

    /// Another one has this value already. `field` is the field's proto name.
    pub fn already_exists(what: &str, field: &str) -> Self {
        let message = format!("another {what} has this {field}");
        Self::new(Code::AlreadyExists, reason::ALREADY_EXISTS, message).with("field", field)
    }

    /// What was sent back is not the newest version.
    pub fn etag_mismatch() -> Self {
        Self::new(Code::Aborted, reason::ETAG_MISMATCH, "changed meanwhile: read it again")
    }

    /// Not signed in, or not (any more) validly.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, reason::UNAUTHENTICATED, message)
    }

    /// Signed in, but not allowed to.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, reason::PERMISSION_DENIED, message)
    }

    /// Too many tries.
    pub fn rate_limited(message: impl Into<String>, retry_after: Duration) -> Self {
        let mut fault = Self::new(Code::ResourceExhausted, reason::RATE_LIMITED, message);
        fault.retry_after = Some(retry_after);
        fault
    }

    /// The process has no room for the call: it is refused at once, and may come again.
    pub fn overloaded(message: impl Into<String>) -> Self {
        let mut fault = Self::new(Code::Unavailable, reason::OVERLOADED, message);
        fault.retry_after = Some(Duration::from_secs(1));
        fault
    }

    /// A service or its database cannot be reached.
    pub fn unavailable(service: &str) -> Self {
        let message = format!("the {service} service cannot be reached");
        Self::new(Code::Unavailable, reason::UPSTREAM_UNAVAILABLE, message).with("service", service)
    }

    /// Our own mistake: logged with its cause, told without it.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Code::Internal, reason::INTERNAL, "internal error")
    }

    /// Adds a key to the last `ErrorInfo`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        if let Some(last) = self.metadata.last_mut() {
            last.insert(key.to_owned(), value.to_string());
        }
        self
    }

    /// Adds a key to every `ErrorInfo`.
    #[must_use]
    pub fn with_all(mut self, key: &str, value: impl ToString) -> Self {
        let value = value.to_string();
        for metadata in &mut self.metadata {
            metadata.insert(key.to_owned(), value.clone());
        }
        self
    }

    /// A value of the first `ErrorInfo`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.metadata.first()?.get(key).map(String::as_str)
    }

    /// Reads a fault from another service's answer, to hand it on or to decide by its reason.
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details_vec();
        let mut fault = Self::new(status.code(), code_reason(status.code()), status.message());
        let mut infos = Vec::new();
        for detail in details {
            match detail {
                ErrorDetail::ErrorInfo(info) => {
                    fault.reason = info.reason;
                    infos.push(info.metadata);
                }
                ErrorDetail::BadRequest(bad) => {
                    fault.fields =
                        bad.field_violations.into_iter().map(|v| (v.field, v.description)).collect();
                }
                ErrorDetail::RetryInfo(retry) => fault.retry_after = retry.retry_delay,
                _ => {}
            }
        }
        if !infos.is_empty() {
            fault.metadata = infos;
        }
        fault
    }
}

/// The reason that goes with a code where nothing more is known.
pub(crate) fn code_reason(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated => reason::UNAUTHENTICATED,
        Code::PermissionDenied => reason::PERMISSION_DENIED,
        Code::NotFound => reason::NOT_FOUND,
        Code::InvalidArgument => reason::VALIDATION,
        Code::ResourceExhausted => reason::RATE_LIMITED,
        Code::Unavailable => reason::UPSTREAM_UNAVAILABLE,
        Code::DeadlineExceeded => reason::DEADLINE_EXCEEDED,
        Code::AlreadyExists => reason::ALREADY_EXISTS,
        Code::FailedPrecondition => reason::ILLEGAL_STATE,
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Aborted => "ABORTED",
        Code::Cancelled => "CANCELLED",
        Code::OutOfRange => "OUT_OF_RANGE",
        _ => reason::INTERNAL,
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Status {
        let mut details: Vec<ErrorDetail> = fault
            .metadata
            .into_iter()
            .take(MOST_INFOS)
            .map(|metadata| {
                ErrorInfo { reason: fault.reason.clone(), domain: DOMAIN.to_owned(), metadata }.into()
            })
            .collect();
        if !fault.fields.is_empty() {
            let violations = fault
                .fields
                .into_iter()
                .map(|(field, problem)| FieldViolation::new(field, problem))
                .collect::<Vec<_>>();
            details.push(BadRequest::new(violations).into());
        }
        if let Some(delay) = fault.retry_after {
            details.push(RetryInfo::new(Some(delay)).into());
        }
        Status::with_error_details_vec(fault.code, fault.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_survives_the_way_through_a_status() {
        let mut fault =
            Fault::precondition(reason::OUT_OF_STOCK, "not enough in stock").with("article_id", "art_1");
        fault.metadata.push(HashMap::from([("article_id".to_owned(), "art_2".to_owned())]));
        let again = Fault::of(&Status::from(fault.with_all("order_id", "ord_1")));
        assert_eq!((again.code, again.reason.as_str()), (Code::FailedPrecondition, "OUT_OF_STOCK"));
        assert_eq!(again.value("article_id"), Some("art_1"));
        assert_eq!(again.metadata.len(), 2);
        assert!(again.metadata.iter().all(|info| info["order_id"] == "ord_1"));
    }

    #[test]
    fn a_bad_field_is_named_in_the_details_and_in_the_message() {
        let status = Status::from(Fault::invalid("lines[0].quantity", "must be at least 1"));
        assert_eq!(status.message(), "lines[0].quantity: must be at least 1");
        assert_eq!(
            Fault::of(&status).fields,
            [("lines[0].quantity".to_owned(), "must be at least 1".to_owned())]
        );
    }
}
