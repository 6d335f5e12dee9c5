//! WatchOrder: what happens to an order, as it happens.

use contracts::order::{OrderEvent, WatchOrderRequest};
use futures::{Stream, StreamExt, stream};
use kit::{Call, Db, Fault, Scope, id::OrderId};
use tonic::Status;

use super::{find, named, render};
use crate::{error::Error, orders::Orders, store};

/// What happens to an order, from the first event that the caller has not seen on.
pub async fn watch_order(
    orders: &Orders,
    call: &Call,
    request: WatchOrderRequest,
) -> Result<impl Stream<Item = Result<OrderEvent, Status>> + Send + use<>, Error> {
    let order = find(orders, call, named(call, &request.id, "id")?).await?;
    // Subscribed before the first read: a commit in between is either read or notified.
    let changes = orders.watchers.subscribe(order.id);
    let (db, tasks, id) = (Db::clone(&orders.db), orders.tasks.clone(), order.id);
    let start = (request.after_sequence, changes, false);
    let batches = stream::unfold(start, move |(seen, mut changes, over)| {
        let (db, tasks) = (db.clone(), tasks.clone());
        async move {
            if over {
                return None;
            }
            loop {
                // Before the read: a change that comes during it wakes the wait below.
                changes.mark_unchanged();
                // Read before the events: the other way round, the last event could commit between the two reads, and
                // the stream would end without it.
                let is_over = seen > 0 && is_over(&db, id).await;
                let rows = match store::events_after(db.read(), id, seen).await {
                    Ok(rows) => rows,
                    Err(error) => return Some((vec![Err(Status::from(error))], (seen, changes, true))),
                };
                if rows.is_empty() && is_over {
                    return None;
                }
                if let Some(last) = rows.last() {
                    let (seen, over) = (last.sequence, last.state.is_final());
                    let events = rows.iter().map(|row| Ok(render::event(row))).collect::<Vec<_>>();
                    return Some((events, (seen, changes, over)));
                }
                tokio::select! {
                    () = tasks.draining() => {
                        let gone = Status::from(Fault::unavailable("order"));
                        return Some((vec![Err(gone)], (seen, changes, true)));
                    }
                    changed = changes.changed() => if changed.is_err() { return None },
                }
            }
        }
    });
    Ok(batches.flat_map(stream::iter))
}

/// Whether nothing more can happen.
async fn is_over(db: &Db, id: OrderId) -> bool {
    matches!(store::by_id(db.read(), id, Scope::All).await, Ok(row) if row.state.is_final())
}
