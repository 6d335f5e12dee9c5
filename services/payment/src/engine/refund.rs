//! Refunds: the balance is spoken for before the provider is called.

use std::sync::Arc;

use contracts::payment as wire;
use kit::{
    Call, Fault, Money, Opened, Scope, Tx, Written,
    id::{Id, PaymentId, RefundId},
};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::{Engine, change::cut, lease::background, perform::note};
use crate::{
    api::render,
    domain::{Flag, RefundState, next},
    error::Error,
    provider::{Failure, Outcome},
    store::{Payment, Refund, entry, entry::With, payments, refunds},
};

/// What a refund came to.
pub(crate) enum End {
    /// So much, where the provider says so.
    GivenBack(Option<Money>),
    /// For good, for the provider's reason.
    Refused(String),
    /// Whoever has keys may send it again.
    Unknown { idempotent: bool },
}

impl Engine {
    /// Gives money of a payment back, all that is left where no amount is given. Where its provider gives none
    /// back, that is recorded as made by hand.
    pub async fn refund(
        &self,
        call: &Call,
        id: PaymentId,
        amount: Option<Money>,
        reason: &str,
    ) -> Result<Written<wire::Refund>, Error> {
        let (engine, scope, reason) = (self.clone(), call.scope()?, reason.to_owned());
        let opened = kit::open::<_, wire::Refund, Error, _, _>(&self.0.db, call, move |tx, claim| {
            let (engine, reason) = (engine.clone(), reason.clone());
            async move {
                let before = payments::lock(&tx, scope, id).await?;
                let minor = engine.refundable(&before, amount)?;
                let refund = Refund {
                    id: RefundId::new(),
                    payment_id: id,
                    amount_minor: minor,
                    currency: before.currency.clone(),
                    state: RefundState::Pending,
                    reason,
                    failure_reason: String::new(),
                    claim,
                    by_hand: !engine.provider(&before)?.capabilities().can_refund,
                    at_provider: false,
                    came_back: false,
                    attempts: 0,
                    next_poll_time: Some(engine.lease(tx.now())),
                    version: 1,
                    create_time: tx.now(),
                    update_time: tx.now(),
                };
                let mut after = before.clone();
                after.set_balance(before.balance().reserve(minor).map_err(Fault::internal)?);
                let payment = engine.change(&tx, &before, after, "").await?;
                refunds::insert(&tx, refund.clone()).await?;
                let refund = match refund.by_hand {
                    true => engine.end_refund(&tx, &payment, refund, End::GivenBack(None)).await?,
                    false => refund,
                };
                Ok((payment, refund))
            }
        })
        .await?;
        let (payment, refund, guard) = match opened {
            Opened::Replayed(written) => return Ok(written),
            Opened::Fresh { value: (payment, refund), guard, .. } => (payment, refund, guard),
        };
        if refund.state != RefundState::Pending {
            self.0.changed.notify_waiters();
            return Ok(Written { message: render::refund(&refund)?, replayed: false });
        }
        let (tell, told) = oneshot::channel();
        let (engine, call) = (self.clone(), call.detached());
        let work = async move {
            let done = engine.perform_refund(&call, &payment, &refund).await;
            drop(guard);
            if let Err(Err(error)) = tell.send(done) {
                tracing::debug!(%error, "nobody waited for the end of a refund");
            }
        };
        self.0.tasks.spawn(work.in_current_span());
        let refund = told.await.map_err(|_| Fault::internal("a refund did not end"))??;
        Ok(Written { message: render::refund(&refund)?, replayed: false })
    }

    /// How much is to be given back, in minor units.
    fn refundable(&self, payment: &Payment, amount: Option<Money>) -> Result<i64, Error> {
        if !payment.state.is_captured() {
            return Err(Error::Illegal(payment.state));
        }
        let refundable = payment.money(payment.balance().refundable())?;
        let amount = amount.unwrap_or(refundable);
        if amount.currency != refundable.currency {
            return Err(Error::Currency);
        }
        if refundable.minor == 0 || amount.minor > refundable.minor {
            return Err(Error::Refundable { state: payment.state, refundable });
        }
        let able = self.provider(payment)?.capabilities();
        let partial = amount.minor < payment.captured_minor;
        if able.can_refund && partial && !able.partial_refund {
            return Err(Error::Unsupported { provider: payment.provider.clone() });
        }
        Ok(amount.minor)
    }

    /// Takes up a refund that was left lying.
    pub(crate) async fn resume_refund(&self, id: RefundId) -> Result<(), Error> {
        let engine = self.clone();
        let taken = kit::transact::<_, Error, _, _>(&self.0.db, &background("resume"), move |tx| {
            let engine = engine.clone();
            async move {
                let mut refund = refunds::lock(&tx, id).await?;
                if refund.next_poll_time.is_none_or(|due| due > tx.now()) {
                    return Ok(None);
                }
                refund.next_poll_time = Some(engine.lease(tx.now()));
                refund.version += 1;
                refunds::update(&tx, &refund).await?;
                Ok(Some(refund))
            }
        })
        .await?;
        let Some(refund) = taken else { return Ok(()) };
        let payment = payments::get(self.0.db.read(), Scope::All, refund.payment_id).await?;
        self.perform_refund(&background("resume"), &payment, &refund).await.map(|_| ())
    }

    /// Has the provider give the money back, under the refund's id as the key, and records what came of it.
    async fn perform_refund(&self, call: &Call, payment: &Payment, refund: &Refund) -> Result<Refund, Error> {
        let provider = self.provider(payment)?;
        let (key, charge, amount) =
            (refund.id.to_string(), payment.charge()?, payment.money(refund.amount_minor)?);
        let outcome = self.holding_refund(refund, provider.refund(&key, &charge, amount)).await;
        if let Err(failure) = &outcome {
            tracing::info!(refund = %refund.id, problem = note(failure), "a provider did not give money back");
        }
        self.record_refund(call, refund, outcome, provider.capabilities().idempotent).await
    }

    async fn record_refund(
        &self,
        call: &Call,
        refund: &Refund,
        outcome: Outcome,
        idempotent: bool,
    ) -> Result<Refund, Error> {
        let (engine, outcome) = (self.clone(), Arc::new(outcome));
        let (id, payment_id, version) = (refund.id, refund.payment_id, refund.version);
        let recorded = kit::transact::<_, Error, _, _>(&self.0.db, call, move |tx| {
            let (engine, outcome) = (engine.clone(), outcome.clone());
            async move {
                let before = payments::lock(&tx, Scope::All, payment_id).await?;
                let refund = refunds::lock(&tx, id).await?;
                if refund.version != version {
                    return Ok(refund);
                }
                let end = match outcome.as_ref() {
                    Ok(told) => End::GivenBack(told.size),
                    Err(Failure::Refused { reason, .. }) => End::Refused(reason.clone()),
                    Err(Failure::NotSent { .. } | Failure::Unknown { .. }) => End::Unknown { idempotent },
                };
                engine.end_refund(&tx, &before, refund, end).await
            }
        })
        .await;
        self.0.changed.notify_waiters();
        recorded
    }

    /// Writes what became of a refund that is PENDING. The transaction has locked it and its payment.
    pub(crate) async fn end_refund(
        &self,
        tx: &Tx,
        before: &Payment,
        mut refund: Refund,
        end: End,
    ) -> Result<Refund, Error> {
        let (mut minor, mut after) = (refund.amount_minor, before.clone());
        refund.next_poll_time = None;
        match end {
            End::GivenBack(said) => {
                let asked = before.money(minor)?;
                let mut balance = before.balance();
                if let Some(said) = said.filter(|said| *said != asked) {
                    after.flag(Flag::RefundMismatch, true);
                    if said.currency == asked.currency {
                        // What went back is what went back, as far as there is anything to give.
                        let free = balance.release(minor).map_err(Fault::internal)?;
                        let actual = said.minor.min(free.refundable());
                        if actual <= 0 {
                            after.set_balance(free);
                            self.change(tx, before, after, "nothing went back").await?;
                            return self.over(tx, refund, RefundState::Failed, "REFUND_MISMATCH").await;
                        }
                        balance = free.reserve(actual).map_err(Fault::internal)?;
                        (minor, refund.amount_minor) = (actual, actual);
                    }
                }
                let (balance, event) = balance.give_back(minor).map_err(Fault::internal)?;
                after.state = next(before.state, event).map_err(Fault::internal)?;
                after.set_balance(balance);
                let note = if refund.at_provider { "given back at the provider" } else { "" };
                self.change(tx, before, after, note).await?;
                let with = if refund.by_hand { With::Hand } else { With::Provider };
                entry::book(tx, before, refund.id.uuid(), -minor, with).await?;
                return self.over(tx, refund, RefundState::Succeeded, "").await;
            }
            End::Refused(reason) => {
                after.set_balance(before.balance().release(minor).map_err(Fault::internal)?);
                self.change(tx, before, after, "").await?;
                return self.over(tx, refund, RefundState::Failed, &reason).await;
            }
            End::Unknown { idempotent } => {
                // Sent again under its key it is the same refund; without keys, staff must look.
                let pause = self.0.pace.backoff(refund.attempts);
                refund.next_poll_time = idempotent.then(|| tx.now() + pause);
                refund.attempts = refund.attempts.saturating_add(1);
            }
        }
        self.written(tx, refund).await
    }

    /// A refund is over, one way or the other.
    async fn over(
        &self,
        tx: &Tx,
        mut refund: Refund,
        state: RefundState,
        reason: &str,
    ) -> Result<Refund, Error> {
        refund.state = state;
        refund.failure_reason = cut(reason.to_owned());
        self.written(tx, refund).await
    }

    async fn written(&self, tx: &Tx, mut refund: Refund) -> Result<Refund, Error> {
        let claim = refund.claim.take();
        refund.version += 1;
        refund.update_time = tx.now();
        refunds::update(tx, &refund).await?;
        if let Some(claim) = claim {
            tx.answer(&claim, &render::refund(&refund)?).await?;
        }
        Ok(refund)
    }

    /// Writes that a refund that had SUCCEEDED failed: its money is the shop's again, and may be given back anew.
    pub(crate) async fn come_back(
        &self,
        tx: &Tx,
        before: &Payment,
        mut refund: Refund,
        reason: String,
    ) -> Result<(), Error> {
        let mut after = before.clone();
        let (balance, event) = before.balance().come_back(refund.amount_minor).map_err(Fault::internal)?;
        after.state = next(before.state, event).map_err(Fault::internal)?;
        after.set_balance(balance);
        self.change(tx, before, after, "a refund came back").await?;
        entry::book(tx, before, refund.id.uuid(), refund.amount_minor, With::Provider).await?;
        refund.state = RefundState::Failed;
        refund.came_back = true;
        refund.failure_reason = cut(reason);
        refund.version += 1;
        refund.update_time = tx.now();
        refunds::update(tx, &refund).await?;
        tracing::warn!(refund = %refund.id, payment = %before.id, reason = refund.failure_reason, "refund.came_back");
        Ok(())
    }
}
