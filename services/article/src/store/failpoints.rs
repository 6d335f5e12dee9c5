//! Fail points of reservations: the places in a step and around its commit at which tests let it fail, stop or wait
//! (`kit::fail_point`).

use kit::{Fault, fail_point};

use crate::{domain::stock::Attempt, error::Error};

/// What is done with a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Reserve,
    Renew,
    Commit,
    Release,
    Restock,
    Expire,
}

/// Where, in relation to the change and to its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The transaction has begun; nothing is changed.
    Before,
    /// The reservation, its articles and their stock are changed; nothing is committed.
    Changed,
    /// All is committed; the caller was not answered yet.
    Committed,
}

/// Every fail point.
const POINTS: [(Asked, Place, &str); 18] = [
    (Asked::Reserve, Place::Before, "article.reserve.before"),
    (Asked::Reserve, Place::Changed, "article.reserve.changed"),
    (Asked::Reserve, Place::Committed, "article.reserve.committed"),
    (Asked::Renew, Place::Before, "article.renew.before"),
    (Asked::Renew, Place::Changed, "article.renew.changed"),
    (Asked::Renew, Place::Committed, "article.renew.committed"),
    (Asked::Commit, Place::Before, "article.commit.before"),
    (Asked::Commit, Place::Changed, "article.commit.changed"),
    (Asked::Commit, Place::Committed, "article.commit.committed"),
    (Asked::Release, Place::Before, "article.release.before"),
    (Asked::Release, Place::Changed, "article.release.changed"),
    (Asked::Release, Place::Committed, "article.release.committed"),
    (Asked::Restock, Place::Before, "article.restock.before"),
    (Asked::Restock, Place::Changed, "article.restock.changed"),
    (Asked::Restock, Place::Committed, "article.restock.committed"),
    (Asked::Expire, Place::Before, "article.expire.before"),
    (Asked::Expire, Place::Changed, "article.expire.changed"),
    (Asked::Expire, Place::Committed, "article.expire.committed"),
];

/// The names of all fail points.
pub fn names() -> impl Iterator<Item = &'static str> {
    POINTS.iter().map(|(_, _, name)| *name)
}

/// The name of one.
pub fn name(asked: Asked, place: Place) -> Option<&'static str> {
    POINTS.iter().find(|point| (point.0, point.1) == (asked, place)).map(|(_, _, name)| *name)
}

/// Here is a fail point of a step of this order's reservation.
pub async fn reach(asked: Asked, place: Place, key: Attempt) -> Result<(), Error> {
    if !fail_point::compiled_in() {
        return Ok(());
    }
    let Some(name) = name(asked, place) else { return Ok(()) };
    match fail_point::reach(name, &key.order_id).await {
        None => Ok(()),
        Some(_) => Err(Fault::unavailable("article").into()),
    }
}
