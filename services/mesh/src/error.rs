//! Why a call is refused, and how its caller sees it.

use kit::{Fault, Reason, Role, write::Failure};
use sea_orm::DbErr;
use tonic::{Code, Status};

use crate::store::webhooks::MOST;

/// Every refusal and failure of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Half an audit would prove nothing.
    #[error("{0} cannot be audited: {1}")]
    CannotTell(Role, Box<Status>),
    #[error("the instance's id is not a UUID")]
    BadInstance,
    #[error("no event was handed on after that position")]
    NothingToReplay,
    #[error("the webhook is not found")]
    NoWebhook,
    #[error("the delivery is not found")]
    NoDelivery,
    #[error("there are too many webhooks")]
    TooMany,
    #[error("the webhook is disabled")]
    Disabled,
    #[error("changed meanwhile")]
    Stale,
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        match error {
            // The caller's own time is over: that says nothing of the service.
            Error::CannotTell(_, status) if status.code() == Code::DeadlineExceeded => Fault::of(&status),
            Error::CannotTell(role, status) if status.code() == Code::Internal => {
                let message = format!("the {role} service fails at reading its own data: see its log");
                Fault::new(Reason::UpstreamUnavailable, message).with("service", role.name())
            }
            Error::CannotTell(role, _) => Fault::unavailable(role.name()),
            Error::NothingToReplay => Fault::new(Reason::NotFound, error.to_string()),
            Error::BadInstance => Fault::invalid("instance.id", "must be a UUID"),
            Error::NoWebhook => Fault::not_found("webhook"),
            Error::NoDelivery => Fault::not_found("delivery"),
            Error::TooMany => {
                Fault::limit_exceeded("webhooks", MOST, "there are so many webhooks: delete one first")
            }
            Error::Disabled => Fault::illegal_state("the webhook is disabled", "disabled"),
            Error::Stale => Fault::etag_mismatch(),
            Error::Database(error) => error.into(),
            Error::Fault(fault) => fault,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        Fault::from(error).into()
    }
}

impl Failure for Error {
    fn database(&self) -> Option<&DbErr> {
        match self {
            Error::Database(error) => Some(error),
            _ => None,
        }
    }
}
