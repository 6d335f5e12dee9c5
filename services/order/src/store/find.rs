//! Finding orders. Every finder of one takes a scope: out of it, an order does not exist.

use kit::{
    Page, Scope,
    id::{OrderId, UserId},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

use super::entities::{event, order};
use crate::{
    domain::{State, notes},
    error::Error,
};

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

/// All orders of a user.
pub async fn of_user(tx: &impl ConnectionTrait, user: UserId) -> Result<Vec<OrderId>, Error> {
    let query =
        order::Entity::find().select_only().column(order::Column::Id).filter(order::Column::UserId.eq(user));
    Ok(query.order_by_asc(order::Column::Id).into_tuple().all(tx).await?)
}

/// Forgets what somebody wrote as the reason of an order's cancellation: it is said in our words instead.
pub async fn forget_words(tx: &kit::Tx, id: OrderId) -> Result<(), Error> {
    let cancelled = event::Entity::find()
        .filter(event::Column::OrderId.eq(id))
        .filter(event::Column::State.eq(State::Cancelled))
        // Later ones tell what became of its money.
        .order_by_asc(event::Column::Sequence)
        .limit(1)
        .one(&**tx)
        .await?;
    if let Some(written) = cancelled.filter(|event| !notes::is_of_cancellation(&event.note)) {
        event::Entity::update_many()
            .col_expr(event::Column::Note, Expr::value(notes::CANCELLED))
            .filter(event::Column::OrderId.eq(id))
            .filter(event::Column::Sequence.eq(written.sequence))
            .exec(&**tx)
            .await?;
    }
    Ok(())
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
