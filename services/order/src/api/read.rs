//! Reading, listing and watching orders.

use contracts::order::{
    CountOrdersRequest, CountOrdersResponse, ListOrderEventsRequest, ListOrderEventsResponse,
    ListPurchasesRequest, ListPurchasesResponse, Order, OrderEvent, WatchOrderRequest,
};
use futures::{Stream, StreamExt, stream};
use kit::{
    Call, Fault, Page, Scope, Time,
    id::{ArticleId, OrderId},
};
use tonic::Status;

use super::{Api, Named, named, render};
use crate::{
    domain::State,
    error::Error,
    store::{self, order},
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
