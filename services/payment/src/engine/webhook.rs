//! Events of providers, by webhook or from their record: they go through the same transitions as answers.

use kit::{
    Fault, Money, Scope, Tx,
    id::{Id, RefundId},
};

use super::{Engine, background, refund_end::End};
use crate::{
    domain::{ChargeSnapshot, ChargeStatus, Decision, Flag, RefundState, State, decide, interpret},
    error::Error,
    provider::{Content, ProviderEvent, Subject},
    store::{Payment, Refund, payments, provider_events, refunds},
};

impl Engine {
    /// Applies an event of a provider, once. Fails where its payment is not known; the provider will send it again for a
    /// while.
    pub async fn apply_event(&self, provider: &'static str, event: ProviderEvent) -> Result<(), Error> {
        let call = background("webhook");
        let apply = self.0.db.transact(&call, (self.clone(), event), move |tx, input| async move {
            let (engine, event) = &*input;
            let before = match &event.subject {
                Subject::Payment(id) => payments::lock(&tx, Scope::All, *id).await?,
                Subject::Reference(reference) => {
                    match payments::lock_by_reference(&tx, provider, reference).await? {
                        Some(payment) => payment,
                        // Of another shop that uses the account.
                        None => return Ok(()),
                    }
                }
            };
            if before.provider != provider {
                return Err(Error::NotFound);
            }
            // The same event from a webhook, its repeat and the record of events, at several replicas at once: its
            // primary key lets one transaction in, which commits the change with it. One that fails leaves no row, so
            // that the next delivery is applied.
            if !provider_events::note(&tx, provider, &event.id, before.id).await? {
                return Ok(());
            }
            match event.content.clone() {
                Content::Charge(snapshot) => engine.apply_charge(&tx, before, snapshot).await,
                Content::Refund { id, outcome } => engine.apply_refund(&tx, before, id, outcome).await,
                Content::RefundedTotal(total) => engine.apply_refunded_total(&tx, before, total).await,
                Content::RefundReturned(amount) => engine.apply_returned(&tx, before, amount).await,
                Content::Dispute(reported) => engine.apply_dispute(&tx, before, reported).await,
                Content::Reconcile => engine.reconcile_soon(&tx, &before).await,
            }
        });
        let applied = apply.await;
        self.notify();
        applied
    }

    async fn apply_charge(&self, tx: &Tx, before: Payment, snapshot: ChargeSnapshot) -> Result<(), Error> {
        let ours = &before.provider_reference;
        // Whichever charge it is: money was captured for a payment that was voided or declined.
        let is_late = snapshot.status == ChargeStatus::Captured
            && matches!(before.state, State::Declined | State::Voided);
        if !ours.is_empty() && *ours != snapshot.reference && !is_late {
            tracing::warn!(payment = %before.id, reference = snapshot.reference, "an event is about another charge");
            return self.reconcile_soon(tx, &before).await;
        }
        match decide(before.state, before.operation, &snapshot.status) {
            Decision::Apply => {
                let after = self.concluded(tx, &before, None, interpret(snapshot))?;
                self.change(tx, &before, after, "told by the provider").await.map(|_| ())
            }
            Decision::Reconcile => self.reconcile_soon(tx, &before).await,
            // What is booked stays booked, but staff should know that the provider reports another amount by now.
            Decision::Ignore if contradicts(&before, &snapshot)? => {
                let mut after = before.clone();
                after.flag(Flag::AmountMismatch, true);
                self.change(tx, &before, after, "told by the provider").await.map(|_| ())
            }
            Decision::Ignore => {
                tracing::debug!(payment = %before.id, state = ?before.state, ?snapshot, "an event is redundant");
                Ok(())
            }
        }
    }

    async fn apply_refund(
        &self,
        tx: &Tx,
        before: Payment,
        id: RefundId,
        outcome: Result<Option<Money>, String>,
    ) -> Result<(), Error> {
        let refund = refunds::lock(tx, id).await?;
        if refund.payment_id != before.id {
            return Err(Error::NotFound);
        }
        match (refund.state, outcome) {
            // Faster than the answer of the call: that one finds another version of the refund then, and changes
            // nothing.
            (RefundState::Pending, Ok(reported)) => {
                self.end_refund(tx, &before, refund, End::Refunded(reported)).await?;
            }
            (RefundState::Pending, Err(reason)) => {
                self.end_refund(tx, &before, refund, End::Refused(reason)).await?;
            }
            // A bank may refuse what was on its way to it.
            (RefundState::Succeeded, Err(reason)) => {
                self.return_refund(tx, &before, refund, reason).await?;
            }
            (RefundState::Succeeded, Ok(Some(reported)))
                if (reported.minor, reported.currency.code())
                    != (refund.amount_minor, refund.currency.as_str()) =>
            {
                let mut after = before.clone();
                after.flag(Flag::RefundMismatch, true);
                self.change(tx, &before, after, "told by the provider").await?;
            }
            (RefundState::Succeeded, Ok(_)) | (RefundState::Failed, Err(_)) => {}
            (RefundState::Failed, Ok(_)) => {
                tracing::warn!(refund = %id, "the provider contradicts itself about a refund");
            }
        }
        Ok(())
    }

    /// Applies that a refund that was made at the provider was returned. Where events came out of order, it is booked in
    /// several parts; what fits none of them is for staff to look at.
    async fn apply_returned(&self, tx: &Tx, mut before: Payment, amount: Money) -> Result<(), Error> {
        let mut left = amount.minor;
        for refund in refunds::made_there(tx, before.id).await? {
            if refund.amount_minor > left {
                continue;
            }
            left -= refund.amount_minor;
            self.return_refund(tx, &before, refund, "FAILED".to_owned()).await?;
            before = payments::lock(tx, Scope::All, before.id).await?;
        }
        if left > 0 {
            let mut after = before.clone();
            after.flag(Flag::RefundMismatch, true);
            self.change(tx, &before, after, "a refund that is not in the books came back").await?;
        }
        Ok(())
    }

    /// Books what was refunded at the provider without us: its total of all refunds, less those that are in the books.
    /// Ours that are under way are counted as booked: the provider's total has them before their answer is recorded, and
    /// they would be booked twice. Those that were returned are counted, too: totals never go down.
    async fn apply_refunded_total(&self, tx: &Tx, before: Payment, total: Money) -> Result<(), Error> {
        if !before.state.is_captured() {
            // Events out of order: its capture has yet to be applied. Refused now, the event is delivered again.
            return Err(Error::Busy);
        }
        let known =
            before.refunded_minor + before.refund_pending_minor + refunds::came_back(tx, before.id).await?;
        let more = total.minor.saturating_sub(known);
        if more <= 0 && total.currency.code() == before.currency {
            return Ok(());
        }
        let booked = match total.currency.code() == before.currency {
            true => more.min(before.balance().refundable()),
            false => 0,
        };
        let mut payment = before.clone();
        if booked < more || total.currency.code() != before.currency {
            payment.flag(Flag::RefundMismatch, true);
        }
        if booked > 0 {
            payment.set_balance(before.balance().reserve(booked).map_err(Fault::internal)?);
        }
        let payment = self.change(tx, &before, payment, "told by the provider").await?;
        if booked > 0 {
            let refund = Refund {
                id: RefundId::new(),
                payment_id: payment.id,
                amount_minor: booked,
                currency: payment.currency.clone(),
                state: RefundState::Pending,
                reason: "made at the provider".to_owned(),
                failure_reason: String::new(),
                claim: None,
                by_hand: false,
                at_provider: true,
                came_back: false,
                attempts: 0,
                next_poll_time: None,
                version: 1,
                create_time: tx.now(),
                update_time: tx.now(),
            };
            refunds::insert(tx, refund.clone()).await?;
            self.end_refund(tx, &payment, refund, End::Refunded(None)).await?;
        }
        Ok(())
    }

    /// Has the poller query the provider at its next turn, where that may say something new.
    async fn reconcile_soon(&self, tx: &Tx, payment: &Payment) -> Result<(), Error> {
        if payment.state == State::Unknown
            || (payment.state == State::Processing && payment.operation.is_none())
        {
            payments::postpone(tx, payment.id, payment.version, Some(tx.now()), payment.attempts).await?;
        }
        Ok(())
    }
}

/// Whether a provider reports another amount as captured than is booked.
fn contradicts(payment: &Payment, snapshot: &ChargeSnapshot) -> Result<bool, Error> {
    let is_captured = snapshot.status == ChargeStatus::Captured && payment.state.is_captured();
    let booked = payment.money(payment.captured_minor)?;
    Ok(is_captured && snapshot.amount.is_some_and(|reported| reported != booked))
}
