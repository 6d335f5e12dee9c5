//! `payment.poll`: takes up what is due. That is payments that were stored and not begun, operations whose owner died,
//! payments that wait for their customer, lost answers, pending refunds.

use kit::Tx;

use crate::{
    domain::{Conclusion, Event, Operation, State},
    engine::{Engine, background},
    error::Error,
    store::{Payment, payments, refunds},
};

/// What is due for a payment.
enum Due {
    /// An operation that is recorded; `true`, where somebody may have sent it before.
    Perform(Payment, Operation, bool),
    Reconcile(Payment),
}

pub fn start(engine: &Engine) {
    let work = engine.clone();
    engine.tasks().every("payment.poll", engine.pace().tick(), move || {
        let engine = work.clone();
        async move { poll(&engine).await }
    });
}

/// Takes up what is due, each in a task of its own.
pub async fn poll(engine: &Engine) -> Result<(), Error> {
    let now = engine.db().clock().now();
    // A look without locks first: most turns find nothing, and must not write.
    if payments::any_due(engine.db().read(), now).await? {
        for (due, slot) in take_due(engine).await?.into_iter().zip(engine.slots()) {
            let work = engine.clone();
            engine.tasks().spawn(async move {
                let _slot = slot;
                let done = match &due {
                    Due::Perform(payment, operation, resumed) => {
                        let call = background("resume");
                        work.perform(&call, payment, *operation, *resumed).await.map(|_| ())
                    }
                    Due::Reconcile(payment) => work.reconcile(payment).await,
                };
                if let Err(error) = done {
                    tracing::debug!(%error, "a due payment is still due");
                }
            });
        }
    }
    let due = refunds::due(engine.db().read(), now, engine.free_slots()).await?;
    for (refund, slot) in due.into_iter().zip(engine.slots()) {
        let work = engine.clone();
        engine.tasks().spawn(async move {
            let _slot = slot;
            if let Err(error) = work.resume_refund(refund.id).await {
                tracing::debug!(refund = %refund.id, %error, "a due refund is still due");
            }
        });
    }
    Ok(())
}

/// Locks due payments and sets their next turns, so that they are due for nobody else when this commits. Replicas share
/// the work by SKIP LOCKED: each takes the rows that no other one is taking.
async fn take_due(engine: &Engine) -> Result<Vec<Due>, Error> {
    let call = background("resume");
    let limit = engine.free_slots();
    let take = engine.db().transact(&call, engine.clone(), move |tx, engine| async move {
        let mut taken = Vec::new();
        for payment in payments::lock_due(&tx, limit).await? {
            taken.extend(take(&engine, &tx, payment).await?);
        }
        Ok(taken)
    });
    let taken = take.await;
    engine.notify();
    taken
}

/// Decides what is due for a payment, and sets its next turn.
async fn take(engine: &Engine, tx: &Tx, before: Payment) -> Result<Option<Due>, Error> {
    let (now, pace) = (tx.now(), engine.pace());
    let Ok(provider) = engine.provider(&before) else {
        let until = now + pace.backoff(i32::MAX);
        payments::postpone(tx, before.id, before.version, Some(until), before.attempts).await?;
        return Ok(None);
    };
    let able = provider.capabilities();
    match (before.state, before.operation) {
        (State::Pending, _) => {
            let after = engine.begun(before.clone(), engine.lease(now))?;
            let after = engine.change(tx, &before, after, "").await?;
            Ok(Some(Due::Perform(after, Operation::Authorize, false)))
        }
        // Not changed, so its version stays: a webhook or a late answer that comes before the query's result wins.
        (State::Unknown | State::Processing, operation) if needs_query(&before) && able.can_query => {
            let (pause, attempts) = match operation {
                None => (pace.waiting(before.update_time, now), 0),
                Some(_) => (pace.backoff(before.attempts + 1), before.attempts + 1),
            };
            payments::postpone(tx, before.id, before.version, Some(now + pause), attempts).await?;
            Ok(Some(Due::Reconcile(before)))
        }
        // Its owner died, or is slower than its lease: it may have been sent. Under the same key it is the same operation,
        // and the version that this change raises makes the old owner's outcome count for nothing.
        (state, Some(operation)) if state != State::Unknown && able.idempotent => {
            let mut after = before.clone();
            after.next_poll_time = Some(engine.lease(now));
            let after = engine.change(tx, &before, after, "").await?;
            Ok(Some(Due::Perform(after, operation, true)))
        }
        // The same without keys: sent twice, it would be two operations. UNKNOWN, until somebody finds out.
        (state, Some(operation)) if state != State::Unknown => {
            let lost =
                Conclusion::Event { event: Event::AnswerLost, snapshot: None, failure_reason: String::new() };
            let after = engine.concluded(tx, &before, Some(operation), lost)?;
            let after = engine.change(tx, &before, after, "its owner was lost").await?;
            if let Some(claim) = &before.operation_claim {
                tx.answer(claim, &engine.render(&after)?);
            }
            Ok(None)
        }
        _ => {
            payments::postpone(tx, before.id, before.version, None, before.attempts).await?;
            Ok(None)
        }
    }
}

/// Whether its provider is to be queried: an answer was lost, or it waits.
fn needs_query(payment: &Payment) -> bool {
    payment.state == State::Unknown || payment.operation.is_none()
}
