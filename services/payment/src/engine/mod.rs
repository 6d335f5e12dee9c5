//! What carries payments through: operations at providers, each recorded before it begins and again when its outcome is
//! known; events of providers; refunds and disputes.
//!
//! Whoever carries out an operation holds a lease on the payment: until `next_poll_time` nobody else touches it, and
//! its outcome is recorded only if the payment is still at the version that it began with. A transaction that changes a
//! payment and its refunds or disputes locks the payment's row first, so two of them are never a deadlock.

mod begin;
mod change;
mod create;
mod dispute;
pub mod failpoints;
mod figures;
mod lease;
mod perform;
mod reconcile;
mod refund;
mod refund_end;
mod settle;
mod webhook;

use std::sync::Arc;

use kit::{Db, Scope, Tasks, Writer, id::PaymentId};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Duration, Instant},
};

pub use self::{lease::background, perform::note};
use crate::{
    domain::Pace,
    error::Error,
    provider::{Provider, Providers},
    store::{Payment, payments},
};

/// Operations that the poller carries out at a time.
const SLOTS: usize = 64;
/// Payments of which it is known how long their provider took.
const WAITED: usize = 4_096;
/// How often a waiting call looks for what another replica committed.
const LOOK: Duration = Duration::from_millis(100);

/// Carries payments through; cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    db: Writer<Error>,
    tasks: Tasks,
    providers: Providers,
    pace: Pace,
    /// Woken whenever this process changed a payment.
    changed: Notify,
    slots: Arc<Semaphore>,
    /// How long providers took, until the call that waited for it is answered.
    waited: quick_cache::sync::Cache<PaymentId, Duration>,
}

impl Engine {
    pub fn new(db: Db, tasks: Tasks, providers: Providers, pace: Pace) -> Self {
        providers.iter().for_each(|provider| figures::begin(provider.name()));
        let slots = Arc::new(Semaphore::new(SLOTS));
        let (changed, waited) = (Notify::new(), quick_cache::sync::Cache::new(WAITED));
        Self(Arc::new(Inner { db: db.into(), tasks, providers, pace, changed, slots, waited }))
    }

    pub fn db(&self) -> &Writer<Error> {
        &self.0.db
    }

    pub fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    pub fn providers(&self) -> &Providers {
        &self.0.providers
    }

    pub fn pace(&self) -> Pace {
        self.0.pace
    }

    /// How long a payment's provider took since this was asked last; `None` where it has not answered yet.
    pub fn waited(&self, id: PaymentId) -> Option<Duration> {
        self.0.waited.remove(&id).map(|(_, waited)| waited)
    }

    /// Wakes the calls of this process that wait for a payment, once what changed it is committed.
    pub fn notify(&self) {
        self.0.changed.notify_waiters();
    }

    /// How many more operations the poller may carry out now.
    pub fn free_slots(&self) -> u64 {
        self.0.slots.available_permits() as u64
    }

    /// The free slots, taken one by one.
    pub fn slots(&self) -> impl Iterator<Item = OwnedSemaphorePermit> {
        let slots = self.0.slots.clone();
        std::iter::from_fn(move || slots.clone().try_acquire_owned().ok())
    }

    /// The provider of a payment; it may be gone from the configuration.
    pub fn provider(&self, payment: &Payment) -> Result<Arc<dyn Provider>, Error> {
        let provider = self.0.providers.get(&payment.provider).cloned();
        provider.ok_or_else(|| Error::Unavailable { provider: payment.provider.clone() })
    }

    /// Waits until a payment is `ready`, but not past `limit`; the payment as it is then.
    async fn wait_for(
        &self,
        scope: Scope,
        id: PaymentId,
        limit: Instant,
        ready: fn(&Payment) -> bool,
    ) -> Result<Payment, Error> {
        loop {
            // Listen before looking: a change that commits after the look wakes the wait.
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let payment = payments::get(self.0.db.read(), scope, id).await?;
            if ready(&payment) || Instant::now() >= limit {
                return Ok(payment);
            }
            // Another replica's commit wakes nobody here: it is found by looking again.
            let _ = tokio::time::timeout_at(limit.min(Instant::now() + LOOK), changed).await;
        }
    }
}
