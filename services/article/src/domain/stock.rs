//! How stock moves.

use kit::{Time, id::ArticleId};
use sea_orm::{DeriveActiveEnum, EnumIter};

use super::listing_status::{DELETED, ListingStatus, listing_status};

/// The most free units an article can be adjusted to: far from what 64 bits hold.
pub const MOST_FREE: i64 = 1_000_000_000_000;
/// How far ahead a reservation may end by itself.
pub const LONGEST_HOLD: std::time::Duration = std::time::Duration::from_secs(31 * 24 * 3600);

/// Why stock moves. The numbers are the contract's and the database's; the first four are staff's to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Reason {
    Received = 1,
    Returned = 2,
    WrittenOff = 3,
    Correction = 4,
    Reserved = 5,
    Released = 6,
    Sold = 7,
    Restocked = 8,
}

/// A change that its reason forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDelta {
    #[error("must be above zero for this reason")]
    NotAbove,
    #[error("must be below zero for this reason")]
    NotBelow,
    #[error("must not be zero")]
    Zero,
}

/// Whether staff may change stock by so much for this reason.
pub fn check_delta(reason: Reason, delta: i64) -> Result<(), BadDelta> {
    match reason {
        _ if delta == 0 => Err(BadDelta::Zero),
        Reason::Received | Reason::Returned if delta < 0 => Err(BadDelta::NotAbove),
        Reason::WrittenOff if delta > 0 => Err(BadDelta::NotBelow),
        _ => Ok(()),
    }
}

/// What a reservation's movement does to its articles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    pub reason: Reason,
    /// By how many times the line's quantity each figure changes.
    pub free: i64,
    pub reserved: i64,
    pub sold: i64,
}

/// Set aside.
pub const RESERVE: Movement = Movement { reason: Reason::Reserved, free: -1, reserved: 1, sold: 0 };
/// Given back unsold.
pub const RELEASE: Movement = Movement { reason: Reason::Released, free: 1, reserved: -1, sold: 0 };
/// Paid for.
pub const SELL: Movement = Movement { reason: Reason::Sold, free: 0, reserved: -1, sold: 1 };
/// Given back after it was sold.
pub const RESTOCK: Movement = Movement { reason: Reason::Restocked, free: 1, reserved: 0, sold: -1 };

/// So many units of an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub article_id: ArticleId,
    pub quantity: i64,
}

/// Units of an article that came back of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Return {
    pub article_id: ArticleId,
    pub order_id: kit::id::OrderId,
    pub units: i64,
}

/// Stock set aside for one try of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    pub key: Attempt,
    pub state: super::reservation::State,
    pub expire_time: Time,
}

/// One try of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub order_id: kit::id::OrderId,
    pub attempt: i32,
}

/// An article and its stock, as those find it who move stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub article_id: ArticleId,
    pub active: bool,
    pub low_stock_threshold: i64,
    pub listing_status: ListingStatus,
    pub free: i64,
}

impl Found {
    /// Its listing status by what is free then; none where that is what it has.
    pub fn new_status(self, free: i64) -> Option<ListingStatus> {
        let next = if self.listing_status == DELETED {
            self.listing_status
        } else {
            listing_status(self.active, free, self.low_stock_threshold)
        };
        (next != self.listing_status).then_some(next)
    }
}

/// An article of which less is free than is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    pub article_id: ArticleId,
    pub free: i64,
}

/// Every article of which there is not enough, in the order of the lines.
pub fn shortages(lines: &[Line], found: &[Found]) -> Vec<Short> {
    let free = |line: &Line| found.iter().find(|it| it.article_id == line.article_id).map_or(0, |it| it.free);
    let shorts =
        lines.iter().map(|line| (line.quantity, Short { article_id: line.article_id, free: free(line) }));
    shorts.filter(|(wanted, short)| short.free < *wanted).map(|(_, short)| short).collect()
}

/// Every article that is not for sale (any more), in the order of the lines.
pub fn withdrawn(lines: &[Line], found: &[Found]) -> Vec<ArticleId> {
    let active = |id: &ArticleId| found.iter().any(|it| it.article_id == *id && it.active);
    lines.iter().map(|line| line.article_id).filter(|id| !active(id)).collect()
}

#[cfg(test)]
mod tests {
    use kit::id::Id;

    use super::*;

    #[test]
    fn each_reason_has_its_sign() {
        for (reason, below, above) in [
            (Reason::Received, Err(BadDelta::NotAbove), Ok(())),
            (Reason::Returned, Err(BadDelta::NotAbove), Ok(())),
            (Reason::WrittenOff, Ok(()), Err(BadDelta::NotBelow)),
            (Reason::Correction, Ok(()), Ok(())),
        ] {
            assert_eq!(check_delta(reason, -1), below, "{reason:?}");
            assert_eq!(check_delta(reason, 1), above, "{reason:?}");
            assert_eq!(check_delta(reason, 0), Err(BadDelta::Zero), "{reason:?}");
        }
    }

    #[test]
    fn a_reservations_movements_make_and_lose_no_unit() {
        for movement in [RESERVE, RELEASE, SELL, RESTOCK] {
            assert_eq!(movement.free + movement.reserved + movement.sold, 0, "{movement:?}");
        }
    }

    fn found(article_id: ArticleId, active: bool, free: i64) -> Found {
        Found {
            article_id,
            active,
            low_stock_threshold: 2,
            listing_status: listing_status(active, free, 2),
            free,
        }
    }

    #[test]
    fn an_articles_listing_status_changes_with_what_is_free_unless_it_is_deleted() {
        let plenty = found(ArticleId::new(), true, 3);
        assert_eq!(plenty.new_status(4), None);
        assert_eq!(plenty.new_status(2), Some(listing_status(true, 2, 2)));
        assert_eq!(plenty.new_status(0), Some(listing_status(true, 0, 2)));
        let deleted = Found { active: false, listing_status: DELETED, ..plenty };
        assert_eq!(deleted.new_status(0), None);
    }

    #[test]
    fn every_short_and_every_withdrawn_article_is_named() {
        let ids = [ArticleId::new(), ArticleId::new(), ArticleId::new()];
        let lines = ids.map(|article_id| Line { article_id, quantity: 2 });
        let found = [found(ids[0], true, 1), found(ids[1], false, 2)];
        let short = |place: usize, free| Short { article_id: ids[place], free };
        assert_eq!(shortages(&lines, &found), [short(0, 1), short(2, 0)]);
        assert_eq!(withdrawn(&lines, &found), ids[1..]);
    }
}
