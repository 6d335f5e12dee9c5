//! Orders in the order in which they were placed: what waits longest comes first.

use kit::{Scope, Time, id::OrderId, newest::unindexed};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, EntityTrait, Order, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{
    entities::order::{self, Column},
    lists::Filter,
    search::plain,
};
use crate::{
    domain::{Refunds, State},
    error::Error,
};

/// A page of placed orders after one, by merged seeks: an ordered scan for each state that is asked for. Orders never
/// placed are left out.
pub async fn placed(
    db: &impl ConnectionTrait,
    scope: Scope,
    filter: &Filter,
    descending: bool,
    after: Option<(Time, OrderId)>,
    limit: u64,
) -> Result<Vec<order::Model>, Error> {
    let whose = match scope {
        Scope::Owner(user) => Some(user),
        Scope::All => filter.user,
    };
    let mut seeks = vec![Condition::all()];
    if let Some(user) = whose {
        seeks = vec![Condition::all().add(Column::UserId.eq(user))];
    } else if filter.to_ship || !filter.states.is_empty() {
        seeks = filter.scanned_states().map(|state| Condition::all().add(Column::State.eq(state))).collect();
    }
    let mut fit = filter.residual().add(Column::PlaceTime.is_not_null());
    if let Some(search) = &filter.search {
        fit = fit.add(search.condition(plain));
    }
    if let Some(after) = after {
        fit = fit.add(after_cursor(db.get_database_backend(), descending, after));
    }
    let direction = || if descending { Order::Desc } else { Order::Asc };
    // Each of them may have all of the page: as many rows are read of each.
    let mut rows = Vec::new();
    for seek in seeks {
        let part = order::Entity::find().filter(seek).filter(fit.clone());
        let part = part.order_by(Column::PlaceTime, direction()).order_by(Column::Id, direction());
        rows.extend(part.limit(limit).all(db).await?);
    }
    rows.sort_by_key(|row| (row.place_time, row.id));
    if descending {
        rows.reverse();
    }
    rows.truncate(limit as usize);
    Ok(rows)
}

fn after_cursor(backend: DatabaseBackend, descending: bool, (time, id): (Time, OrderId)) -> Condition {
    let mut all = Condition::all();
    // MySQL finds no range in a comparison of pairs: the first column alone gives it one.
    if backend == DatabaseBackend::MySql {
        let placed = Column::PlaceTime;
        all = all.add(if descending { placed.lte(time) } else { placed.gte(time) });
    }
    let place = Expr::tuple([plain(Column::PlaceTime), plain(Column::Id)]);
    let last = Expr::tuple([Expr::val(time), Expr::val(id)]);
    all.add(if descending { place.lt(last) } else { place.gt(last) })
}

/// How many orders are in these states, or in any; of those that wait to be shipped, if that is asked for.
pub async fn count(db: &impl ConnectionTrait, states: &[State], to_ship: bool) -> Result<i64, Error> {
    if !to_ship {
        let asked = match states {
            [] => Condition::all(),
            states => Condition::all().add(Column::State.is_in(states.iter().copied())),
        };
        return counted(db, asked).await;
    }
    if !states.is_empty() && !states.contains(&State::Paid) {
        return Ok(0);
    }
    // What is paid is counted by its index; what of it is refunded is rare, and has indexes of its own.
    let paid = counted(db, Condition::all().add(Column::State.eq(State::Paid))).await?;
    let refunded = Condition::any().add(Column::Refunds.eq(Refunds::Full)).add(Column::Refunding.eq(true));
    let refunded = Condition::all().add(refunded).add(unindexed(Column::State).eq(State::Paid));
    let refunded = counted(db, refunded).await?;
    Ok(paid.saturating_sub(refunded))
}

async fn counted(db: &impl ConnectionTrait, all: Condition) -> Result<i64, Error> {
    let rows = order::Entity::find().select_only().column_as(Expr::cust("COUNT(*)"), "orders_found");
    Ok(rows.filter(all).into_tuple().one(db).await?.unwrap_or(0))
}
