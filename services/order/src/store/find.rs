//! Finding orders. Every finder of one takes a scope: out of it, an order does not exist.

use std::collections::HashMap;

use contracts::order::AdjustmentType;
use kit::{
    Currency, Money, Page, Scope, Time,
    id::{OrderId, UserId},
    newest::{Newest, unindexed},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoSimpleExpr as _, Iterable, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{
    entities::{
        adjustment, event, line,
        order::{self, Column},
    },
    search::{Search, is_owing, owing, plain},
};
use crate::{
    domain::{Adjustment, Line, Refunds, State},
    error::Error,
};

/// An order with its lines and adjustments.
#[derive(Debug, Clone)]
pub struct View {
    pub order: order::Model,
    pub lines: Vec<Line>,
    pub adjustments: Vec<Adjustment>,
}

fn scoped(scope: Scope) -> sea_orm::Select<order::Entity> {
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
        kind: AdjustmentType::try_from(i32::from(row.kind)).unwrap_or(AdjustmentType::Unspecified),
        label: row.label,
        amount: Money::new(row.amount_minor, stored_currency(&row.currency)?),
        given: Money::new(row.given_minor, stored_currency(&row.given_currency)?),
        automatic: row.automatic,
    })
}

fn stored_currency(code: &str) -> Result<Currency, Error> {
    code.parse().map_err(|()| kit::Fault::internal("a stored currency is none").into())
}

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
    /// What is asked for but for totals and times of placing, hidden from planners: nobody begins with it.
    fn rest(&self) -> Condition {
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

    /// The states of an ordered scan, each with an index.
    pub(super) fn scanned(&self) -> impl Iterator<Item = State> {
        let asked = |state: &State| self.states.is_empty() || self.states.contains(state);
        let fits = move |state: &State| asked(state) && (!self.to_ship || *state == State::Paid);
        State::iter().filter(fits)
    }

    /// All but the search, as an ordered scan checks it for each row: only the order's index is left to planners.
    pub(super) fn unindexed(&self) -> Condition {
        self.rest().add(self.ranges(unindexed)).add_option(self.owing.then(is_owing))
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
    db: &impl ConnectionTrait,
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
    let mut all = filter.unindexed();
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
        let states = filter.scanned();
        found.seeks = states.map(|state| Condition::all().add(Column::State.eq(state))).collect();
    }
    if found.seeks.is_empty() {
        return Ok(Vec::new());
    }
    Ok(found.page(db, after.map(Into::into), limit).await?)
}

/// Everybody's orders after one and up to another (both: without a bound), the oldest first.
pub async fn between(
    db: &impl ConnectionTrait,
    filter: &Filter,
    after: Option<OrderId>,
    up_to: Option<OrderId>,
    limit: u64,
) -> Result<Vec<order::Model>, Error> {
    let mut query = oldest_first(after).filter(filter.unindexed());
    if let Some(up_to) = up_to {
        query = query.filter(order::Column::Id.lte(up_to));
    }
    Ok(query.limit(limit).all(db).await?)
}

/// The id of the order that comes so many after another; `None` where there are fewer.
pub async fn id_after(
    db: &impl ConnectionTrait,
    after: Option<OrderId>,
    count: u64,
) -> Result<Option<OrderId>, Error> {
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
