//! What a refund comes to, and what that makes of its payment. The transaction has locked the payment.

use kit::{Fault, Money, Tx, id::Id};

use super::{Engine, change::cut, figures};
use crate::{
    api::render,
    domain::{Flag, RefundState},
    error::Error,
    store::{Payment, Refund, journal, journal::With, refunds},
};

/// What a refund came to.
pub enum End {
    /// So much, where the provider says so.
    Refunded(Option<Money>),
    /// For good, for the provider's reason.
    Refused(String),
    /// A provider with keys may be sent it again.
    Unknown { idempotent: bool },
}

impl Engine {
    /// Writes what became of a refund that is PENDING. The transaction has locked the refund, too.
    pub(super) async fn end_refund(
        &self,
        tx: &Tx,
        before: &Payment,
        mut refund: Refund,
        end: End,
    ) -> Result<Refund, Error> {
        let (mut minor, mut after) = (refund.amount_minor, before.clone());
        refund.next_poll_time = None;
        match end {
            End::Refunded(reported) => {
                let asked = before.money(minor)?;
                let mut balance = before.balance();
                if let Some(reported) = reported.filter(|reported| *reported != asked) {
                    after.flag(Flag::RefundMismatch, true);
                    if reported.currency == asked.currency {
                        // What was refunded is booked, as far as there is anything to refund.
                        let free = balance.release(minor).map_err(Fault::internal)?;
                        let actual = reported.minor.min(free.refundable());
                        if actual <= 0 {
                            after.set_balance(free);
                            figures::refund_over(tx, before, RefundState::Failed);
                            self.change(tx, before, after, "nothing went back").await?;
                            return self.over(tx, refund, RefundState::Failed, "REFUND_MISMATCH").await;
                        }
                        balance = free.reserve(actual).map_err(Fault::internal)?;
                        (minor, refund.amount_minor) = (actual, actual);
                    }
                }
                let (balance, event) = balance.settle_refund(minor).map_err(Fault::internal)?;
                after.state = before.state.next(event).map_err(Fault::internal)?;
                after.set_balance(balance);
                let note = if refund.at_provider { "given back at the provider" } else { "" };
                self.change(tx, before, after, note).await?;
                figures::moved(tx, before, "refunded", before.money(minor)?);
                figures::refund_over(tx, before, RefundState::Succeeded);
                let with = if refund.by_hand { With::Hand } else { With::Provider };
                journal::book(tx, before, refund.id.uuid(), -minor, with).await?;
                return self.over(tx, refund, RefundState::Succeeded, "").await;
            }
            End::Refused(reason) => {
                figures::refund_over(tx, before, RefundState::Failed);
                after.set_balance(before.balance().release(minor).map_err(Fault::internal)?);
                self.change(tx, before, after, "").await?;
                return self.over(tx, refund, RefundState::Failed, &reason).await;
            }
            End::Unknown { idempotent } => {
                // The balance stays reserved: the money may have been refunded. Sent again under its key it is the same
                // refund; without keys, staff must look.
                let pause = self.0.pace.backoff(refund.attempts);
                refund.next_poll_time = idempotent.then(|| tx.now() + pause);
                refund.attempts = refund.attempts.saturating_add(1);
            }
        }
        self.written(tx, refund).await
    }

    /// A refund is over.
    async fn over(
        &self,
        tx: &Tx,
        mut refund: Refund,
        state: RefundState,
        reason: &str,
    ) -> Result<Refund, Error> {
        refund.state = state;
        refund.failure_reason = cut(reason.to_owned());
        refunds::publish(tx, &refund);
        self.written(tx, refund).await
    }

    async fn written(&self, tx: &Tx, mut refund: Refund) -> Result<Refund, Error> {
        let claim = refund.claim.take();
        refund.version += 1;
        refund.update_time = tx.now();
        refunds::update(tx, &refund).await?;
        if let Some(claim) = claim {
            tx.answer(&claim, &render::refund(&refund)?);
        }
        Ok(refund)
    }

    /// Writes that a refund that had SUCCEEDED was returned: its money is the shop's again, and may be refunded anew.
    pub(super) async fn return_refund(
        &self,
        tx: &Tx,
        before: &Payment,
        mut refund: Refund,
        reason: String,
    ) -> Result<(), Error> {
        let mut after = before.clone();
        let (balance, event) =
            before.balance().return_refund(refund.amount_minor).map_err(Fault::internal)?;
        after.state = before.state.next(event).map_err(Fault::internal)?;
        after.set_balance(balance);
        self.change(tx, before, after, "a refund came back").await?;
        figures::moved(tx, before, "returned", before.money(refund.amount_minor)?);
        // Under the refund's id again, the other way: the unique index lets each way in once, so events that report it
        // twice cannot book it twice.
        journal::book(tx, before, refund.id.uuid(), refund.amount_minor, With::Provider).await?;
        refund.state = RefundState::Failed;
        refund.came_back = true;
        refund.failure_reason = cut(reason);
        refund.version += 1;
        refund.update_time = tx.now();
        refunds::update(tx, &refund).await?;
        refunds::publish(tx, &refund);
        tracing::warn!(refund = %refund.id, payment = %before.id, reason = refund.failure_reason, "refund.came_back");
        Ok(())
    }
}
