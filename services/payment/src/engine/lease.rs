//! Leases: while work goes on, nobody else takes it up.

use std::future::Future;

use kit::{Call, Role, Time};

use super::Engine;
use crate::{
    error::Error,
    store::{Payment, Refund, payments, refunds},
};

impl Engine {
    /// The end of a lease that begins now.
    pub fn lease(&self, now: Time) -> Time {
        now + self.0.pace.lease
    }

    /// Does `work` while holding the lease on a payment.
    pub(super) async fn holding<T>(&self, payment: &Payment, work: impl Future<Output = T>) -> T {
        let (id, version, lease) = (payment.id, payment.version, self.0.pace.lease);
        self.renewing(work, || async move {
            let call = background("lease");
            // Only at our version: after somebody took over, the renewal changes nothing of theirs.
            let renew = self.0.db.transact(&call, (), move |tx, _| async move {
                payments::postpone(&tx, id, version, Some(tx.now() + lease), 0).await
            });
            renew.await
        })
        .await
    }

    /// Does `work` while holding the lease on a refund.
    pub(super) async fn holding_refund<T>(&self, refund: &Refund, work: impl Future<Output = T>) -> T {
        let (id, version, lease) = (refund.id, refund.version, self.0.pace.lease);
        self.renewing(work, || async move {
            let call = background("lease");
            let renew = self.0.db.transact(&call, (), move |tx, _| async move {
                refunds::postpone(&tx, id, version, tx.now() + lease).await
            });
            renew.await
        })
        .await
    }

    /// Renews three times in a lease: a renewal may fail or be late without a take-over. A process that stands still
    /// for longer than a lease loses it; what its work comes to is then not recorded.
    async fn renewing<T, R, F>(&self, work: impl Future<Output = T>, renew: R) -> T
    where
        R: Fn() -> F,
        F: Future<Output = Result<bool, Error>>,
    {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(self.0.pace.lease / 3) => {
                    if let Err(error) = renew().await {
                        tracing::warn!(%error, "a lease cannot be renewed");
                    }
                }
            }
        }
    }
}

/// The call that background work belongs to.
pub fn background(what: &str) -> Call {
    Call::of_service(Role::Payment, what)
}
