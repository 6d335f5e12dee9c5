//! Fail points: the places around a call to a provider at which tests let it fail, stop or wait (`kit::fail_point`).

#[cfg(test)]
pub use kit::testing::fail_points as probe;
use kit::{
    fail_point::{self, Mishap},
    id::PaymentId,
};

use crate::{
    domain::{Failure, Operation},
    error::Error,
};

/// What a provider is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Authorize,
    Capture,
    Void,
    Acknowledge,
    Refund,
}

impl From<Operation> for Asked {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Authorize => Self::Authorize,
            Operation::Capture => Self::Capture,
            Operation::Void => Self::Void,
            Operation::Acknowledge => Self::Acknowledge,
        }
    }
}

/// Where, in relation to the call and to the commit of what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The operation is recorded; the provider was not called yet.
    Before,
    /// It has answered; nothing of that is recorded.
    Answered,
    /// What came of it is recorded; its caller was not answered yet.
    Recorded,
}

/// Every fail point. An acknowledgement moves no money and has none.
const POINTS: [(Asked, Place, &str); 12] = [
    (Asked::Authorize, Place::Before, "payment.authorize.before"),
    (Asked::Authorize, Place::Answered, "payment.authorize.answered"),
    (Asked::Authorize, Place::Recorded, "payment.authorize.recorded"),
    (Asked::Capture, Place::Before, "payment.capture.before"),
    (Asked::Capture, Place::Answered, "payment.capture.answered"),
    (Asked::Capture, Place::Recorded, "payment.capture.recorded"),
    (Asked::Void, Place::Before, "payment.void.before"),
    (Asked::Void, Place::Answered, "payment.void.answered"),
    (Asked::Void, Place::Recorded, "payment.void.recorded"),
    (Asked::Refund, Place::Before, "payment.refund.before"),
    (Asked::Refund, Place::Answered, "payment.refund.answered"),
    (Asked::Refund, Place::Recorded, "payment.refund.recorded"),
];

/// The names of all fail points.
pub fn names() -> impl Iterator<Item = &'static str> {
    POINTS.iter().map(|(_, _, name)| *name)
}

/// The name of one, where there is one.
pub fn name(asked: Asked, place: Place) -> Option<&'static str> {
    POINTS.iter().find(|point| (point.0, point.1) == (asked, place)).map(|(_, _, name)| *name)
}

/// Here is a fail point of an operation on this payment. Where a test wants it so, it ends the process, or the work, or
/// has it wait; or it says how the call fails.
pub async fn reach(asked: Asked, place: Place, payment: PaymentId) -> Result<Option<Failure>, Error> {
    if !fail_point::compiled_in() {
        return Ok(None);
    }
    let Some(name) = name(asked, place) else { return Ok(None) };
    match (fail_point::reach(name, &payment).await, place) {
        (None, _) => Ok(None),
        (Some(Mishap::Lose), Place::Before) => {
            Ok(Some(Failure::NotSent { problem: "lost on the way".to_owned() }))
        }
        (Some(Mishap::Lose), Place::Answered) => {
            Ok(Some(Failure::Unknown { problem: "the answer was lost".to_owned() }))
        }
        (Some(_), _) => Err(Error::Busy),
    }
}
