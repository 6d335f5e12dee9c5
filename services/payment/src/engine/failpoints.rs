//! Fail points: the places around a call to a provider at which tests let it fail, stop or wait.
//!
//! They are nothing at all unless the crate `fail` is built with its feature `failpoints`, as builds of tests are. A
//! process of such a build takes what happens at them from the environment, for example
//! `FAILPOINTS=payment.capture.answered=1*return(die)`.

use kit::id::PaymentId;

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

/// What happens at a fail point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// The process ends, as by SIGKILL.
    Die,
    /// Whoever is at work ends here, and nobody notices.
    Stop,
    /// The request does not get there, or the answer does not come back.
    Lose,
    /// Whoever is at work waits until a test lets it go on.
    #[cfg(test)]
    Wait,
}

/// Here is a fail point of an operation on this payment. Where a test wants it so, it ends the process, or the work, or
/// has it wait; or it says how the call fails.
pub async fn reach(asked: Asked, place: Place, payment: PaymentId) -> Result<Option<Failure>, Error> {
    if !fail::has_failpoints() {
        return Ok(None);
    }
    let Some(name) = name(asked, place) else { return Ok(None) };
    #[cfg(test)]
    if probe::concerns(payment) {
        probe::count(name);
    }
    match action(name, payment) {
        None => Ok(None),
        Some(Action::Die) => std::process::abort(),
        Some(Action::Stop) => Err(Error::Busy),
        Some(Action::Lose) => match place {
            Place::Before => Ok(Some(Failure::NotSent { problem: "lost on the way".to_owned() })),
            Place::Answered => Ok(Some(Failure::Unknown { problem: "the answer was lost".to_owned() })),
            Place::Recorded => Err(Error::Busy),
        },
        #[cfg(test)]
        Some(Action::Wait) => {
            probe::wait().await;
            Ok(None)
        }
    }
}

fn action(_name: &str, _payment: PaymentId) -> Option<Action> {
    // Other tests of the same program go by undisturbed.
    #[cfg(test)]
    let _concerned = probe::concerns(_payment);
    #[cfg(not(test))]
    let _concerned = true;
    fail::fail_point!(_name, _concerned, |what| match what.as_deref() {
        Some("die") => Some(Action::Die),
        Some("lose") => Some(Action::Lose),
        #[cfg(test)]
        Some("wait") => Some(Action::Wait),
        _ => Some(Action::Stop),
    });
    None
}

/// How tests see what happens at fail points.
#[cfg(test)]
pub mod probe {
    use std::sync::{Mutex, PoisonError};

    use kit::id::PaymentId;
    pub use kit::testing::fail_points::*;

    static CONCERNED: Mutex<Option<PaymentId>> = Mutex::new(None);

    /// From now on fail points are those of this payment alone.
    pub fn concern(payment: PaymentId) {
        *CONCERNED.lock().unwrap_or_else(PoisonError::into_inner) = Some(payment);
    }

    pub(super) fn concerns(payment: PaymentId) -> bool {
        *CONCERNED.lock().unwrap_or_else(PoisonError::into_inner) == Some(payment)
    }
}
