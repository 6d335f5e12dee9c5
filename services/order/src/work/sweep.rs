//! The sweeper: goes on with what nobody is at, and gives up what was not paid in time. Every replica has
//! one; leases and conditional updates keep them out of each other's way.

use std::{sync::Arc, time::Duration};

use kit::{Call, Fault, Role, Scope, id::OrderId};
use tokio::sync::Semaphore;

use crate::{
    checkout::{LEASE, Saga},
    domain::{State, Step},
    error::Error,
    store::{self, Record, View, order},
};

const INTERVAL: Duration = Duration::from_millis(500);
const AT_ONCE: usize = 16;

/// Starts it.
pub fn start(saga: Saga) {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let tasks = saga.tasks.clone();
    tasks.every("order.sweep", INTERVAL, move || {
        let (saga, slots) = (saga.clone(), slots.clone());
        async move { sweep(&saga, &slots).await }
    });
}

async fn sweep(saga: &Saga, slots: &Arc<Semaphore>) -> Result<(), Error> {
    let now = saga.clock().now();
    // One that fails keeps none of the others waiting.
    for row in store::due_checkouts(&saga.db, now).await? {
        let id = row.id;
        report(id, resume(saga, slots, row).await);
    }
    for row in store::due_expiries(&saga.db, now).await? {
        report(row.id, begin_expiry(saga, slots, row.id).await);
    }
    for id in store::due_undos(&saga.db, now).await? {
        let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
        let saga = saga.clone();
        saga.tasks.clone().spawn(async move {
            saga.undo(&own(), id).await;
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
async fn resume(saga: &Saga, slots: &Arc<Semaphore>, row: order::Model) -> Result<(), Error> {
    let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
    let (id, taken) = (row.id, Arc::new(row));
    let fence = kit::transact::<_, Error, _, _>(&saga.db, &own(), move |tx| {
        let row = taken.clone();
        async move { store::take_over(&tx, &row, tx.now() + LEASE).await }
    })
    .await?;
    if fence.is_some() {
        tracing::info!(order = %id, "a checkout goes on");
        let row = store::by_id(saga.db.read(), id, Scope::All).await?;
        drive(saga, store::view(saga.db.read(), row).await?, slot);
    }
    Ok(())
}

/// Makes giving up the next step of an order that was not paid in time.
async fn begin_expiry(saga: &Saga, slots: &Arc<Semaphore>, id: OrderId) -> Result<(), Error> {
    let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
    let view = kit::transact::<_, Error, _, _>(&saga.db, &own(), move |tx| async move {
        let mut record = Record::lock(&tx, id, Scope::All).await?;
        let due = record.order.expire_time.is_some_and(|time| time < tx.now());
        if record.order.state != State::AwaitingPayment || record.order.step != Step::Idle || !due {
            return Ok(None);
        }
        record.order.step = Step::Expire;
        record.lease(tx.now() + LEASE);
        record.save().await.map(Some)
    })
    .await?;
    if let Some(view) = view {
        drive(saga, view, slot);
    }
    Ok(())
}

fn drive(saga: &Saga, view: View, slot: tokio::sync::OwnedSemaphorePermit) {
    let (saga, id) = (saga.clone(), view.order.id);
    saga.tasks.clone().spawn(async move {
        match saga.drive(&own(), view).await {
            Ok(_) | Err(Error::LeaseLost) => {}
            Err(error) => {
                let fault = Fault::from(error);
                tracing::warn!(order = %id, problem = fault.message, "a checkout is interrupted");
            }
        }
        drop(slot);
    });
}
