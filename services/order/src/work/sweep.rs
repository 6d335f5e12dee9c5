//! `order.sweep`: goes on with what nobody is at, and gives up what was not paid in time. Every replica has one; leases
//! and conditional updates keep them out of each other's way.

use std::{sync::Arc, time::Duration};

use kit::{Call, Fault, Role, Scope, Tx, id::OrderId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    checkout::{Checkout, LEASE},
    domain::{State, Step},
    error::Error,
    orders::Orders,
    store::{self, Record, View, order},
};

const INTERVAL: Duration = Duration::from_millis(500);
const AT_ONCE: usize = 16;

/// Starts it.
pub fn start(orders: &Orders) {
    let (of_task, slots) = (orders.clone(), Arc::new(Semaphore::new(AT_ONCE)));
    orders.tasks.every("order.sweep", INTERVAL, move || {
        let (orders, slots) = (of_task.clone(), slots.clone());
        async move { sweep(&orders, &slots).await }
    });
}

pub(crate) async fn sweep(orders: &Orders, slots: &Arc<Semaphore>) -> Result<(), Error> {
    // The database server's clock, as for the leases: no replica takes an order over because its own clock is ahead.
    let now = orders.clock().now();
    // One that fails keeps none of the others waiting.
    for row in store::due_checkouts(&orders.db, now).await? {
        let id = row.id;
        report(id, resume(orders, slots, row).await);
    }
    for row in store::due_expiries(&orders.db, now).await? {
        report(row.id, begin_expiry(orders, slots, row.id).await);
    }
    for id in store::due_compensations(&orders.db, now).await? {
        let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
        let of_task = orders.clone();
        orders.tasks.spawn(async move {
            of_task.compensate(&own(), id).await;
            drop(slot);
        });
    }
    Ok(())
}

fn report(id: OrderId, done: Result<(), Error>) {
    if let Err(error) = done {
        let fault = Fault::from(error);
        tracing::warn!(order = %id, problem = fault.message, "the sweeper cannot go on with an order");
    }
}

fn own() -> Call {
    Call::of_service(Role::Order, "sweep")
}

/// Takes over a checkout whose owner's lease has run out.
async fn resume(orders: &Orders, slots: &Arc<Semaphore>, row: order::Model) -> Result<(), Error> {
    // The slot first: a lease that was taken while there is none would run out again.
    let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
    let id = row.id;
    let own = own();
    let take_over =
        |tx: Tx, row: Arc<order::Model>| async move { store::take_over(&tx, &row, tx.now() + LEASE).await };
    if orders.db.transact(&own, row, take_over).await?.is_some() {
        tracing::info!(order = %id, "a checkout goes on");
        // Read after the take-over: the old owner can write no more, so this is what it has left.
        let row = store::by_id(orders.db.read(), id, Scope::All).await?;
        drive(orders, store::view(orders.db.read(), row).await?, slot);
    }
    Ok(())
}

/// Makes giving up the next step of an order that was not paid in time.
async fn begin_expiry(orders: &Orders, slots: &Arc<Semaphore>, id: OrderId) -> Result<(), Error> {
    let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
    let own = own();
    let begun = orders.db.transact(&own, (), move |tx, _| async move {
        let mut record = Record::lock(&tx, id, Scope::All).await?;
        // Judged again under the lock: since it was found, it may have been paid, cancelled, given more time, or begun
        // to expire by another replica.
        let due = record.order.expire_time.is_some_and(|time| time < tx.now());
        if record.order.state != State::AwaitingPayment || record.order.step != Step::Idle || !due {
            return Ok(None);
        }
        record.order.step = Step::Expire;
        record.lease(tx.now() + LEASE);
        record.save().await.map(Some)
    });
    if let Some(view) = begun.await? {
        drive(orders, view, slot);
    }
    Ok(())
}

fn drive(orders: &Orders, view: View, slot: OwnedSemaphorePermit) {
    let (mut checkout, id) = (Checkout::new(orders, own()), view.order.id);
    orders.tasks.spawn(async move {
        match checkout.drive(view).await {
            Ok(_) | Err(Error::LeaseLost) => {}
            Err(error) => {
                let fault = Fault::from(error);
                tracing::warn!(order = %id, problem = fault.message, "a checkout is interrupted");
            }
        }
        drop(slot);
    });
}
