//! `OrderService`: what the contract promises, in terms of the domain and the store.

mod address;
mod adjustments;
mod begin;
mod checkout;
mod create;
pub(crate) mod export;
mod fulfil;
mod lines;
mod list;
mod orders;
mod pay_again;
mod read;
pub(crate) mod render;
mod reopen;
pub(crate) mod states;
mod watch;

use kit::{
    Call, Fault, Scope, Tx,
    id::{Id, OrderId, UserId},
};

pub use orders::OrderApi;

use crate::{
    error::Error,
    orders::Orders,
    store::{self, Record, View, order},
};

/// What an order's id names.
#[derive(Debug, Clone, Copy)]
enum Named {
    /// The caller's basket.
    Open(UserId),
    Id(OrderId),
}

/// Reads an order's id: `open` is the caller's basket. `field` is the id's proto path.
fn named(call: &Call, text: &str, field: &str) -> Result<Named, Fault> {
    match text {
        "open" => call.me().map(Named::Open),
        _ => parse(text, field).map(Named::Id),
    }
}

/// Reads an id; `field` is its proto path.
fn parse<I: Id>(text: &str, field: &str) -> Result<I, Fault> {
    text.parse().map_err(|problem: kit::id::Malformed| Fault::invalid(field, problem.to_string()))
}

/// Finds an order in the caller's sight.
async fn find(orders: &Orders, call: &Call, named: Named) -> Result<order::Model, Error> {
    match named {
        Named::Open(user) => store::open_order(orders.db.read(), user).await,
        Named::Id(id) => store::by_id(orders.db.read(), id, call.scope()?).await,
    }
}

/// The same with its lines and adjustments.
async fn find_view(orders: &Orders, call: &Call, named: Named) -> Result<View, Error> {
    match named {
        Named::Open(user) => store::find_basket_view(orders.db.read(), user).await,
        Named::Id(id) => store::find_view(orders.db.read(), id, call.scope()?).await,
    }
}

/// Loads what an id names for change, if it is in the caller's sight.
async fn lock(tx: &Tx, named: Named, scope: Scope) -> Result<Record, Error> {
    match named {
        Named::Open(user) => Record::lock_basket(tx, user).await,
        Named::Id(id) => Record::lock(tx, id, scope).await,
    }
}
