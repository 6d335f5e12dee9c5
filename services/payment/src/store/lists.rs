//! The list of payments and its filters.

use kit::{
    Money, Scope,
    id::{OrderId, PaymentId, UserId},
    newest::{Newest, unindexed},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, IntoSimpleExpr as _, Iterable,
    sea_query::{Expr, ExprTrait},
};

use super::{
    Payment,
    entities::payment::{Column, Entity},
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
    pub flagged: Option<bool>,
    /// Inclusive, in its currency.
    pub min_amount: Option<Money>,
    /// Inclusive, in its currency.
    pub max_amount: Option<Money>,
}

/// Payments that the caller may see, before one of them, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    scope: Scope,
    filter: Filter,
    after: Option<PaymentId>,
    limit: u64,
) -> Result<Vec<Payment>, Error> {
    let whose = match scope {
        Scope::Owner(user) => Some(user),
        Scope::All => filter.user,
    };
    let states: Vec<State> = State::iter().filter(|state| filter.has(*state)).collect();
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let any_state = states.len() == State::iter().count();
    let only = |condition: Expr| vec![Condition::all().add(condition)];
    // Those of one user or one order are few; in the other seeks, what fits may be far apart.
    let (seeks, may_be_selective) = match (whose, filter.order, filter.payment_type) {
        (Some(user), ..) => (only(Column::UserId.eq(user)), false),
        (_, Some(order), _) => (only(Column::OrderId.eq(order)), false),
        (.., Some(payment_type)) if any_state => (only(Column::PaymentType.eq(payment_type)), true),
        // Few payments have a flag.
        _ if filter.flagged == Some(true) => (only(Column::Flags.gt("")), true),
        _ if any_state => (vec![Condition::all()], true),
        _ => (states.iter().flat_map(|state| only(Column::State.eq(*state))).collect(), true),
    };
    let plain = |column: Column| column.into_simple_expr();
    let ranged = filter.min_amount.is_some() || filter.max_amount.is_some();
    let selective = match filter.payment_type {
        _ if !may_be_selective => None,
        _ if ranged => Some(filter.amounts(plain)),
        Some(payment_type) if !any_state => Some(Condition::all().add(Column::PaymentType.eq(payment_type))),
        _ => None,
    };
    let found = Newest::<Entity> {
        id: Column::Id,
        seeks,
        filter: filter.conditions(&states).add(filter.amounts(unindexed)),
        selective,
    };
    Ok(found.page(db, after.map(Into::into), limit).await?)
}

impl Filter {
    fn has(&self, state: State) -> bool {
        (self.states.is_empty() || self.states.contains(&state))
            && self.pending.is_none_or(|pending| pending == State::OPEN.contains(&state))
    }

    /// All conditions but those of amounts, as an ordered scan checks them for each row.
    fn conditions(&self, states: &[State]) -> Condition {
        Condition::all()
            .add(unindexed(Column::State).is_in(states.iter().copied()))
            .add_option(self.user.map(|user| unindexed(Column::UserId).eq(user)))
            .add_option(self.order.map(|order| unindexed(Column::OrderId).eq(order)))
            .add_option(self.flagged.map(|flagged| match flagged {
                true => unindexed(Column::Flags).ne(""),
                false => unindexed(Column::Flags).eq(""),
            }))
            .add_option(self.payment_type.map(|payment_type| unindexed(Column::PaymentType).eq(payment_type)))
    }

    /// The range of amounts.
    fn amounts(&self, column: fn(Column) -> Expr) -> Condition {
        let amount = || column(Column::AmountMinor);
        let mut all = Condition::all();
        if let Some(bound) = self.min_amount.or(self.max_amount) {
            all = all.add(column(Column::Currency).eq(bound.currency.code()));
        }
        all.add_option(self.min_amount.map(|least| amount().gte(least.minor)))
            .add_option(self.max_amount.map(|most| amount().lte(most.minor)))
    }
}
