//! Refunds: the balance is reserved before the provider is called.

use contracts::payment as wire;
use kit::{
    Call, Fault, Money, Opened, Scope, Written,
    audit_log::Act,
    id::{Id, PaymentId, RefundId},
};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::{
    Engine, background,
    failpoints::{self, Asked, Place},
    note,
    refund_end::End,
};
use crate::{
    api::render,
    domain::{Failure, Outcome, RefundState},
    error::Error,
    store::{Payment, Refund, payments, refunds},
};

impl Engine {
    /// Refunds money of a payment, all that is left where no amount is given. Where its provider refunds nothing, that is
    /// recorded as made by hand.
    pub async fn refund(
        &self,
        call: &Call,
        id: PaymentId,
        amount: Option<Money>,
        reason: &str,
    ) -> Result<Written<wire::Refund>, Error> {
        let input = (self.clone(), call.scope()?, reason.to_owned());
        let begin = self.0.db.open(call, input, move |tx, input, claim| async move {
            let (engine, scope, reason) = &*input;
            // Two refunds of the same money: the row's lock decides, and the second finds less to refund. A CHECK
            // constraint holds refunded + reserved <= captured, whatever this code does.
            let before = payments::lock(&tx, *scope, id).await?;
            let minor = engine.refundable(&before, amount)?;
            let refund = Refund {
                id: RefundId::new(),
                payment_id: id,
                amount_minor: minor,
                currency: before.currency.clone(),
                state: RefundState::Pending,
                reason: reason.clone(),
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
            // Refunds that order asks for by itself are compensation; those are in the order's history.
            if tx.call().caller().user().is_some() {
                let act = Act::new("refund.requested").of(before.user_id).on(id);
                tx.audit(&act.saying(format!("refund={} amount={}", refund.id, payment.money(minor)?)));
            }
            let refund = match refund.by_hand {
                true => engine.end_refund(&tx, &payment, refund, End::Refunded(None)).await?,
                false => refund,
            };
            Ok((payment, refund))
        });
        let (payment, refund, guard) = match begin.await? {
            Opened::Replayed(written) => return Ok(written),
            Opened::Fresh { value: (payment, refund), guard, .. } => (payment, refund, guard),
        };
        if refund.state != RefundState::Pending {
            self.notify();
            return Ok(Written { message: render::refund(&refund)?, replayed: false });
        }
        let (sender, receiver) = oneshot::channel();
        let (engine, call) = (self.clone(), call.detached());
        // In a task of its own, as operations are: a caller who leaves takes nothing with it.
        let work = async move {
            let done = engine.perform_refund(&call, &payment, &refund).await;
            drop(guard);
            if let Err(Err(error)) = sender.send(done) {
                tracing::debug!(%error, "nobody waited for the end of a refund");
            }
        };
        self.0.tasks.spawn(work.in_current_span());
        let refund = receiver.await.map_err(|_| Fault::internal("a refund did not end"))??;
        Ok(Written { message: render::refund(&refund)?, replayed: false })
    }

    /// How much is to be refunded, in minor units.
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

    /// Takes up a refund whose owner died. Of the replicas that found it due, the first to lock it moves its time; the
    /// others find that it is not due any more.
    pub async fn resume_refund(&self, id: RefundId) -> Result<(), Error> {
        let call = background("resume");
        let take = self.0.db.transact(&call, self.clone(), move |tx, engine| async move {
            let mut refund = refunds::lock(&tx, id).await?;
            if refund.next_poll_time.is_none_or(|due| due > tx.now()) {
                return Ok(None);
            }
            refund.next_poll_time = Some(engine.lease(tx.now()));
            refund.version += 1;
            refunds::update(&tx, &refund).await?;
            Ok(Some(refund))
        });
        let Some(refund) = take.await? else { return Ok(()) };
        let payment = payments::get(self.0.db.read(), Scope::All, refund.payment_id).await?;
        self.perform_refund(&call, &payment, &refund).await.map(|_| ())
    }

    /// Has the provider refund the money, under the refund's id as the key, and records what came of it.
    async fn perform_refund(&self, call: &Call, payment: &Payment, refund: &Refund) -> Result<Refund, Error> {
        let provider = self.provider(payment)?;
        let (key, charge, amount) =
            (refund.id.to_string(), payment.charge()?, payment.money(refund.amount_minor)?);
        let outcome = match failpoints::reach(Asked::Refund, Place::Before, payment.id).await? {
            None => self.holding_refund(refund, provider.refund(&key, &charge, amount)).await,
            Some(failure) => Err(failure),
        };
        let lost = failpoints::reach(Asked::Refund, Place::Answered, payment.id).await?;
        let outcome = lost.map_or(outcome, Err);
        if let Err(failure) = &outcome {
            tracing::info!(refund = %refund.id, problem = note(failure), "a provider did not give money back");
        }
        let able = provider.capabilities();
        let recorded = self.record_refund(call, refund, outcome, able.idempotent).await?;
        failpoints::reach(Asked::Refund, Place::Recorded, payment.id).await?;
        Ok(recorded)
    }

    async fn record_refund(
        &self,
        call: &Call,
        refund: &Refund,
        outcome: Outcome,
        idempotent: bool,
    ) -> Result<Refund, Error> {
        let (id, payment_id, version) = (refund.id, refund.payment_id, refund.version);
        let record = self.0.db.transact(call, (self.clone(), outcome), move |tx, input| async move {
            let (engine, outcome) = &*input;
            let before = payments::lock(&tx, Scope::All, payment_id).await?;
            let refund = refunds::lock(&tx, id).await?;
            // Another owner, or a webhook that was faster than the answer, has recorded it.
            if refund.version != version {
                return Ok(refund);
            }
            let end = match outcome {
                Ok(snapshot) => End::Refunded(snapshot.amount),
                Err(Failure::Refused { reason, .. }) => End::Refused(reason.clone()),
                Err(Failure::NotSent { .. } | Failure::Unknown { .. }) => End::Unknown { idempotent },
            };
            engine.end_refund(&tx, &before, refund, end).await
        });
        let recorded = record.await;
        self.notify();
        recorded
    }
}
