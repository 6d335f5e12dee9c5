//! Webhooks: what a provider tells of its own accord goes through the same transitions as what it answers.

use kit::{Scope, Tx, id::RefundId};

use super::{Engine, lease::background, refund::End};
use crate::{
    domain::{Hearing, RefundState, State, hear, learn},
    error::Error,
    provider::{News, ProviderEvent, Told},
    store::{Payment, payments, provider_event, refunds},
};

impl Engine {
    /// Takes an event of a provider, once. Fails where its payment is not known; the provider will try again
    /// for a while.
    pub async fn hear(&self, provider: &'static str, event: ProviderEvent) -> Result<(), Error> {
        let engine = self.clone();
        let heard = kit::transact::<_, Error, _, _>(&self.0.db, &background("webhook"), move |tx| {
            let (engine, event) = (engine.clone(), event.clone());
            async move {
                let before = payments::lock(&tx, Scope::All, event.payment).await?;
                if before.provider != provider {
                    return Err(Error::NotFound);
                }
                if !provider_event::note(&tx, provider, &event.id, before.id).await? {
                    return Ok(());
                }
                match event.news {
                    News::Charge(told) => engine.hear_charge(&tx, before, told).await,
                    News::Refund { id, outcome } => engine.hear_refund(&tx, before, id, outcome).await,
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
        if !ours.is_empty() && *ours != told.reference {
            tracing::warn!(payment = %before.id, reference = told.reference, "an event is about another charge");
            return self.ask_soon(tx, &before).await;
        }
        match hear(before.state, before.operation, &told.standing) {
            Hearing::Believe => {
                let after = self.concluded(tx, &before, None, learn(told))?;
                self.change(tx, &before, after, "told by the provider").await.map(|_| ())
            }
            Hearing::Ask => self.ask_soon(tx, &before).await,
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
        outcome: Result<(), String>,
    ) -> Result<(), Error> {
        let refund = refunds::lock(tx, id).await?;
        if refund.payment_id != before.id {
            return Err(Error::NotFound);
        }
        match (refund.state, outcome) {
            (RefundState::Pending, Ok(())) => {
                self.end_refund(tx, &before, refund, End::GivenBack).await?;
            }
            (RefundState::Pending, Err(reason)) => {
                self.end_refund(tx, &before, refund, End::Refused(reason)).await?;
            }
            // A bank may refuse what was under way to it.
            (RefundState::Succeeded, Err(reason)) => self.come_back(tx, &before, refund, reason).await?,
            (RefundState::Succeeded, Ok(())) | (RefundState::Failed, Err(_)) => {}
            (RefundState::Failed, Ok(())) => {
                tracing::warn!(refund = %id, "the provider contradicts itself about a refund");
            }
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
