//! Webhooks: what a provider tells of its own accord goes through the same transitions as what it answers.

use kit::{
    Fault, Money, Scope, Tx,
    id::{Id, RefundId},
};

use super::{Engine, lease::background, refund::End};
use crate::{
    domain::{Flag, Hearing, RefundState, State, hear, learn},
    error::Error,
    provider::{About, News, ProviderEvent, Standing, Told},
    store::{Payment, Refund, payments, provider_events, refunds},
};

impl Engine {
    /// Takes an event of a provider, once. Fails where its payment is not known; the provider will try again
    /// for a while.
    pub async fn hear(&self, provider: &'static str, event: ProviderEvent) -> Result<(), Error> {
        let engine = self.clone();
        let heard = kit::transact::<_, Error, _, _>(&self.0.db, &background("webhook"), move |tx| {
            let (engine, event) = (engine.clone(), event.clone());
            async move {
                let before = match &event.about {
                    About::Payment(id) => payments::lock(&tx, Scope::All, *id).await?,
                    About::Reference(reference) => {
                        match payments::lock_by_reference(&tx, provider, reference).await? {
                            Some(payment) => payment,
                            // What else the account is used for.
                            None => return Ok(()),
                        }
                    }
                };
                if before.provider != provider {
                    return Err(Error::NotFound);
                }
                if !provider_events::note(&tx, provider, &event.id, before.id).await? {
                    return Ok(());
                }
                match event.news {
                    News::Charge(told) => engine.hear_charge(&tx, before, told).await,
                    News::Refund { id, outcome } => engine.hear_refund(&tx, before, id, outcome).await,
                    News::Refunded(total) => engine.hear_refunded(&tx, before, total).await,
                    News::CameBack(amount) => engine.hear_came_back(&tx, before, amount).await,
                    News::Dispute(news) => engine.hear_dispute(&tx, before, news).await,
                    News::Ask => engine.ask_soon(&tx, &before).await,
                }
            }
        })
        .await;
        self.0.changed.notify_waiters();
        heard
    }

    async fn hear_charge(&self, tx: &Tx, before: Payment, told: Told) -> Result<(), Error> {
        let ours = &before.provider_reference;
        // Whichever charge it is: money was taken for a payment that was given up.
        let is_late =
            told.standing == Standing::Captured && matches!(before.state, State::Declined | State::Voided);
        if !ours.is_empty() && *ours != told.reference && !is_late {
            tracing::warn!(payment = %before.id, reference = told.reference, "an event is about another charge");
            return self.ask_soon(tx, &before).await;
        }
        match hear(before.state, before.operation, &told.standing) {
            Hearing::Believe => {
                let after = self.concluded(tx, &before, None, learn(told))?;
                self.change(tx, &before, after, "told by the provider").await.map(|_| ())
            }
            Hearing::Ask => self.ask_soon(tx, &before).await,
            // What is booked stays booked, but staff should know that the provider says something else by now.
            Hearing::Old if contradicts(&before, &told)? => {
                let mut after = before.clone();
                after.flag(Flag::AmountMismatch, true);
                self.change(tx, &before, after, "told by the provider").await.map(|_| ())
            }
            Hearing::Old => {
                tracing::debug!(payment = %before.id, state = ?before.state, ?told, "an event says nothing new");
                Ok(())
            }
        }
    }

    async fn hear_refund(
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
            (RefundState::Pending, Ok(said)) => {
                self.end_refund(tx, &before, refund, End::GivenBack(said)).await?;
            }
            (RefundState::Pending, Err(reason)) => {
                self.end_refund(tx, &before, refund, End::Refused(reason)).await?;
            }
            // A bank may refuse what was under way to it.
            (RefundState::Succeeded, Err(reason)) => self.come_back(tx, &before, refund, reason).await?,
            (RefundState::Succeeded, Ok(Some(said)))
                if (said.minor, said.currency.code()) != (refund.amount_minor, refund.currency.as_str()) =>
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

    /// A refund that was made at the provider came back. Where its event was overtaken by others, it is booked in
    /// several parts; what fits none of them is for staff to look at.
    async fn hear_came_back(&self, tx: &Tx, mut before: Payment, amount: Money) -> Result<(), Error> {
        let mut left = amount.minor;
        for refund in refunds::made_there(tx, before.id).await? {
            if refund.amount_minor > left {
                continue;
            }
            left -= refund.amount_minor;
            self.come_back(tx, &before, refund, "FAILED".to_owned()).await?;
            before = payments::lock(tx, Scope::All, before.id).await?;
        }
        if left > 0 {
            let mut after = before.clone();
            after.flag(Flag::RefundMismatch, true);
            self.change(tx, &before, after, "a refund that is not in the books came back").await?;
        }
        Ok(())
    }

    /// Books what went back at the provider without our asking: what it says of all refunds, less what we know of.
    /// Refunds under way are counted as theirs: they are said to be part of it before they are known to be through.
    async fn hear_refunded(&self, tx: &Tx, before: Payment, total: Money) -> Result<(), Error> {
        if !before.state.is_captured() {
            // Its own capture has yet to be heard of; the provider tells it again.
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
            self.end_refund(tx, &payment, refund, End::GivenBack(None)).await?;
        }
        Ok(())
    }

    /// Has the poller ask at its next turn, where there is something to ask.
    async fn ask_soon(&self, tx: &Tx, payment: &Payment) -> Result<(), Error> {
        if payment.state == State::Unknown
            || (payment.state == State::Processing && payment.operation.is_none())
        {
            payments::postpone(tx, payment.id, payment.version, Some(tx.now()), payment.attempts).await?;
        }
        Ok(())
    }
}

/// Whether a provider says that it took something else than what is booked as taken.
fn contradicts(payment: &Payment, told: &Told) -> Result<bool, Error> {
    let is_said = told.standing == Standing::Captured && payment.state.is_captured();
    let booked = payment.money(payment.captured_minor)?;
    Ok(is_said && told.size.is_some_and(|said| said != booked))
}
