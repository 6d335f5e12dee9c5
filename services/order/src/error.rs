//! Everything that can go wrong here.

use kit::{Fault, Reason, money::MoneyError, write::Failure};
use sea_orm::DbErr;
use tonic::Status;

use crate::{
    api::states,
    domain::{State, state::Illegal},
};

/// An error of the order service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error(transparent)]
    Illegal(#[from] Illegal),
    #[error("the order is being worked on")]
    Busy { state: State },
    #[error("the order has no lines")]
    Empty,
    #[error("there is another basket")]
    BasketExists,
    #[error("another order got this number")]
    NumberTaken,
    /// All of its money went back: it is not shipped by mistake.
    #[error("the order is refunded in full, or about to be")]
    Refunded,
    #[error("changed meanwhile")]
    Stale,
    /// Another owner has taken the order's checkout over: what this one was doing counts no more.
    #[error("the lease is lost")]
    LeaseLost,
    /// An update of a payment is older than what is known of it.
    #[error("the update is stale")]
    StaleUpdate,
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        match error {
            Error::NotFound(what) => Fault::not_found(what),
            Error::Illegal(illegal) => {
                Fault::illegal_state(format!("not possible: {illegal}"), states::name(illegal.state))
            }
            Error::Busy { state } => {
                Fault::illegal_state("a checkout of this order is under way", states::name(state))
            }
            Error::Empty => Fault::new(Reason::EmptyOrder, "the order has no lines"),
            Error::BasketExists => {
                let message = "there is another basket: check it out or cancel it first";
                Fault::new(Reason::BasketExists, message)
            }
            Error::Refunded => {
                let message =
                    "the order is refunded in full, or about to be: ship it all the same by `force`";
                Fault::new(Reason::Refunded, message)
            }
            Error::Stale => Fault::etag_mismatch(),
            Error::LeaseLost | Error::StaleUpdate | Error::NumberTaken => {
                Fault::new(Reason::Aborted, "another process was quicker: try again")
            }
            Error::Money(error) => error.into(),
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
