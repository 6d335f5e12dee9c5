//! Finding orders. Every finder of one takes a scope: out of it, an order does not exist.

use std::collections::HashMap;

use kit::{
    Currency, Money, Page, Scope,
    id::{OrderId, UserId},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::{adjustment, event, line, order};
use crate::{
    domain::{Adjustment, Line},
    error::Error,
};

/// An order with its lines and adjustments.
#[derive(Debug, Clone)]
pub struct View {
    pub order: order::Model,
    pub lines: Vec<Line>,
    pub adjustments: Vec<Adjustment>,
}

/// Every order, or a user's alone.
pub(super) fn scoped(scope: Scope) -> sea_orm::Select<order::Entity> {
    let all = order::Entity::find();
    match scope {
        Scope::All => all,
        Scope::Owner(user) => all.filter(order::Column::UserId.eq(user)),
    }
}

/// An order's row.
pub async fn by_id(db: &impl ConnectionTrait, id: OrderId, scope: Scope) -> Result<order::Model, Error> {
    scoped(scope).filter(order::Column::Id.eq(id)).one(db).await?.ok_or(Error::NotFound("order"))
}

/// An order's row, locked until the transaction ends.
pub async fn lock(tx: &impl ConnectionTrait, id: OrderId, scope: Scope) -> Result<order::Model, Error> {
    scoped(scope)
        .filter(order::Column::Id.eq(id))
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or(Error::NotFound("order"))
}

/// A user's basket.
pub async fn open_order(db: &impl ConnectionTrait, user: UserId) -> Result<order::Model, Error> {
    let basket = order::Entity::find().filter(order::Column::BasketOf.eq(user)).one(db).await?;
    basket.ok_or(Error::NotFound("basket"))
}

/// A user's basket, locked until the transaction ends.
pub async fn locked_basket(tx: &impl ConnectionTrait, user: UserId) -> Result<order::Model, Error> {
    let basket =
        order::Entity::find().filter(order::Column::BasketOf.eq(user)).lock_exclusive().one(tx).await?;
    basket.ok_or(Error::NotFound("basket"))
}

/// An order with what belongs to it.
pub async fn view(db: &impl ConnectionTrait, order: order::Model) -> Result<View, Error> {
    views(db, vec![order]).await?.pop().ok_or(Error::NotFound("order"))
}

/// Orders with what belongs to them: two more queries, however many they are.
pub async fn views(db: &impl ConnectionTrait, orders: Vec<order::Model>) -> Result<Vec<View>, Error> {
    let ids: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
    let mut lines: HashMap<OrderId, Vec<Line>> = HashMap::new();
    let mut adjustments: HashMap<OrderId, Vec<Adjustment>> = HashMap::new();
    if !ids.is_empty() {
        let rows = line::Entity::find().filter(line::Column::OrderId.is_in(ids.iter().copied()));
        for row in rows.order_by_asc(line::Column::Id).all(db).await? {
            lines.entry(row.order_id).or_default().push(read_line(row)?);
        }
        let rows = adjustment::Entity::find().filter(adjustment::Column::OrderId.is_in(ids));
        for row in rows.order_by_asc(adjustment::Column::Id).all(db).await? {
            adjustments.entry(row.order_id).or_default().push(read_adjustment(row)?);
        }
    }
    let collect = |order: order::Model| {
        let (lines, adjustments) = (lines.remove(&order.id), adjustments.remove(&order.id));
        View { order, lines: lines.unwrap_or_default(), adjustments: adjustments.unwrap_or_default() }
    };
    Ok(orders.into_iter().map(collect).collect())
}

fn read_line(row: line::Model) -> Result<Line, Error> {
    Ok(Line {
        id: row.id,
        article_id: row.article_id,
        code: row.code,
        name: row.name,
        quantity: row.quantity,
        unit_price: Money::new(row.unit_price_minor, stored_currency(&row.currency)?),
        tax_rate_basis_points: row.tax_rate_basis_points,
        returned: row.returned,
    })
}

fn read_adjustment(row: adjustment::Model) -> Result<Adjustment, Error> {
    Ok(Adjustment {
        id: row.id,
        kind: row.kind,
        label: row.label,
        amount: Money::new(row.amount_minor, stored_currency(&row.currency)?),
        given: Money::new(row.given_minor, stored_currency(&row.given_currency)?),
        automatic: row.automatic,
    })
}

fn stored_currency(code: &str) -> Result<Currency, Error> {
    code.parse().map_err(|()| kit::Fault::internal("a stored currency is none").into())
}

/// All orders of a user.
pub async fn of_user(tx: &impl ConnectionTrait, user: UserId) -> Result<Vec<OrderId>, Error> {
    let query =
        order::Entity::find().select_only().column(order::Column::Id).filter(order::Column::UserId.eq(user));
    Ok(query.order_by_asc(order::Column::Id).into_tuple().all(tx).await?)
}

/// A page of an order's events, the oldest first.
pub async fn list_events(
    db: &impl ConnectionTrait,
    id: OrderId,
    page: &Page<i64>,
) -> Result<Vec<event::Model>, Error> {
    Ok(after(id, page.after.unwrap_or(0)).limit(page.limit()).all(db).await?)
}

/// An order's events after one of them.
pub async fn events_after(
    db: &impl ConnectionTrait,
    id: OrderId,
    sequence: i64,
) -> Result<Vec<event::Model>, Error> {
    Ok(after(id, sequence).limit(500).all(db).await?)
}

fn after(id: OrderId, sequence: i64) -> sea_orm::Select<event::Entity> {
    event::Entity::find()
        .filter(event::Column::OrderId.eq(id))
        .filter(event::Column::Sequence.gt(sequence))
        .order_by_asc(event::Column::Sequence)
}
