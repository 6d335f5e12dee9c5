//! The list of payments and its filters.

use kit::{
    Money, Scope,
    id::{OrderId, PaymentId, UserId},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Payment,
    payment::{Column, Entity},
};
use crate::{domain::State, error::Error};

/// Which payments; what is empty does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub states: Vec<State>,
    pub pending: Option<bool>,
    pub user: Option<UserId>,
    pub order: Option<OrderId>,
    pub payment_type: Option<i32>,
    /// Inclusive, in its currency.
    pub min_amount: Option<Money>,
    /// Inclusive, in its currency.
    pub max_amount: Option<Money>,
}

/// Payments in the caller's sight before one of them, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    scope: Scope,
    filter: Filter,
    after: Option<PaymentId>,
    limit: u64,
) -> Result<Vec<Payment>, Error> {
    let mut rows = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Scope::Owner(user) = scope {
        rows = rows.filter(Column::UserId.eq(user));
    }
    if let Some(after) = after {
        rows = rows.filter(Column::Id.lt(after));
    }
    if !filter.states.is_empty() {
        rows = rows.filter(Column::State.is_in(filter.states));
    }
    match filter.pending {
        Some(true) => rows = rows.filter(Column::State.is_in(State::OPEN)),
        Some(false) => rows = rows.filter(Column::State.is_not_in(State::OPEN)),
        None => {}
    }
    if let Some(user) = filter.user {
        rows = rows.filter(Column::UserId.eq(user));
    }
    if let Some(order) = filter.order {
        rows = rows.filter(Column::OrderId.eq(order));
    }
    if let Some(payment_type) = filter.payment_type {
        rows = rows.filter(Column::PaymentType.eq(payment_type));
    }
    if let Some(least) = filter.min_amount {
        rows = rows
            .filter(Column::Currency.eq(least.currency.code()))
            .filter(Column::AmountMinor.gte(least.minor));
    }
    if let Some(most) = filter.max_amount {
        rows = rows
            .filter(Column::Currency.eq(most.currency.code()))
            .filter(Column::AmountMinor.lte(most.minor));
    }
    Ok(rows.all(db).await?)
}
