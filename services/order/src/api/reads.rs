//! Reading, listing and watching orders.

use contracts::order::{
    CountOrdersRequest, CountOrdersResponse, ListOrderEventsRequest, ListOrderEventsResponse,
    ListOrdersRequest, ListOrdersResponse, ListPurchasesRequest, ListPurchasesResponse, Order, OrderEvent,
    WatchOrderRequest,
};
use futures::{Stream, StreamExt, stream};
use kit::{
    Call, Fault, Money, Page, Scope, Time,
    id::{ArticleId, OrderId},
};
use prost_types::Timestamp;
use tonic::Status;

use super::{Api, Named, named};
use crate::{
    domain::{Refunds, State},
    error::Error,
    render,
    saga::CALL,
    store::{self, Filter, Search, order},
};

impl Api {
    /// Reads an order.
    pub(crate) async fn read(&self, call: &Call, named: Named) -> Result<Order, Error> {
        let row = self.find(call, named).await?;
        render::order(&store::view(self.db().read(), row).await?)
    }

    /// Finds an order in the caller's sight.
    pub(crate) async fn find(&self, call: &Call, named: Named) -> Result<order::Model, Error> {
        match named {
            Named::Open(user) => store::open_order(self.db().read(), user).await,
            Named::Id(id) => store::by_id(self.db().read(), id, call.scope()?).await,
        }
    }

    /// A page of the caller's orders, or for staff of everybody's.
    pub(crate) async fn list(
        &self,
        call: &Call,
        request: ListOrdersRequest,
    ) -> Result<ListOrdersResponse, Error> {
        let scope = call.scope()?;
        let mut filter = filter(call, &request)?;
        if scope != Scope::All && (filter.owing || !request.query.trim().is_empty()) {
            return Err(Fault::denied("query and owing are for staff").into());
        }
        if !request.query.trim().is_empty() {
            filter.search = Some(self.search(call, &request.query).await?);
        }
        let db = self.db().read();
        let (orders, next_page_token) = match request.order_by.as_str() {
            order @ ("place_time" | "place_time desc") => {
                let page = Page::<(Time, OrderId)>::of(&request)?;
                let descending = order != "place_time";
                let rows = store::placed(db, scope, &filter, descending, page.after, page.limit()).await?;
                let views = store::views(db, rows).await?;
                let key = |view: &&store::View| (view.order.place_time.unwrap_or(Time(0)), view.order.id);
                page.make(&views, key, render::order)?
            }
            _ => {
                let page = Page::<OrderId>::of(&request)?;
                let rows = store::list(db, scope, &filter, &page).await?;
                let views = store::views(db, rows).await?;
                page.make(&views, |view| view.order.id, render::order)?
            }
        };
        Ok(ListOrdersResponse { orders, next_page_token })
    }

    /// What a query means: orders by what they have themselves, and their customers, whom the user service knows.
    async fn search(&self, call: &Call, query: &str) -> Result<Search, Error> {
        let mut search = Search::read(query);
        let found = self.saga.remote.customers(&call.within(CALL), query).await?;
        if found.more {
            let many = "fits too many customers: more of a name, an e-mail or a number is needed";
            return Err(Fault::invalid("query", many).into());
        }
        search.customers = found.user_ids.iter().filter_map(|id| id.parse().ok()).collect();
        Ok(search)
    }

    /// How many orders are in some states, or in any, or wait to be shipped.
    pub(crate) async fn count(&self, request: CountOrdersRequest) -> Result<CountOrdersResponse, Error> {
        let states: Vec<_> = request.state().filter_map(|state| State::try_from(state).ok()).collect();
        Ok(CountOrdersResponse { count: store::count(self.db().read(), &states, request.to_ship).await? })
    }

    /// A page of an order's history.
    pub(crate) async fn list_events(
        &self,
        call: &Call,
        request: ListOrderEventsRequest,
    ) -> Result<ListOrderEventsResponse, Error> {
        let page = Page::<i64>::of(&request)?;
        let order = self.find(call, named(call, &request.order_id, "order_id")?).await?;
        let rows = store::list_events(self.db().read(), order.id, &page).await?;
        let render = |row: &_| Ok::<_, Error>(render::event(row));
        let (events, next_page_token) = page.make(&rows, |row| row.sequence, render)?;
        Ok(ListOrderEventsResponse { events, next_page_token })
    }

    /// A page of what a user has bought.
    pub(crate) async fn purchases(
        &self,
        call: &Call,
        request: ListPurchasesRequest,
    ) -> Result<ListPurchasesResponse, Error> {
        let page = Page::<(Time, ArticleId)>::of(&request)?;
        let user = call.user_id(&request.user_id, "user_id")?;
        let rows = store::purchases(self.db().read(), user, &page).await?;
        let render = |row: &_| Ok::<_, Error>(render::purchase(row));
        let (purchases, next_page_token) = page.make(&rows, |row| (row.last_time, row.article_id), render)?;
        Ok(ListPurchasesResponse { purchases, next_page_token })
    }

    /// What happens to an order, from the first event that the caller has not seen on.
    pub(crate) async fn watch(
        &self,
        call: &Call,
        request: WatchOrderRequest,
    ) -> Result<impl Stream<Item = Result<OrderEvent, Status>> + Send + use<>, Error> {
        let order = self.find(call, named(call, &request.id, "id")?).await?;
        // Listen before looking, so that what happens in between is not missed.
        let news = self.saga.watch.subscribe(order.id);
        let (db, tasks, id) = (self.db().clone(), self.saga.tasks.clone(), order.id);
        let start = (request.after_sequence, news, false);
        let batches = stream::unfold(start, move |(seen, mut news, over)| {
            let (db, tasks) = (db.clone(), tasks.clone());
            async move {
                if over {
                    return None;
                }
                loop {
                    news.mark_unchanged();
                    // Asked first: an end that comes between the two reads must still be told.
                    let is_over = seen > 0 && is_over(&db, id).await;
                    let rows = match store::events_after(db.read(), id, seen).await {
                        Ok(rows) => rows,
                        Err(error) => return Some((vec![Err(Status::from(error))], (seen, news, true))),
                    };
                    if rows.is_empty() && is_over {
                        return None;
                    }
                    if let Some(last) = rows.last() {
                        let (seen, over) = (last.sequence, last.state.is_final());
                        let events = rows.iter().map(|row| Ok(render::event(row))).collect::<Vec<_>>();
                        return Some((events, (seen, news, over)));
                    }
                    tokio::select! {
                        () = tasks.draining() => {
                            let gone = Status::from(Fault::unavailable("order"));
                            return Some((vec![Err(gone)], (seen, news, true)));
                        }
                        changed = news.changed() => if changed.is_err() { return None },
                    }
                }
            }
        });
        Ok(batches.flat_map(stream::iter))
    }
}

/// Whether nothing more can happen.
async fn is_over(db: &kit::Db, id: OrderId) -> bool {
    matches!(store::by_id(db.read(), id, Scope::All).await, Ok(row) if row.state.is_final())
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
    let states: Vec<State> = request.state().filter_map(|state| State::try_from(state).ok()).collect();
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
