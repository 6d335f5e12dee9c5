//! What carries payments through: operations at providers, each recorded before it is begun and again when
//! its outcome is known, and the poller that takes up what was left lying.
//!
//! Whoever carries out an operation holds a lease on the payment: until `next_poll_time` nobody else touches
//! it, and its outcome is recorded only if the payment is still at the version it began with.

mod begin;
mod change;
mod create;
mod dispute;
mod lease;
mod perform;
mod reconcile;
mod refund;
mod settle;
mod webhook;

use std::sync::Arc;

pub use lease::background;
pub use perform::note;

use kit::{Db, Scope, Tasks, id::PaymentId};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Duration, Instant},
};

use crate::{
    domain::Pace,
    error::Error,
    provider::{Provider, Providers},
    store::{Payment, payments},
};

/// Operations that the poller carries out at a time.
const SLOTS: usize = 64;
/// Payments of which it is known how long their provider was waited for.
const WAITED: usize = 4_096;
/// How often a waiting call looks for what another replica committed.
const LOOK: Duration = Duration::from_millis(100);

/// Carries payments through; cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) tasks: Tasks,
    pub(crate) providers: Providers,
    pub(crate) pace: Pace,
    /// Woken whenever this process changed a payment.
    pub(crate) changed: Notify,
    pub(crate) slots: Arc<Semaphore>,
    /// For how long providers were waited for, until the call that asked for it is answered.
    pub(crate) waited: quick_cache::sync::Cache<PaymentId, Duration>,
}

impl Engine {
    pub fn new(db: Db, tasks: Tasks, providers: Providers, pace: Pace) -> Self {
        let slots = Arc::new(Semaphore::new(SLOTS));
        let (changed, waited) = (Notify::new(), quick_cache::sync::Cache::new(WAITED));
        Self(Arc::new(Inner { db, tasks, providers, pace, changed, slots, waited }))
    }

    pub fn db(&self) -> &Db {
        &self.0.db
    }

    pub fn providers(&self) -> &Providers {
        &self.0.providers
    }

    /// For how long a payment's provider was waited for since this was asked last; not known where it has not
    /// answered yet.
    pub fn waited(&self, id: PaymentId) -> Option<Duration> {
        self.0.waited.remove(&id).map(|(_, waited)| waited)
    }

    /// The provider of a payment; it may be gone from the configuration.
    pub(crate) fn provider(&self, payment: &Payment) -> Result<Arc<dyn Provider>, Error> {
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
            // Listen before looking: what commits in between wakes the wait.
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let payment = payments::get(self.0.db.read(), scope, id).await?;
            if ready(&payment) || Instant::now() >= limit {
                return Ok(payment);
            }
            let _ = tokio::time::timeout_at(limit.min(Instant::now() + LOOK), changed).await;
        }
    }
}
