//! Fail points: the places in a checkout and in its compensation at which tests let it fail, stop or wait
//! (`kit::fail_point`).

use kit::fail_point;
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

/// Here is a fail point. Where a test wants it so, it ends the process, or the work, or has it wait.
pub async fn reach(asked: Asked, place: Place) -> Result<(), Error> {
    if !fail_point::compiled_in() {
        return Ok(());
    }
    let Some(name) = name(asked, place) else { return Ok(()) };
    match fail_point::reach(name, &name).await {
        None => Ok(()),
        Some(_) => Err(Error::LeaseLost),
    }
}
