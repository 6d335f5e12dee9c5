//! How staff find orders: by number, by tracking code, by customer; and those whose customers wait for money.

use kit::{
    id::{OrderId, UserId},
    words::fold_code,
};
use sea_orm::{
    ColumnTrait, Condition, IntoSimpleExpr as _,
    sea_query::{Expr, ExprTrait, Query, UnionType},
};

use super::entities::{
    order::{self, Column},
    payment,
};
use crate::domain::{PaymentState, number};

/// Characters of a tracking code that find it.
const LEAST: usize = 4;

/// What is searched for.
#[derive(Debug, Default)]
pub struct Search {
    id: Option<OrderId>,
    number: Option<String>,
    tracking: Option<String>,
    /// Those whose words the query has.
    pub customers: Vec<UserId>,
}

impl Search {
    /// What a query may mean beside customers.
    pub fn read(query: &str) -> Self {
        let tracking = fold_code(query, 100);
        Search {
            id: query.trim().parse().ok(),
            number: number::read(query),
            tracking: Some(tracking).filter(|code| code.chars().count() >= LEAST),
            customers: Vec::new(),
        }
    }

    /// Whether it finds an order by what the order has itself, whoever its customer is.
    pub fn finds(&self, order: &order::Model) -> bool {
        self.id == Some(order.id)
            || self.number.is_some() && self.number == order.number
            || self.tracking.as_ref().is_some_and(|code| order.tracking_folded.starts_with(code.as_str()))
    }

    /// The orders that it finds.
    pub fn condition(&self, column: fn(Column) -> Expr) -> Condition {
        let tracking = self.tracking.as_ref().map(|code| {
            let code_of = || column(Column::TrackingFolded);
            Condition::all()
                .add(code_of().gte(code.as_str()))
                .add(code_of().lt(format!("{code}{}", char::MAX)))
        });
        let customers = (!self.customers.is_empty())
            .then(|| column(Column::UserId).is_in(self.customers.iter().copied()));
        // Nothing but what has an index: one term without it would have planners read all orders.
        let found = Condition::any()
            .add_option(self.id.map(|id| column(Column::Id).eq(id)))
            .add_option(self.number.as_deref().map(|number| column(Column::Number).eq(number)))
            .add_option(tracking)
            .add_option(customers);
        // All of one: what is added to it later narrows it.
        let all = Condition::all();
        if found.is_empty() { all.add(Expr::val(1).eq(0)) } else { all.add(found) }
    }
}

/// A column as it is, for planners to use.
pub fn plain(column: Column) -> Expr {
    column.into_simple_expr()
}

/// Orders with a payment that is to be given back, or could not be.
pub fn owing() -> Condition {
    let over = PaymentState::WITHOUT_MONEY;
    let orders = |sign: payment::Column| {
        Query::select()
            .column(payment::Column::OrderId)
            .from(payment::Entity)
            .and_where(sign.eq(true))
            .and_where(payment::Column::State.is_not_in(over))
            .to_owned()
    };
    let mut all = orders(payment::Column::Flagged);
    all.union(UnionType::All, orders(payment::Column::ToCompensate));
    // From a table of its own: MySQL would look at a union anew for every order.
    let ids = Query::select().column("order_id").from_subquery(all, "owed").to_owned();
    Condition::all().add(Expr::col((order::Entity, Column::Id)).in_subquery(ids))
}

/// The same for an order that is met on the way.
pub fn is_owing() -> Condition {
    let over = PaymentState::WITHOUT_MONEY;
    let found = Query::select()
        .expr(Expr::val(1))
        .from(payment::Entity)
        .and_where(Expr::col((payment::Entity, payment::Column::OrderId)).equals((order::Entity, Column::Id)))
        .and_where(payment::Column::State.is_not_in(over))
        .and_where(payment::Column::Flagged.eq(true).or(payment::Column::ToCompensate.eq(true)))
        .limit(1)
        .offset(0)
        .to_owned();
    Condition::all().add(Expr::exists(found))
}
