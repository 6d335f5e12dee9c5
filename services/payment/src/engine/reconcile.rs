//! Asking providers: what became of an answer that was lost, and of a payment that waits.

use kit::Scope;

use super::{Engine, lease::background, perform::note};
use crate::{
    domain::{Conclusion, Event, Operation, State, learn, next},
    error::Error,
    provider::{Standing, Told},
    store::{Payment, payments},
};

impl Engine {
    /// Asks how a payment stands and records what is new. Its next turn is set already.
    pub(crate) async fn ask(&self, payment: &Payment) -> Result<(), Error> {
        let provider = self.provider(payment)?;
        match provider.ask(&payment.charge()?).await {
            Ok(Some(told)) => self.learned(payment, told).await,
            // It never arrived, or has yet to: sent again under its key it is the same operation.
            Ok(None) if self.may_send_again(payment) => self.send_again(payment).await,
            Ok(None) => {
                tracing::warn!(payment = %payment.id, provider = provider.name(), "the provider does not know a payment");
                Ok(())
            }
            Err(failure) => {
                let problem = note(&failure);
                tracing::debug!(payment = %payment.id, problem, "the provider did not say how a payment stands");
                Ok(())
            }
        }
    }

    fn may_send_again(&self, payment: &Payment) -> bool {
        payment.state == State::Unknown
            && payment.operation == Some(Operation::Authorize)
            && self.provider(payment).is_ok_and(|provider| provider.capabilities().idempotent)
    }

    async fn learned(&self, payment: &Payment, told: Told) -> Result<(), Error> {
        let conclusion = learn(told);
        let Conclusion::Event { event, told: Some(told), .. } = &conclusion else { return Ok(()) };
        if let (State::Processing, Event::Waits) = (payment.state, event)
            && payment.action == action(told)
        {
            return Ok(());
        }
        if let Err(illegal) = next(payment.state, *event) {
            tracing::warn!(payment = %payment.id, %illegal, "the provider contradicts itself");
            return Ok(());
        }
        let (engine, id, version) = (self.clone(), payment.id, payment.version);
        let done = kit::transact::<_, Error, _, _>(&self.0.db, &background("ask"), move |tx| {
            let (engine, conclusion) = (engine.clone(), conclusion.clone());
            async move {
                let before = payments::lock(&tx, Scope::All, id).await?;
                if before.version == version {
                    let after = engine.concluded(&tx, &before, None, conclusion)?;
                    engine.change(&tx, &before, after, "").await?;
                }
                Ok(())
            }
        })
        .await;
        self.0.changed.notify_waiters();
        done
    }

    async fn send_again(&self, payment: &Payment) -> Result<(), Error> {
        let (engine, id, version) = (self.clone(), payment.id, payment.version);
        let call = background("resume");
        let ours = kit::transact::<_, Error, _, _>(&self.0.db, &call, move |tx| {
            let engine = engine.clone();
            async move {
                let before = payments::lock(&tx, Scope::All, id).await?;
                if before.version != version {
                    return Ok(None);
                }
                let mut after = before.clone();
                after.next_poll_time = Some(engine.lease(tx.now()));
                Ok(Some(engine.change(&tx, &before, after, "").await?))
            }
        })
        .await?;
        if let Some(payment) = ours {
            self.perform(&call, &payment, Operation::Authorize, true).await?;
        }
        Ok(())
    }
}

fn action(told: &Told) -> &str {
    match &told.standing {
        Standing::Waiting { action } => action,
        _ => "",
    }
}
