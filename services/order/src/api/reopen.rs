//! ReopenOrder: what is decided before the saga begins.

use contracts::order::{Order, ReopenOrderRequest};
use kit::{Call, Opened, Written};
use tokio::time::Instant;

use super::{begin::once, find, named};
use crate::{
    checkout::{ANSWER_WITHIN, Checkout, LEASE},
    domain::{Event, State, Step},
    error::Error,
    orders::Orders,
    store::Record,
};

/// Takes an order back that waits for its payment: it is the basket then.
pub async fn reopen_order(
    orders: &Orders,
    call: &Call,
    request: ReopenOrderRequest,
) -> Result<Written<Order>, Error> {
    once(orders, call, try_to_reopen(orders, call, request)).await
}

async fn try_to_reopen(
    orders: &Orders,
    call: &Call,
    request: ReopenOrderRequest,
) -> Result<Written<Order>, Error> {
    let limit = Instant::now() + ANSWER_WITHIN;
    let scope = call.scope()?;
    let row = find(orders, call, named(call, &request.id, "id")?).await?;
    may_be_reopened(row.state, row.step)?;
    orders.must_be_decided(call, row.payment_id).await?;
    let id = row.id;
    let opened = orders.db.open(call, request.etag, move |tx, etag, claim| async move {
        let mut record = Record::lock(&tx, id, scope).await?;
        record.check_etag(&etag)?;
        may_be_reopened(record.order.state, record.order.step)?;
        record.order.claim = claim;
        // From here on it has the basket's place (`basket_of`): whether there is another basket is decided by the
        // unique index now, before anything is voided.
        record.order.step = Step::Reopen;
        record.lease(tx.now() + LEASE);
        record.save().await
    });
    match opened.await? {
        Opened::Replayed(written) => Ok(written),
        Opened::Fresh { value, guard, .. } => {
            let message = Checkout::run(orders, call, value, guard, None, limit).await?;
            Ok(Written { message, replayed: false })
        }
    }
}

fn may_be_reopened(state: State, step: Step) -> Result<(), Error> {
    state.next(Event::Reopen)?;
    if step == Step::Idle { Ok(()) } else { Err(Error::Busy { state }) }
}
