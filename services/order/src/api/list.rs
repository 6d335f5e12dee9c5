//! ListOrders: filters, and the search for orders.

use std::collections::{BTreeSet, HashSet};

use contracts::order::{ListOrdersRequest, ListOrdersResponse};
use kit::{
    Call, Fault, Money, Page, Scope, Time,
    id::{OrderId, UserId},
};
use prost_types::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::{render, states};
use crate::{
    checkout::CALL,
    domain::Refunds,
    error::Error,
    orders::Orders,
    store::{self, Filter, Place, Scan, Scanned, Search, Sort},
};

/// A page of the caller's orders, or for staff of everybody's.
pub async fn list_orders(
    orders: &Orders,
    call: &Call,
    request: ListOrdersRequest,
) -> Result<ListOrdersResponse, Error> {
    let scope = call.scope()?;
    let filter = filter(call, &request)?;
    let query = request.query.trim();
    if scope != Scope::All && (filter.owing || !query.is_empty()) {
        return Err(Fault::denied("query and owing are for staff").into());
    }
    match request.order_by.as_str() {
        order @ ("place_time" | "place_time desc") => {
            let page = orders.db.page::<Place>(call, &request)?;
            let sort = Sort::Placed { descending: order != "place_time" };
            let found = rows(orders, call, query, filter, sort, page.after, page.limit()).await?;
            response(orders, &page, found, |place| place).await
        }
        _ => {
            let page = orders.db.page::<OrderId>(call, &request)?;
            let after = page.after.map(|id| (Time(0), id));
            let found = rows(orders, call, query, filter, Sort::Created, after, page.limit()).await?;
            response(orders, &page, found, |(_, id)| id).await
        }
    }
}

/// What a query means: orders by their own fields, and customers.
enum Asked {
    Nothing,
    /// Customers whose orders can be looked up.
    Few(Search),
    /// More than that.
    Many(Search),
}

/// The orders of a page.
async fn rows(
    orders: &Orders,
    call: &Call,
    query: &str,
    mut filter: Filter,
    sort: Sort,
    after: Option<Place>,
    limit: u64,
) -> Result<Scanned, Error> {
    let db = orders.db.read();
    match asked(orders, call, query).await? {
        Asked::Nothing => {}
        Asked::Few(search) => filter.search = Some(search),
        Asked::Many(search) => {
            let fit = |users| customers(orders, call, query, users);
            return Scan::OF_A_PAGE.run(db, (&filter, sort), &search, after, limit, fit).await;
        }
    }
    let rows = store::rows(db, call.scope()?, &filter, sort, after, limit).await?;
    Ok(Scanned { rows, stopped_at: None })
}

async fn response<C: Serialize + DeserializeOwned>(
    orders: &Orders,
    page: &Page<C>,
    found: Scanned,
    key: fn(Place) -> C,
) -> Result<ListOrdersResponse, Error> {
    let views = store::views(orders.db.read(), found.rows).await?;
    let key_of = |view: &&store::View| key(store::place(&view.order));
    let (orders, mut next_page_token) = page.make(&views, key_of, render::order)?;
    // A scan that stopped before the page was full goes on where it stopped.
    if let Some(stopped_at) = found.stopped_at.filter(|_| next_page_token.is_empty()) {
        next_page_token = page.token(&key(stopped_at));
    }
    Ok(ListOrdersResponse { orders, next_page_token })
}

async fn asked(orders: &Orders, call: &Call, query: &str) -> Result<Asked, Error> {
    if query.is_empty() {
        return Ok(Asked::Nothing);
    }
    let mut search = Search::read(query);
    let found = orders.remote.customers(&call.within(CALL), query, &BTreeSet::new()).await?;
    if found.more {
        return Ok(Asked::Many(search));
    }
    search.customers = found.user_ids.iter().filter_map(|id| id.parse().ok()).collect();
    Ok(Asked::Few(search))
}

/// Which of these customers a query means.
async fn customers(
    orders: &Orders,
    call: &Call,
    query: &str,
    users: BTreeSet<UserId>,
) -> Result<HashSet<UserId>, Error> {
    let found = orders.remote.customers(&call.within(CALL), query, &users).await?;
    Ok(found.user_ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Reads a list's filters; bounds must be of one currency and the right way round.
fn filter(call: &Call, request: &ListOrdersRequest) -> Result<Filter, Fault> {
    let bound = |wire: &Option<contracts::Money>, field| {
        wire.as_ref().map(|wire| Money::read(wire, field)).transpose()
    };
    let (min_total, max_total) =
        (bound(&request.min_total, "min_total")?, bound(&request.max_total, "max_total")?);
    if let (Some(min), Some(max)) = (min_total, max_total) {
        if min.currency != max.currency {
            return Err(Fault::invalid("max_total.currency_code", "must be that of min_total"));
        }
        if min.minor > max.minor {
            return Err(Fault::invalid("min_total", "must not be above max_total"));
        }
    }
    let states = states::read(request.state());
    let user = match request.user_id.as_str() {
        "" => None,
        text => Some(call.user_id(text, "user_id")?),
    };
    let (placed_after, placed_before) = placed(request.placed_after, request.placed_before)?;
    let refunds = Refunds::named(&request.refunded)?;
    Ok(Filter {
        states,
        user,
        min_total,
        max_total,
        placed_after,
        placed_before,
        owing: request.owing,
        refunds,
        to_ship: request.to_ship,
        ..Filter::default()
    })
}

/// Reads when orders were placed; the bounds must be the right way round.
pub(super) fn placed(
    after: Option<Timestamp>,
    before: Option<Timestamp>,
) -> Result<(Option<Time>, Option<Time>), Fault> {
    let (after, before) = (after.map(Time::from), before.map(Time::from));
    match (after, before) {
        (Some(after), Some(before)) if after > before => {
            Err(Fault::invalid("placed_after", "must not be after placed_before"))
        }
        bounds => Ok(bounds),
    }
}
