//! The poller: takes up what was left lying. Any replica may; the row's lock and version decide who does.

use std::time::Duration;

use kit::{Scope, Tx};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    domain::{Conclusion, Event, Operation, State},
    engine::{Engine, background},
    error::Error,
    store::{Payment, payment, payments, provider_events, refunds},
};

/// How often what is remembered of webhooks is pruned.
const PRUNE: Duration = Duration::from_secs(3600);
/// How long it is remembered that a webhook was taken: longer than any provider delivers it again.
const KEEP_EVENTS: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is due for a payment.
enum Due {
    /// An operation that is recorded; `true`, where somebody may have sent it before.
    Perform(Payment, Operation, bool),
    Ask(Payment),
}

impl Engine {
    /// Polls until the process drains.
    pub fn start(&self) {
        self.recall();
        let engine = self.clone();
        self.0.tasks.every("payment.webhooks", PRUNE, move || {
            let engine = engine.clone();
            async move {
                let call = background("prune");
                let prune =
                    |tx: Tx| async move { Ok(provider_events::prune(&tx, tx.now() - KEEP_EVENTS).await?) };
                kit::transact::<_, Error, _, _>(&engine.0.db, &call, prune).await
            }
        });
        let engine = self.clone();
        self.0.tasks.every("payment.poll", self.0.pace.tick(), move || {
            let engine = engine.clone();
            async move { engine.poll().await }
        });
    }

    /// Takes up what is due, in tasks of their own.
    pub(crate) async fn poll(&self) -> Result<(), Error> {
        let now = self.0.db.clock().now();
        if payments::any_due(self.0.db.read(), now).await? {
            for (due, slot) in self.take_due().await?.into_iter().zip(self.slots()) {
                let engine = self.clone();
                self.0.tasks.spawn(async move {
                    let _slot = slot;
                    let done = match &due {
                        Due::Perform(payment, operation, resumed) => engine
                            .perform(&background("resume"), payment, *operation, *resumed)
                            .await
                            .map(|_| ()),
                        Due::Ask(payment) => engine.ask(payment).await,
                    };
                    if let Err(error) = done {
                        tracing::debug!(%error, "a due payment is still due");
                    }
                });
            }
        }
        let due = refunds::due(self.0.db.read(), now, self.0.slots.available_permits() as u64).await?;
        for (refund, slot) in due.into_iter().zip(self.slots()) {
            let engine = self.clone();
            self.0.tasks.spawn(async move {
                let _slot = slot;
                if let Err(error) = engine.resume_refund(refund.id).await {
                    tracing::debug!(refund = %refund.id, %error, "a due refund is still due");
                }
            });
        }
        Ok(())
    }

    /// The free slots, taken one by one.
    fn slots(&self) -> impl Iterator<Item = OwnedSemaphorePermit> {
        let slots = self.0.slots.clone();
        std::iter::from_fn(move || slots.clone().try_acquire_owned().ok())
    }

    async fn take_due(&self) -> Result<Vec<Due>, Error> {
        let (engine, limit) = (self.clone(), self.0.slots.available_permits() as u64);
        let taken = kit::transact(&self.0.db, &background("resume"), move |tx| {
            let engine = engine.clone();
            async move {
                let mut taken = Vec::new();
                for payment in payments::lock_due(&tx, limit).await? {
                    taken.extend(engine.take(&tx, payment).await?);
                }
                Ok::<_, Error>(taken)
            }
        })
        .await;
        self.0.changed.notify_waiters();
        taken
    }

    /// Decides what is due for a payment, and sets its next turn.
    async fn take(&self, tx: &Tx, before: Payment) -> Result<Option<Due>, Error> {
        let (now, pace) = (tx.now(), self.0.pace);
        let Ok(provider) = self.provider(&before) else {
            let until = now + pace.backoff(i32::MAX);
            payments::postpone(tx, before.id, before.version, Some(until), before.attempts).await?;
            return Ok(None);
        };
        let able = provider.capabilities();
        match (before.state, before.operation) {
            (State::Pending, _) => {
                let after = self.begun(before.clone(), self.lease(now))?;
                let after = self.change(tx, &before, after, "").await?;
                Ok(Some(Due::Perform(after, Operation::Authorize, false)))
            }
            (State::Unknown | State::Processing, operation) if asks(&before) && able.can_ask => {
                let (pause, attempts) = match operation {
                    None => (pace.waiting(before.update_time, now), 0),
                    Some(_) => (pace.backoff(before.attempts + 1), before.attempts + 1),
                };
                payments::postpone(tx, before.id, before.version, Some(now + pause), attempts).await?;
                Ok(Some(Due::Ask(before)))
            }
            // Its owner died: it may have been sent.
            (state, Some(operation)) if state != State::Unknown && able.idempotent => {
                let mut after = before.clone();
                after.next_poll_time = Some(self.lease(now));
                let after = self.change(tx, &before, after, "").await?;
                Ok(Some(Due::Perform(after, operation, true)))
            }
            (state, Some(operation)) if state != State::Unknown => {
                let lost =
                    Conclusion::Event { event: Event::Lost, told: None, failure_reason: String::new() };
                let after = self.concluded(tx, &before, Some(operation), lost)?;
                let after = self.change(tx, &before, after, "its owner was lost").await?;
                if let Some(claim) = &before.operation_claim {
                    tx.answer(claim, &self.render(&after)?).await?;
                }
                Ok(None)
            }
            _ => {
                payments::postpone(tx, before.id, before.version, None, before.attempts).await?;
                Ok(None)
            }
        }
    }

    /// Tells the followers anew of payments that wait for their customer: where she must act may have moved
    /// with this process.
    pub async fn announce_actions(&self) -> Result<(), Error> {
        use payment::{Column, Entity};
        let waiting =
            Entity::find().filter(Column::State.eq(State::Processing)).filter(Column::Action.ne(""));
        for found in waiting.limit(1_000).all(self.0.db.read()).await? {
            let engine = self.clone();
            kit::transact::<_, Error, _, _>(&self.0.db, &background("announce"), move |tx| {
                let engine = engine.clone();
                async move {
                    let payment = payments::lock(&tx, Scope::All, found.id).await?;
                    if payment.state == State::Processing {
                        engine.publish(&tx, &payment).await?;
                    }
                    Ok(())
                }
            })
            .await?;
        }
        Ok(())
    }
}

/// Whether its provider is to be asked: an answer was lost, or it waits.
fn asks(payment: &Payment) -> bool {
    payment.state == State::Unknown || payment.operation.is_none()
}
