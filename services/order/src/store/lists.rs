//! Lists of orders: what they show, and by which plan they are read.
//!
//! A list is read by merged seeks: one ordered scan for each value of the filter that has an index ending in the id,
//! merged by id (`kit::newest`). What has no such index is a residual condition on the rows read. Where that may leave
//! few rows, there is a second plan by an index of its own: find all, sort, take the first.

use kit::{
    Currency, Money, Scope, Time,
    db::Rows,
    id::{OrderId, UserId},
    newest::{Newest, unindexed},
};
use sea_orm::{
    ColumnTrait, Condition, IntoSimpleExpr as _, Iterable, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{
    entities::order::{self, Column},
    find::scoped,
    search::{Search, is_owing, owing, plain},
};
use crate::{
    domain::{Refunds, State},
    error::Error,
};

/// Which orders a list or an export shows.
#[derive(Debug, Default)]
pub struct Filter {
    pub states: Vec<State>,
    pub user: Option<UserId>,
    pub currency: Option<Currency>,
    pub min_total: Option<Money>,
    pub max_total: Option<Money>,
    pub placed_after: Option<Time>,
    pub placed_before: Option<Time>,
    pub made_until: Option<Time>,
    /// Only orders that this finds.
    pub search: Option<Search>,
    /// Only orders whose customers wait for their money.
    pub owing: bool,
    pub refunds: Option<Refunds>,
    /// Only orders that wait to be shipped.
    pub to_ship: bool,
}

impl Filter {
    /// What is asked for but for totals and times of placing, hidden from planners: no index is entered by it.
    fn others(&self) -> Condition {
        let mut all = Condition::all();
        if !self.states.is_empty() {
            all = all.add(unindexed(Column::State).is_in(self.states.iter().copied()));
        }
        all.add_option(self.user.map(|user| unindexed(Column::UserId).eq(user)))
            .add_option(self.currency.map(|currency| unindexed(Column::Currency).eq(currency.code())))
            .add_option(self.refunds.map(|refunds| unindexed(Column::Refunds).eq(refunds)))
            .add_option(self.to_ship.then(waits_to_be_shipped))
            .add_option(self.made_until.map(|time| unindexed(Column::CreateTime).lte(time)))
    }

    /// The ranges of totals and times of placing.
    fn ranges(&self, column: fn(Column) -> Expr) -> Condition {
        let mut all = Condition::all();
        if let Some(bound) = self.min_total.or(self.max_total) {
            all = all.add(column(Column::Currency).eq(bound.currency.code()));
        }
        let total = || column(Column::TotalMinor);
        let placed = || column(Column::PlaceTime);
        all.add_option(self.min_total.map(|least| total().gte(least.minor)))
            .add_option(self.max_total.map(|most| total().lte(most.minor)))
            .add_option(self.placed_after.map(|time| placed().gte(time)))
            .add_option(self.placed_before.map(|time| placed().lt(time)))
    }

    /// The states whose orders are read: an ordered scan for each.
    pub(super) fn scanned_states(&self) -> impl Iterator<Item = State> {
        let asked = |state: &State| self.states.is_empty() || self.states.contains(state);
        let fits = move |state: &State| asked(state) && (!self.to_ship || *state == State::Paid);
        State::iter().filter(fits)
    }

    /// The residual condition: all but the search, hidden from planners, so that they keep to the scan's index.
    pub(super) fn residual(&self) -> Condition {
        self.others().add(self.ranges(unindexed)).add_option(self.owing.then(is_owing))
    }
}

/// PAID, and its money neither went back nor is about to.
fn waits_to_be_shipped() -> Condition {
    Condition::all()
        .add(unindexed(Column::State).eq(State::Paid))
        .add(unindexed(Column::Refunds).ne(Refunds::Full))
        .add(unindexed(Column::Refunding).eq(false))
}

/// A page of orders, the newest first.
pub async fn list(
    db: &impl Rows,
    scope: Scope,
    filter: &Filter,
    after: Option<OrderId>,
    limit: u64,
) -> Result<Vec<order::Model>, Error> {
    let whose = match scope {
        Scope::Owner(user) => Some(user),
        Scope::All => filter.user,
    };
    let ranges = filter.ranges(|column| column.into_simple_expr());
    let mut selective = (whose.is_none() && !ranges.is_empty()).then_some(ranges);
    let mut all = filter.residual();
    if filter.owing {
        selective = Some(owing());
    }
    if let Some(search) = &filter.search {
        all = all.add(search.condition(unindexed));
        selective = Some(search.condition(plain));
    }
    let mut found =
        Newest::<order::Entity> { id: Column::Id, seeks: vec![Condition::all()], filter: all, selective };
    if let Some(user) = whose {
        found.seeks = vec![Condition::all().add(Column::UserId.eq(user))];
    } else if let Some(refunds) = filter.refunds.filter(|refunds| *refunds != Refunds::None) {
        found.seeks = vec![Condition::all().add(Column::Refunds.eq(refunds))];
    } else if filter.to_ship || !filter.states.is_empty() {
        let states = filter.scanned_states();
        found.seeks = states.map(|state| Condition::all().add(Column::State.eq(state))).collect();
    }
    if found.seeks.is_empty() {
        return Ok(Vec::new());
    }
    Ok(found.page_by(db, after.map(Into::into), limit, |row| order::decode(row, 0)).await?)
}

/// Everybody's orders after one and up to another (both: without a bound), the oldest first.
pub async fn between(
    db: &impl Rows,
    filter: &Filter,
    after: Option<OrderId>,
    up_to: Option<OrderId>,
    limit: u64,
) -> Result<Vec<order::Model>, Error> {
    let mut query = oldest_first(after).filter(filter.residual());
    if let Some(up_to) = up_to {
        query = query.filter(order::Column::Id.lte(up_to));
    }
    Ok(query.limit(limit).all(db).await?)
}

/// The id of the order that comes so many after another; `None` where there are fewer.
pub async fn id_after(db: &impl Rows, after: Option<OrderId>, count: u64) -> Result<Option<OrderId>, Error> {
    let ids = oldest_first(after).select_only().column(order::Column::Id);
    Ok(ids.offset(count.saturating_sub(1)).limit(1).into_tuple().one(db).await?)
}

fn oldest_first(after: Option<OrderId>) -> sea_orm::Select<order::Entity> {
    let mut query = scoped(Scope::All).order_by_asc(order::Column::Id);
    if let Some(after) = after {
        query = query.filter(order::Column::Id.gt(after));
    }
    query
}
