//! Reconciliation: what a provider says of a charge, after an answer was lost and while a payment waits.

use kit::Scope;

use super::{Engine, background, note};
use crate::{
    domain::{ChargeSnapshot, ChargeStatus, Conclusion, Event, Operation, State, interpret},
    error::Error,
    store::{Payment, payments},
};

impl Engine {
    /// Queries a charge and records what is new. The poller has set the next turn of its payment already.
    pub async fn reconcile(&self, payment: &Payment) -> Result<(), Error> {
        let provider = self.provider(payment)?;
        match provider.query(&payment.charge()?).await {
            Ok(Some(snapshot)) => self.apply_snapshot(payment, snapshot).await,
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

    async fn apply_snapshot(&self, payment: &Payment, snapshot: ChargeSnapshot) -> Result<(), Error> {
        let conclusion = interpret(snapshot);
        let Conclusion::Event { event, snapshot: Some(snapshot), .. } = &conclusion else { return Ok(()) };
        if let (State::Processing, Event::Waiting) = (payment.state, event)
            && payment.action == action(snapshot)
        {
            return Ok(());
        }
        if let Err(illegal) = payment.state.next(*event) {
            tracing::warn!(payment = %payment.id, %illegal, "the provider contradicts itself");
            return Ok(());
        }
        let (id, version, call) = (payment.id, payment.version, background("ask"));
        let record = self.0.db.transact(&call, (self.clone(), conclusion), move |tx, input| async move {
            let (engine, conclusion) = &*input;
            let before = payments::lock(&tx, Scope::All, id).await?;
            // A webhook or an operation came in between: the answer may be older than that, and counts for nothing.
            if before.version == version {
                let after = engine.concluded(&tx, &before, None, conclusion.clone())?;
                engine.change(&tx, &before, after, "").await?;
            }
            Ok(())
        });
        let recorded = record.await;
        self.notify();
        recorded
    }

    /// Sends an authorisation again whose answer was lost and of which the provider does not know. Of two replicas that
    /// found so, one takes the lease; the other finds another version.
    async fn send_again(&self, payment: &Payment) -> Result<(), Error> {
        let (id, version, call) = (payment.id, payment.version, background("resume"));
        let take = self.0.db.transact(&call, self.clone(), move |tx, engine| async move {
            let before = payments::lock(&tx, Scope::All, id).await?;
            if before.version != version {
                return Ok(None);
            }
            let mut after = before.clone();
            after.next_poll_time = Some(engine.lease(tx.now()));
            Ok(Some(engine.change(&tx, &before, after, "").await?))
        });
        if let Some(payment) = take.await? {
            self.perform(&call, &payment, Operation::Authorize, true).await?;
        }
        Ok(())
    }
}

fn action(snapshot: &ChargeSnapshot) -> &str {
    match &snapshot.status {
        ChargeStatus::Waiting { action } => action,
        _ => "",
    }
}
