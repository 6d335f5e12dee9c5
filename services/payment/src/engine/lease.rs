//! Leases: for as long as work goes on, nobody else takes it up.

use std::future::Future;

use kit::{Call, Role, Time};

use super::Engine;
use crate::{
    error::Error,
    store::{Payment, Refund, payments, refunds},
};

impl Engine {
    /// The end of a lease that begins now.
    pub(crate) fn lease(&self, now: Time) -> Time {
        now + self.0.pace.lease
    }

    /// Does `work` while holding on to a payment.
    pub(crate) async fn holding<T>(&self, payment: &Payment, work: impl Future<Output = T>) -> T {
        let (id, version, lease) = (payment.id, payment.version, self.0.pace.lease);
        self.renewing(work, || async move {
            kit::transact::<_, Error, _, _>(&self.0.db, &background("lease"), move |tx| async move {
                payments::postpone(&tx, id, version, Some(tx.now() + lease), 0).await
            })
            .await
        })
        .await
    }

    /// Does `work` while holding on to a refund.
    pub(crate) async fn holding_refund<T>(&self, refund: &Refund, work: impl Future<Output = T>) -> T {
        let (id, version, lease) = (refund.id, refund.version, self.0.pace.lease);
        self.renewing(work, || async move {
            kit::transact::<_, Error, _, _>(&self.0.db, &background("lease"), move |tx| async move {
                refunds::postpone(&tx, id, version, tx.now() + lease).await
            })
            .await
        })
        .await
    }

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
                    // A lease that is lost costs nothing here: what comes of the work is then not recorded.
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
