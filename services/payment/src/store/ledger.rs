//! The list of ledger entries and its filters.

use kit::{
    Time,
    id::{EntryId, PaymentId},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entry::row::{Column, Entity, Model};
use crate::error::Error;

/// Which entries; what is empty does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub payment: Option<PaymentId>,
    pub account: Option<String>,
    /// At this time or later.
    pub after: Option<Time>,
    /// Before this time.
    pub before: Option<Time>,
}

/// Entries after one of them, the oldest first.
pub async fn list(
    db: &impl ConnectionTrait,
    filter: Filter,
    after: Option<EntryId>,
    limit: u64,
) -> Result<Vec<Model>, Error> {
    let mut rows = Entity::find().order_by_asc(Column::Id).limit(limit);
    if let Some(after) = after {
        rows = rows.filter(Column::Id.gt(after));
    }
    if let Some(payment) = filter.payment {
        rows = rows.filter(Column::PaymentId.eq(payment));
    }
    if let Some(account) = filter.account {
        rows = rows.filter(Column::Account.eq(account));
    }
    if let Some(after) = filter.after {
        rows = rows.filter(Column::CreateTime.gte(after));
    }
    if let Some(before) = filter.before {
        rows = rows.filter(Column::CreateTime.lt(before));
    }
    Ok(rows.all(db).await?)
}
