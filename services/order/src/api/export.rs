//! ExportOrders, for the accountant: all of them, a page in memory at a time.

use contracts::order::{ExportOrdersRequest, Order};
use futures::{Stream, StreamExt, stream};
use kit::{Call, Currency, Db, Fault, Tasks, Time, id::OrderId};
use tonic::Status;

use super::{list::placed, parse, render, states};
use crate::{
    domain::Refunds,
    error::Error,
    orders::Orders,
    store::{self, Filter},
};

/// How much is read at a time.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    /// Orders in memory, at most.
    pub(crate) page: u64,
    /// Orders that one query looks at, at most, however few the filter leaves of them.
    pub(crate) window: u64,
}

const SIZES: Sizes = Sizes { page: 100, window: 5_000 };

/// The orders that a filter leaves, in the order in which they were made, each whole.
pub fn export_orders(
    orders: &Orders,
    call: &Call,
    request: ExportOrdersRequest,
) -> Result<impl Stream<Item = Result<Order, Status>> + Send + use<>, Error> {
    let after = match request.after_id.as_str() {
        "" => None,
        id => Some(parse(id, "after_id")?),
    };
    let filter = filter(call, &request, orders.clock().now())?;
    let reader = Reader::new(Db::clone(&orders.db), orders.tasks.clone(), filter, after, SIZES);
    let pages = stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(orders)) => Some((orders.into_iter().map(Ok).collect(), Some(reader))),
            Ok(None) => None,
            Err(error) => Some((vec![Err(Status::from(error))], None)),
        }
    });
    Ok(pages.flat_map(stream::iter))
}

/// Where the orders are that the next query looks at.
#[derive(Clone, Copy)]
enum Window {
    Unknown,
    UpTo(OrderId),
    /// Up to the last order.
    Last,
    /// There are no more.
    Over,
}

/// Reads page after page, each in a transaction of its own.
pub(crate) struct Reader {
    db: Db,
    tasks: Tasks,
    filter: Filter,
    after: Option<OrderId>,
    window: Window,
    sizes: Sizes,
}

impl Reader {
    pub(crate) fn new(db: Db, tasks: Tasks, filter: Filter, after: Option<OrderId>, sizes: Sizes) -> Self {
        Self { db, tasks, filter, after, window: Window::Unknown, sizes }
    }

    /// The next page; `None` where there are no more. A process that drains ends it with UNAVAILABLE.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Order>>, Error> {
        loop {
            if self.tasks.is_draining() {
                return Err(Fault::unavailable("order").into());
            }
            let db = self.db.read();
            let end = match self.window {
                Window::Over => return Ok(None),
                Window::UpTo(end) => Some(end),
                Window::Last => None,
                Window::Unknown => {
                    let end = store::id_after(db, self.after, self.sizes.window).await?;
                    self.window = end.map_or(Window::Last, Window::UpTo);
                    end
                }
            };
            let rows = store::between(db, &self.filter, self.after, end, self.sizes.page).await?;
            let full = rows.len() as u64 == self.sizes.page;
            self.after = match (full, end) {
                (true, _) => rows.last().map(|row| row.id),
                (false, Some(end)) => Some(end),
                (false, None) => self.after,
            };
            if !full {
                self.window = if end.is_some() { Window::Unknown } else { Window::Over };
            }
            if !rows.is_empty() {
                let views = store::views(db, rows).await?;
                return views.iter().map(render::order).collect::<Result<_, _>>().map(Some);
            }
        }
    }
}

/// Reads an export's filters. Orders made after it began are left to the next: it ends.
fn filter(call: &Call, request: &ExportOrdersRequest, now: Time) -> Result<Filter, Fault> {
    let currency = match request.currency_code.as_str() {
        "" => None,
        code => Some(
            code.parse::<Currency>()
                .map_err(|()| Fault::invalid("currency_code", "must be an ISO 4217 currency in use"))?,
        ),
    };
    let user = match request.user_id.as_str() {
        "" => None,
        text => Some(call.user_id(text, "user_id")?),
    };
    let (placed_after, placed_before) = placed(request.placed_after, request.placed_before)?;
    Ok(Filter {
        states: states::read(request.state()),
        user,
        currency,
        placed_after,
        placed_before,
        made_until: Some(now),
        refunds: Refunds::named(&request.refunded)?,
        owing: request.owing,
        to_ship: request.to_ship,
        ..Filter::default()
    })
}
