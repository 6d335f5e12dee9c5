//! An order with its lines and adjustments, by one statement.
//!
//! The rows of three tables are parts of one union, so that all of it is of one moment: an order is never shown with the
//! lines of another moment, whoever changes it meanwhile.

use std::collections::HashMap;

use kit::{
    Currency, Money, Scope,
    db::{Cells, Rows},
    id::{OrderId, UserId},
};
use sea_orm::{
    ActiveEnum, ColumnTrait, Condition, DbErr, Iterable,
    sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType},
};

use super::entities::{adjustment, line, order};
use crate::{
    domain::{Adjustment, AdjustmentKind, Line},
    error::Error,
};

/// An order with its lines and adjustments.
#[derive(Debug, Clone)]
pub struct View {
    pub order: order::Model,
    pub lines: Vec<Line>,
    pub adjustments: Vec<Adjustment>,
}

/// An order in sight.
pub async fn find_view(db: &impl Rows, id: OrderId, scope: Scope) -> Result<View, Error> {
    let mut which = Condition::all().add(order::Column::Id.eq(id));
    if let Scope::Owner(user) = scope {
        which = which.add(order::Column::UserId.eq(user));
    }
    whole(db, which).await?.ok_or(Error::NotFound("order"))
}

/// A user's basket.
pub async fn find_basket_view(db: &impl Rows, user: UserId) -> Result<View, Error> {
    whole(db, Condition::all().add(order::Column::BasketOf.eq(user))).await?.ok_or(Error::NotFound("basket"))
}

/// An order with what belongs to it.
pub async fn view(db: &impl Rows, order: order::Model) -> Result<View, Error> {
    views(db, vec![order]).await?.pop().ok_or(Error::NotFound("order"))
}

/// Orders with what belongs to them: one more statement, however many they are.
pub async fn views(db: &impl Rows, orders: Vec<order::Model>) -> Result<Vec<View>, Error> {
    let Some(last) = orders.last().map(|order| order.id) else { return Ok(Vec::new()) };
    // The last one again and again, up to a power of two: each number of ids is a statement of its own to prepare.
    let number = orders.len().next_power_of_two();
    let ids = orders.iter().map(|order| order.id).chain(std::iter::repeat(last)).take(number);
    let ids = ids.collect::<Vec<_>>();
    let mut lines = line_parts();
    lines.and_where(line::Column::OrderId.is_in(ids.iter().copied()));
    let mut adjustments = adjustment_parts();
    adjustments.and_where(adjustment::Column::OrderId.is_in(ids));
    let parts = db.rows(lines.union(UnionType::All, adjustments), part).await?;
    Ok(collect(orders, parts))
}

/// The order that meets a condition, with what belongs to it.
async fn whole(db: &impl Rows, which: Condition) -> Result<Option<View>, DbErr> {
    let mut orders =
        Query::select().expr(kind(ORDER)).from(order::Entity).cond_where(which.clone()).to_owned();
    // Nothing has no type of its own: each takes that of the part that has something there.
    orders.exprs((0..BELONGING).map(|_| nothing()));
    orders.columns(order::Column::iter().map(|column| column.as_column_ref()));
    for (mut belonging, of) in [
        (line_parts(), line::Column::OrderId.as_column_ref()),
        (adjustment_parts(), adjustment::Column::OrderId.as_column_ref()),
    ] {
        belonging.exprs(order::Column::iter().map(|_| nothing()));
        let same = Expr::col(of).eq(Expr::col(order::Column::Id.as_column_ref()));
        belonging.inner_join(order::Entity, same).cond_where(which.clone());
        orders.union(UnionType::All, belonging);
    }
    let (mut found, mut parts) = (Vec::new(), Vec::new());
    for row in db.rows(&orders, whole_part).await? {
        match row {
            Whole::Order(order) => found.push(*order),
            Whole::Part(part) => parts.push(part),
        }
    }
    Ok(collect(found, parts).pop())
}

/// The kinds of rows.
const ORDER: i32 = 0;
const LINE: i32 = 1;
const ADJUSTMENT: i32 = 2;
/// How many columns behind the kind a line or an adjustment has.
const BELONGING: usize = 11;

enum Part {
    Line(OrderId, Line),
    Adjustment(OrderId, Adjustment),
}

enum Whole {
    Order(Box<order::Model>),
    Part(Part),
}

fn kind(kind: i32) -> Expr {
    Expr::cust(kind.to_string())
}

fn nothing() -> Expr {
    Expr::cust("NULL")
}

/// Lines as parts: the kind, then [`BELONGING`] columns. What only adjustments have is something of the same type.
fn line_parts() -> SelectStatement {
    use line::Column;
    let columns = [
        Column::OrderId,
        Column::Id,
        Column::ArticleId,
        Column::Code,
        Column::Name,
        Column::Quantity,
        Column::UnitPriceMinor,
        Column::Currency,
        Column::TaxRateBasisPoints,
        Column::Returned,
        Column::UnitPriceMinor,
    ];
    let columns = columns.map(|column| column.as_column_ref());
    Query::select().expr(kind(LINE)).columns(columns).from(line::Entity).to_owned()
}

/// Adjustments likewise.
fn adjustment_parts() -> SelectStatement {
    use adjustment::Column;
    let column = |column: Column| Expr::col(column.as_column_ref());
    let automatic = Expr::case(column(Column::Automatic), kind(1)).finally(kind(0));
    Query::select()
        .expr(kind(ADJUSTMENT))
        .exprs([
            column(Column::OrderId),
            column(Column::Id),
            nothing(),
            column(Column::GivenCurrency),
            column(Column::Label),
            column(Column::Kind),
            column(Column::AmountMinor),
            column(Column::Currency),
            automatic.into(),
            nothing(),
            column(Column::GivenMinor),
        ])
        .from(adjustment::Entity)
        .to_owned()
}

/// A row of [`line_parts`] and [`adjustment_parts`].
fn part(row: &Cells<'_>) -> Result<Part, DbErr> {
    let order = row.get(1)?;
    if row.get::<i32>(0)? == LINE {
        return Ok(Part::Line(
            order,
            Line {
                id: row.get(2)?,
                article_id: row.get(3)?,
                code: row.get(4)?,
                name: row.get(5)?,
                quantity: row.get(6)?,
                unit_price: Money::new(row.get(7)?, currency(row, 8)?),
                tax_rate_basis_points: row.get(9)?,
                returned: row.get(10)?,
            },
        ));
    }
    let kind = i16::try_from(row.get::<i32>(6)?).map_err(|error| DbErr::Type(error.to_string()))?;
    Ok(Part::Adjustment(
        order,
        Adjustment {
            id: row.get(2)?,
            kind: AdjustmentKind::try_from_value(&kind)?,
            label: row.get(5)?,
            amount: Money::new(row.get(7)?, currency(row, 8)?),
            given: Money::new(row.get(11)?, currency(row, 4)?),
            automatic: row.get::<i32>(9)? != 0,
        },
    ))
}

/// A row of [`whole`].
fn whole_part(row: &Cells<'_>) -> Result<Whole, DbErr> {
    Ok(match row.get::<i32>(0)? {
        ORDER => Whole::Order(Box::new(order::decode(row, 1 + BELONGING)?)),
        _ => Whole::Part(part(row)?),
    })
}

fn currency(row: &Cells<'_>, place: usize) -> Result<Currency, DbErr> {
    let code: String = row.get(place)?;
    code.parse().map_err(|()| DbErr::Type("a stored currency is none".to_owned()))
}

/// Orders with their parts, which come in no order.
fn collect(orders: Vec<order::Model>, parts: Vec<Part>) -> Vec<View> {
    let mut belonging: HashMap<OrderId, (Vec<Line>, Vec<Adjustment>)> = HashMap::new();
    for part in parts {
        match part {
            Part::Line(order, line) => belonging.entry(order).or_default().0.push(line),
            Part::Adjustment(order, adjustment) => belonging.entry(order).or_default().1.push(adjustment),
        }
    }
    let collect = |order: order::Model| {
        let (mut lines, mut adjustments) = belonging.remove(&order.id).unwrap_or_default();
        lines.sort_by_key(|line| line.id);
        adjustments.sort_by_key(|adjustment| adjustment.id);
        View { order, lines, adjustments }
    };
    orders.into_iter().map(collect).collect()
}
