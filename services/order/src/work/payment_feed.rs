//! `order.feed.payment`: payments that change after their checkout was settled, and refunds.

use std::{sync::Arc, time::Duration};

use contracts::{mesh::FeedEvent, payment::PaymentChanged};
use futures::future::BoxFuture;
use kit::{Role, Scope, Tx, follow, id::OrderId};

use super::feeds::{Passed, own};
use crate::{
    checkout::{Checkout, Held, LEASE, apply_payment_update},
    domain::{GivenBack, Payment, PaymentState, State, Step, notes},
    error::Error,
    orders::Orders,
    remote::read_payment,
    store::{self, Record, View, order},
};

/// The first and the longest pause before an update that was held is tried again.
const CATCH_UP: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A payment changed: the order that awaits it goes on; where no order awaits it (any more), it is compensated.
pub(super) async fn handle(orders: &Orders, passed: &Passed, event: FeedEvent) -> Result<(), Error> {
    let position = event.position;
    let payment = follow::event::<PaymentChanged>(&event).and_then(|changed| changed.payment);
    let payment = payment.as_ref().map(read_payment).transpose()?;
    let driven = &orders.driven;
    if payment.as_ref().is_some_and(|payment| driven.takes(payment, position))
        || is_redundant(orders, payment.as_ref()).await?
    {
        return passed.go_past(orders, driven.followed(position)).await;
    }
    let followed = driven.followed(position);
    let work = move |tx: Tx, payment: Arc<Option<Payment>>| async move {
        follow::advance(&tx, Role::Payment.name(), followed).await?;
        match &*payment {
            Some(payment) => apply(&tx, payment).await,
            None => Ok((None, Effect::Nothing)),
        }
    };
    let (changed, effect) = orders.db.transact(&own(), payment, work).await?;
    go_on(orders, changed, effect);
    Ok(())
}

/// Applies an update that came while this process drove its payment's checkout, and that the driver has not stored.
/// Until it is applied, the feed's position stays before it.
///
/// Boxed, because it may drive the order on, which ends here again.
pub fn catch_up(orders: Orders, held: Held) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let payment = Arc::new(held.payment.clone());
        let mut pause = CATCH_UP;
        loop {
            match try_to_catch_up(&orders, payment.clone()).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(payment = %payment.id, %error, "an update of a payment cannot be applied yet");
                }
            }
            tokio::select! {
                // What is not applied is read again after the restart.
                () = orders.tasks.draining() => return std::mem::forget(held),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    })
}

async fn try_to_catch_up(orders: &Orders, payment: Arc<Payment>) -> Result<(), Error> {
    if is_redundant(orders, Some(&payment)).await? {
        return Ok(());
    }
    let work = |tx: Tx, payment: Arc<Arc<Payment>>| async move { apply(&tx, &payment).await };
    let (changed, effect) = orders.db.transact(&own(), payment, work).await?;
    go_on(orders, changed, effect);
    Ok(())
}

/// What follows once an event's effect is committed.
fn go_on(orders: &Orders, changed: Changed, effect: Effect) {
    if let Some((id, events)) = changed {
        orders.watchers.notify(id, events);
    }
    match effect {
        Effect::Nothing => {}
        Effect::Advanced(view) => {
            let id = view.order.id;
            orders.watchers.notify(id, view.order.events);
            if view.order.step != Step::Idle {
                let mut checkout = Checkout::new(orders, own());
                // The lease was taken with the step: if this process dies before, the sweeper goes on.
                orders.tasks.spawn(async move {
                    if let Err(error) = checkout.drive(*view).await {
                        tracing::debug!(order = %id, %error, "a checkout is interrupted");
                    }
                });
            }
        }
        Effect::Compensate(id) => {
            let of_task = orders.clone();
            orders.tasks.spawn(async move { of_task.compensate(&own(), id).await });
        }
    }
}

/// Whether an event changes nothing: the order's own checkout drives it (and looks again once it is settled), or the
/// order is paid by it. This is how nearly all payments go, so it is found out without a transaction.
///
/// Read without a lock, so the order may change after it. A checkout that is settled a moment later reads the payment
/// itself (`Checkout::look_again`), after its commit and so after this event was published: it finds what is skipped
/// here. Where that read gets no answer, the order's expiry finds it.
async fn is_redundant(orders: &Orders, payment: Option<&Payment>) -> Result<bool, Error> {
    let Some(payment) = payment else { return Ok(true) };
    let order = match store::by_id(orders.db.read(), payment.order_id, Scope::All).await {
        Ok(order) => order,
        Err(Error::NotFound(_)) => return Ok(true),
        Err(error) => return Err(error),
    };
    let is_current = order.payment_id == Some(payment.id);
    Ok(match order.state {
        State::CheckingOut | State::AwaitingPayment => is_current && order.step != Step::Idle,
        State::Paid | State::Shipped | State::Delivered => is_current && is_known(&order, payment),
        _ => false,
    })
}

/// Whether an order knows what was given back of its payment, or is about to be.
fn is_known(order: &order::Model, payment: &Payment) -> bool {
    let known = (order.refunded_minor, order.refunds, order.refunding);
    let now = GivenBack::of(payment);
    (now.minor, now.refunds, now.refunding) == known
}

/// What an event changed.
enum Effect {
    Nothing,
    /// The order; unless it is settled, its checkout is to be driven on.
    Advanced(Box<View>),
    Compensate(OrderId),
}

/// An order whose history grew, and how many events it has.
pub type Changed = Option<(OrderId, i64)>;

async fn apply(tx: &Tx, payment: &Payment) -> Result<(Changed, Effect), Error> {
    let (id, order_id) = (payment.id, payment.order_id);
    let mut record = match Record::lock(tx, order_id, Scope::All).await {
        Ok(record) => record,
        Err(Error::NotFound(_)) => return Ok((None, Effect::Nothing)),
        Err(error) => return Err(error),
    };
    // The order waits for it, and nobody drives it. Of this event, the sweeper's expiry, a reopening and another way to
    // pay, the first to lock the row takes the lease; the others find a step under way, or another payment.
    if record.waits_for(id) {
        record.lease(tx.now() + LEASE);
        return match apply_payment_update(tx, record, payment).await {
            Ok(view) => Ok((None, Effect::Advanced(Box::new(view)))),
            Err(Error::StaleUpdate) => Ok((None, Effect::Nothing)),
            Err(error) => Err(error),
        };
    }
    let known = match record.record_payment(payment).await {
        Ok(Some(known)) => known,
        Ok(None) | Err(Error::StaleUpdate) => return Ok((None, Effect::Nothing)),
        Err(error) => return Err(error),
    };
    // A payment that is marked already is tried at once, now that it has changed.
    let effect = if known.to_compensate {
        Effect::Compensate(order_id)
    } else {
        follow_up(tx, &mut record, payment, &known).await?
    };
    if !record.is_changed() {
        return Ok((None, effect));
    }
    let view = record.save().await?;
    Ok((Some((order_id, view.order.events)), effect))
}

/// What follows from an update of a payment that its order does not wait for, or whose checkout is under way.
async fn follow_up(
    tx: &Tx,
    record: &mut Record,
    payment: &Payment,
    known: &store::payment::Model,
) -> Result<Effect, Error> {
    let (id, order_id) = (known.payment_id, known.order_id);
    let is_current = record.order.payment_id == Some(id);
    match record.order.state {
        // The checkout's own driver finds what was just stored: its next write is a stale update, or it looks again.
        State::CheckingOut | State::AwaitingPayment if is_current => Ok(Effect::Nothing),
        State::Paid | State::Shipped | State::Delivered if is_current => Ok(Effect::Nothing),
        // Authorised or captured too late: after the order was cancelled, expired or paid by another payment. Nobody
        // else gives this money back.
        _ if payment.state.is_live() => {
            if matches!(payment.state, PaymentState::Captured | PaymentState::PartiallyRefunded) {
                record.note(match known.state == PaymentState::Refunded {
                    true => notes::REFUND_AGAIN,
                    false => notes::NOT_WAITED_FOR,
                });
            }
            store::mark_payment(tx, id).await?;
            Ok(Effect::Compensate(order_id))
        }
        _ => Ok(Effect::Nothing),
    }
}
