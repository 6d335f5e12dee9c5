//! The error of a call as its caller gets it: a code, a reason, what it is about.
//!
//! Every error of every service becomes a [`Fault`] and then a `tonic::Status` with the details of
//! google.rpc: `ErrorInfo` always, `BadRequest` for bad fields, `RetryInfo` where waiting helps.

#[cfg(feature = "database")]
mod database;

#[cfg(feature = "database")]
pub(crate) use database::{Meaning, is_done_already, is_lasting, sqlstate};
#[cfg(feature = "database")]
pub use database::{check_violation, unique_violation};

use std::{collections::HashMap, time::Duration};

use contracts::errors::{DOMAIN, Reason};
use tonic::{Code, Status};
use tonic_types::{BadRequest, ErrorDetail, ErrorInfo, FieldViolation, RetryInfo, StatusExt};

/// `ErrorInfo`s of one answer at most: one for each line of an order, and some. What of them clients can take is
/// decided at the ports.
const MOST_INFOS: usize = 128;

/// A refusal or failure, as the caller will see it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub code: Code,
    pub reason: Reason,
    /// The reason's name, where it came from a service that knows one more (`reason` is unspecified then): it is
    /// handed on as it came.
    unknown: Option<Box<str>>,
    pub message: String,
    /// One `ErrorInfo` each; at least one.
    pub metadata: Vec<HashMap<String, String>>,
    /// Bad fields: proto path and what is wrong.
    pub fields: Vec<(String, String)>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// Any fault, with the code that belongs to the reason; the named constructors read better.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code: reason.code(),
            reason,
            unknown: None,
            message: message.into(),
            metadata: vec![HashMap::new()],
            fields: Vec::new(),
            retry_after: None,
        }
    }

    /// There is no such thing, or not for this caller. `what` is a word such as `order`.
    pub fn not_found(what: &str) -> Self {
        Self::new(Reason::NotFound, format!("{what} not found"))
    }

    /// A field of the request is not what it must be. `field` is its proto path.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        let (field, problem) = (field.into(), problem.into());
        let mut fault = Self::new(Reason::Validation, format!("{field}: {problem}"));
        fault.fields.push((field, problem));
        fault
    }

    /// There is as much of something as there may be. `limit` names what, such as `addresses`.
    pub fn limit_exceeded(limit: &str, value: impl ToString, message: impl Into<String>) -> Self {
        Self::new(Reason::LimitExceeded, message).with("limit", limit).with("value", value)
    }

    /// What it is about is in a state that forbids it.
    pub fn illegal_state(message: impl Into<String>, state: &str) -> Self {
        Self::new(Reason::IllegalState, message).with("state", state)
    }

    /// Another one has this value already. `field` is the field's proto name.
    pub fn already_exists(what: &str, field: &str) -> Self {
        let message = format!("another {what} has this {field}");
        Self::new(Reason::AlreadyExists, message).with("field", field)
    }

    /// What was sent back is not the newest version.
    pub fn etag_mismatch() -> Self {
        Self::new(Reason::EtagMismatch, "changed meanwhile: read it again")
    }

    /// Not signed in, or not (any more) validly.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Reason::Unauthenticated, message)
    }

    /// Signed in, but not allowed to.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(Reason::PermissionDenied, message)
    }

    /// Too many tries.
    pub fn rate_limited(message: impl Into<String>, retry_after: Duration) -> Self {
        let mut fault = Self::new(Reason::RateLimited, message);
        fault.retry_after = Some(retry_after);
        fault
    }

    /// The process has no room for the call: it is refused at once, and may come again.
    pub fn overloaded(message: impl Into<String>) -> Self {
        let mut fault = Self::new(Reason::Overloaded, message);
        fault.retry_after = Some(Duration::from_secs(1));
        fault
    }

    /// A service or its database cannot be reached.
    pub fn unavailable(service: &str) -> Self {
        let message = format!("the {service} service cannot be reached");
        Self::new(Reason::UpstreamUnavailable, message).with("service", service)
    }

    /// Our own mistake: logged with its cause, answered without it.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Reason::Internal, "internal error")
    }

    /// Whether a service says that it failed by its own fault: it would do so the next time, too. What a connection broke
    /// off with may have the same code, and no details.
    pub fn is_services_own(status: &Status) -> bool {
        let info = status.get_details_error_info();
        status.code() == Code::Internal && info.is_some_and(|info| info.domain == DOMAIN)
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

    /// The reason's name, as callers see it.
    pub fn reason_name(&self) -> &str {
        self.unknown.as_deref().unwrap_or(self.reason.as_str())
    }

    /// A value of the first `ErrorInfo`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.metadata.first()?.get(key).map(String::as_str)
    }

    /// Reads a fault from another service's answer, to hand it on or to decide by its reason.
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details_vec();
        let mut fault =
            Self { code: status.code(), ..Self::new(Reason::of(status.code()), status.message()) };
        let mut infos = Vec::new();
        for detail in details {
            match detail {
                ErrorDetail::ErrorInfo(info) => {
                    match Reason::read(&info.reason) {
                        Some(reason) => (fault.reason, fault.unknown) = (reason, None),
                        // Nothing is decided by what it might mean.
                        None => {
                            fault.reason = Reason::Unspecified;
                            fault.unknown = Some(info.reason.into());
                        }
                    }
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

impl From<Fault> for Status {
    fn from(fault: Fault) -> Status {
        let reason = fault.reason_name().to_owned();
        let mut details: Vec<ErrorDetail> = fault
            .metadata
            .into_iter()
            .take(MOST_INFOS)
            .map(|metadata| ErrorInfo { reason: reason.clone(), domain: DOMAIN.to_owned(), metadata }.into())
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
        let mut fault = Fault::new(Reason::OutOfStock, "not enough in stock").with("article_id", "art_1");
        fault.metadata.push(HashMap::from([("article_id".to_owned(), "art_2".to_owned())]));
        let again = Fault::of(&Status::from(fault.with_all("order_id", "ord_1")));
        assert_eq!((again.code, again.reason), (Code::FailedPrecondition, Reason::OutOfStock));
        assert_eq!(again.value("article_id"), Some("art_1"));
        assert_eq!(again.metadata.len(), 2);
        assert!(again.metadata.iter().all(|info| info["order_id"] == "ord_1"));
    }

    #[test]
    fn a_reason_from_a_newer_service_is_handed_on_as_it_came() {
        let details = [ErrorInfo::new("FROM_TOMORROW", DOMAIN, HashMap::new()).into()].to_vec();
        let status = Status::with_error_details_vec(Code::FailedPrecondition, "no", details);
        let fault = Fault::of(&status);
        assert_eq!((fault.code, fault.reason), (Code::FailedPrecondition, Reason::Unspecified));
        assert_eq!(fault.reason_name(), "FROM_TOMORROW");
        let again = Status::from(fault);
        assert_eq!(again.get_error_details().error_info().unwrap().reason, "FROM_TOMORROW");
    }

    #[test]
    fn a_limit_says_which_and_how_many() {
        let fault = Fault::of(&Fault::limit_exceeded("lines", 100, "at most 100 lines").into());
        assert_eq!((fault.code, fault.reason), (Code::FailedPrecondition, Reason::LimitExceeded));
        assert_eq!((fault.value("limit"), fault.value("value")), (Some("lines"), Some("100")));
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
