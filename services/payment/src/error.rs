//! Everything that a call can fail with.

use kit::{Fault, Money, Reason, write::Failure};
use sea_orm::DbErr;
use tonic::Status;

use crate::{api::states, domain::State, provider::Rejection};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("payment not found")]
    NotFound,
    #[error("there is no such provider")]
    Provider,
    #[error(transparent)]
    Event(#[from] Rejection),
    #[error("the payment id is taken by another payment")]
    Taken,
    #[error("there is no such payment type")]
    PaymentType,
    #[error("the provider {provider} does not take this payment method")]
    PaymentMethod { provider: String },
    #[error("a payment in state {0:?} does not allow it")]
    Illegal(State),
    /// UNKNOWN, but not for staff to decide.
    #[error("the provider {provider} is being asked what became of the payment")]
    Reconciling { provider: String },
    #[error("at most {refundable} can be given back")]
    Refundable { state: State, refundable: Money },
    #[error("the payment is in another currency")]
    Currency,
    /// An operation is under way; it may be over soon.
    #[error("another operation on this payment is under way")]
    Busy,
    /// Somebody else changed the row meanwhile.
    #[error("another call got in between")]
    Changed,
    #[error("the provider {provider} refused: {reason}")]
    Refused { provider: String, reason: String },
    #[error("the provider {provider} cannot be reached")]
    Unavailable { provider: String },
    #[error("the provider {provider} cannot do that")]
    Unsupported { provider: String },
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let message = error.to_string();
        match error {
            Error::NotFound => Fault::not_found("payment"),
            Error::Provider | Error::Event(Rejection::NoEvents) => Fault::not_found("provider"),
            Error::Event(Rejection::Forged | Rejection::Stale) => Fault::unauthenticated(message),
            Error::Event(Rejection::Unreadable(problem)) => Fault::invalid("event", problem),
            Error::Taken => Fault::already_exists("payment", "id"),
            Error::PaymentType => Fault::invalid("payment_type", message),
            Error::PaymentMethod { .. } => Fault::invalid("payment_method", message),
            Error::Illegal(state) => {
                let words =
                    states::name(state).trim_start_matches("PAYMENT_STATE_").to_lowercase().replace('_', " ");
                Fault::illegal_state(format!("the payment is {words}"), states::name(state))
            }
            Error::Reconciling { .. } => Fault::illegal_state(message, states::name(State::Unknown)),
            Error::Refundable { state, refundable } => {
                Fault::illegal_state(message, states::name(state)).with("refundable", refundable)
            }
            Error::Currency => Fault::new(Reason::CurrencyMismatch, message),
            Error::Busy | Error::Changed => {
                let mut fault = Fault::new(Reason::Aborted, message);
                fault.retry_after = Some(std::time::Duration::from_secs(1));
                fault
            }
            Error::Refused { provider, reason } => Fault::new(Reason::ProviderRefused, message)
                .with("provider", provider)
                .with("refusal", reason),
            Error::Unavailable { provider } => {
                Fault::new(Reason::UpstreamUnavailable, message).with("service", provider)
            }
            Error::Unsupported { provider } => {
                Fault::new(Reason::ProviderCannot, message).with("provider", provider)
            }
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
