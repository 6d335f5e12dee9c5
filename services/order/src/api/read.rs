//! Reading orders, their history, and what was bought.

use contracts::order::{
    CountOrdersRequest, CountOrdersResponse, GetOrderRequest, ListOrderEventsRequest,
    ListOrderEventsResponse, ListPurchasesRequest, ListPurchasesResponse, Order,
};
use kit::{Call, Time, id::ArticleId};

use super::{Named, find, find_view, named, render, states};
use crate::{error::Error, orders::Orders, store};

/// The caller's basket.
pub async fn get_open_order(orders: &Orders, call: &Call) -> Result<Order, Error> {
    read(orders, call, Named::Open(call.me()?)).await
}

/// An order.
pub async fn get_order(orders: &Orders, call: &Call, request: GetOrderRequest) -> Result<Order, Error> {
    read(orders, call, named(call, &request.id, "id")?).await
}

async fn read(orders: &Orders, call: &Call, named: Named) -> Result<Order, Error> {
    render::order(&find_view(orders, call, named).await?)
}

/// How many orders are in some states, or in any, or wait to be shipped.
pub async fn count_orders(
    orders: &Orders,
    request: CountOrdersRequest,
) -> Result<CountOrdersResponse, Error> {
    let states = states::read(request.state());
    Ok(CountOrdersResponse { count: store::count(orders.db.read(), &states, request.to_ship).await? })
}

/// A page of an order's history.
pub async fn list_order_events(
    orders: &Orders,
    call: &Call,
    request: ListOrderEventsRequest,
) -> Result<ListOrderEventsResponse, Error> {
    let page = orders.db.page::<i64>(call, &request)?;
    let order = find(orders, call, named(call, &request.order_id, "order_id")?).await?;
    let rows = store::list_events(orders.db.read(), order.id, &page).await?;
    let render = |row: &_| Ok::<_, Error>(render::event(row));
    let (events, next_page_token) = page.make(&rows, |row| row.sequence, render)?;
    Ok(ListOrderEventsResponse { events, next_page_token })
}

/// A page of what a user has bought.
pub async fn list_purchases(
    orders: &Orders,
    call: &Call,
    request: ListPurchasesRequest,
) -> Result<ListPurchasesResponse, Error> {
    let page = orders.db.page::<(Time, ArticleId)>(call, &request)?;
    let user = call.user_id(&request.user_id, "user_id")?;
    let rows = store::purchases(orders.db.read(), user, &page).await?;
    let render = |row: &_| Ok::<_, Error>(render::purchase(row));
    let (purchases, next_page_token) = page.make(&rows, |row| (row.last_time, row.article_id), render)?;
    Ok(ListPurchasesResponse { purchases, next_page_token })
}
