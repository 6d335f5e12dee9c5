//! What the audit log is told.

use kit::{Money, audit_log::Act, id::ArticleId};

/// Another price.
pub fn repriced(id: ArticleId, before: Option<Money>, after: Option<Money>) -> Act {
    let text = |price: Option<Money>| price.map_or_else(|| "none".to_owned(), |price| price.to_string());
    Act::new("price.changed").on(id).saying(format!("from={} to={}", text(before), text(after)))
}

/// A count that was corrected.
pub fn corrected(id: ArticleId, delta: i64) -> Act {
    Act::new("stock.adjusted").on(id).saying(format!("delta={delta}"))
}
