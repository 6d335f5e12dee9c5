//! Fail points: the places in a checkout and in its compensation at which tests let it fail, stop or wait.
//!
//! They are nothing at all unless the crate `fail` is built with its feature `failpoints`, as builds of tests are. A
//! process of such a build takes what happens at them from the environment, for example
//! `FAILPOINTS=order.pay.answered=1*return(die)`.

#[cfg(test)]
pub use kit::testing::fail_points as probe;

use crate::error::Error;

/// What is asked of another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Reserve,
    Pay,
    Capture,
    Commit,
    Expire,
    Reopen,
    /// Compensation: a release, or a restocking.
    Unreserve,
    /// Compensation: a void, or a refund.
    Unpay,
}

/// Where, in relation to the call and to the commit of what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Its id is stored; the other service was not called yet.
    Before,
    /// It has answered; nothing of that is stored.
    Answered,
    /// What came of it is stored; nothing was done with that yet.
    Committed,
}

/// Every fail point. A capture that goes well is stored with the commit of the stock that follows it.
const POINTS: [(Asked, Place, &str); 23] = [
    (Asked::Reserve, Place::Before, "order.reserve.before"),
    (Asked::Reserve, Place::Answered, "order.reserve.answered"),
    (Asked::Reserve, Place::Committed, "order.reserve.committed"),
    (Asked::Pay, Place::Before, "order.pay.before"),
    (Asked::Pay, Place::Answered, "order.pay.answered"),
    (Asked::Pay, Place::Committed, "order.pay.committed"),
    (Asked::Capture, Place::Before, "order.capture.before"),
    (Asked::Capture, Place::Answered, "order.capture.answered"),
    (Asked::Commit, Place::Before, "order.commit.before"),
    (Asked::Commit, Place::Answered, "order.commit.answered"),
    (Asked::Commit, Place::Committed, "order.commit.committed"),
    (Asked::Expire, Place::Before, "order.expire.before"),
    (Asked::Expire, Place::Answered, "order.expire.answered"),
    (Asked::Expire, Place::Committed, "order.expire.committed"),
    (Asked::Reopen, Place::Before, "order.reopen.before"),
    (Asked::Reopen, Place::Answered, "order.reopen.answered"),
    (Asked::Reopen, Place::Committed, "order.reopen.committed"),
    (Asked::Unreserve, Place::Before, "order.unreserve.before"),
    (Asked::Unreserve, Place::Answered, "order.unreserve.answered"),
    (Asked::Unreserve, Place::Committed, "order.unreserve.committed"),
    (Asked::Unpay, Place::Before, "order.unpay.before"),
    (Asked::Unpay, Place::Answered, "order.unpay.answered"),
    (Asked::Unpay, Place::Committed, "order.unpay.committed"),
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
#[allow(dead_code, reason = "only builds of tests have fail points at which something happens")]
enum Action {
    /// The process ends, as by SIGKILL.
    Die,
    /// Whoever is at work ends here, and nobody notices.
    Stop,
    /// Whoever is at work waits until a test lets it go on.
    #[cfg(test)]
    Wait,
}

/// Here is a fail point. Where a test wants it so, it ends the process, or the work, or has it wait.
pub async fn reach(asked: Asked, place: Place) -> Result<(), Error> {
    if !fail::has_failpoints() {
        return Ok(());
    }
    let Some(name) = name(asked, place) else { return Ok(()) };
    #[cfg(test)]
    probe::count(name);
    match action(name) {
        None => Ok(()),
        Some(Action::Die) => std::process::abort(),
        Some(Action::Stop) => Err(Error::LeaseLost),
        #[cfg(test)]
        Some(Action::Wait) => {
            probe::wait().await;
            Ok(())
        }
    }
}

fn action(_name: &str) -> Option<Action> {
    fail::fail_point!(_name, |what| match what.as_deref() {
        Some("die") => Some(Action::Die),
        #[cfg(test)]
        Some("wait") => Some(Action::Wait),
        _ => Some(Action::Stop),
    });
    None
}
