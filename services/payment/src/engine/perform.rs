//! One operation at a provider, and the record of what came of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kit::{Call, Fault, Scope, Tx};

use super::Engine;
use crate::{
    domain::{Operation, State, Verdict, conclude, verdict},
    error::Error,
    provider::{Failure, Outcome, Provider},
    store::{Payment, payments},
};

/// The pauses before an authorisation that certainly was not sent is tried again.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

impl Engine {
    /// Carries out the operation that is recorded on a payment, and records its outcome. `resumed`: somebody
    /// may have sent it before.
    pub(crate) async fn perform(
        &self,
        call: &Call,
        payment: &Payment,
        operation: Operation,
        resumed: bool,
    ) -> Result<Payment, Error> {
        let provider = self.provider(payment)?;
        let asked = Instant::now();
        let outcome = self.holding(payment, send(provider.as_ref(), payment, operation)).await?;
        self.0.waited.insert(payment.id, asked.elapsed());
        if let Err(failure) = &outcome {
            let problem = note(failure);
            tracing::info!(payment = %payment.id, ?operation, problem, "a provider did not do what it was asked to");
        }
        self.record(call, payment, operation, resumed, outcome).await
    }

    async fn record(
        &self,
        call: &Call,
        payment: &Payment,
        operation: Operation,
        resumed: bool,
        outcome: Outcome,
    ) -> Result<Payment, Error> {
        let (engine, id, version, outcome) = (self.clone(), payment.id, payment.version, Arc::new(outcome));
        let told = kit::transact::<_, Error, _, _>(&self.0.db, call, move |tx| {
            let (engine, outcome) = (engine.clone(), outcome.clone());
            async move {
                let before = payments::lock(&tx, Scope::All, id).await?;
                // Our lease ran out, and somebody else took over. A good answer is news even then, where nobody
                // knows more: not every provider can be asked.
                let late_news =
                    before.state == State::Unknown && before.operation == Some(operation) && outcome.is_ok();
                if before.version != version && !late_news {
                    let failed = before.is_under_way().then_some(Error::Busy);
                    return Ok((before, failed));
                }
                let conclusion = conclude(before.state, operation, resumed, &outcome);
                let after = engine.concluded(&tx, &before, Some(operation), conclusion)?;
                let failure = outcome.as_ref().as_ref().err();
                let after = engine.change(&tx, &before, after, failure.map_or("", note)).await?;
                let refusal = refusal(&after, verdict(operation, after.state, failure));
                if let Some(claim) = &before.operation_claim {
                    engine.tell(&tx, claim, &before, &after, refusal.as_ref()).await?;
                }
                Ok((after, refusal))
            }
        })
        .await;
        self.0.changed.notify_waiters();
        match told? {
            (payment, None) => Ok(payment),
            (_, Some(refusal)) => Err(refusal),
        }
    }

    /// Ends an idempotency claim. A refusal that left a trace is kept: trying the key again must not do more.
    async fn tell(
        &self,
        tx: &Tx,
        claim: &str,
        before: &Payment,
        after: &Payment,
        refusal: Option<&Error>,
    ) -> Result<(), Error> {
        match refusal {
            None => tx.answer(claim, &self.render(after)?).await?,
            Some(_) if before.state == after.state => tx.unclaim(claim).await?,
            Some(_) => tx.refuse(claim, &Fault::from(Error::Illegal(after.state))).await?,
        }
        Ok(())
    }
}

/// What a caller is told instead of the payment.
fn refusal(payment: &Payment, verdict: Verdict) -> Option<Error> {
    let provider = payment.provider.clone();
    match verdict {
        Verdict::Done => None,
        Verdict::Illegal => Some(Error::Illegal(payment.state)),
        Verdict::Refused { reason } => Some(Error::Refused { provider, reason }),
        Verdict::Unavailable => Some(Error::Unavailable { provider }),
    }
}

/// A failure in a word; without what a customer could act on.
pub fn note(failure: &Failure) -> &str {
    match failure {
        Failure::Refused { reason, .. } => reason,
        Failure::NotSent { problem } | Failure::Unknown { problem } => problem,
    }
}

/// Calls the provider, under the key of the payment and the step.
async fn send(provider: &dyn Provider, payment: &Payment, operation: Operation) -> Result<Outcome, Error> {
    let charge = payment.charge()?;
    let key = |step: &str| format!("{}:{step}", payment.id);
    Ok(match operation {
        Operation::Capture => provider.capture(&key("capture"), &charge).await,
        Operation::Void => provider.void(&key("void"), &charge).await,
        Operation::Acknowledge => provider.acknowledge(&key("acknowledge"), &charge).await,
        Operation::Authorize => {
            let key = key("authorize");
            let mut outcome = provider.authorize(&key, &charge).await;
            for pause in AGAIN {
                if !matches!(outcome, Err(Failure::NotSent { .. })) {
                    break;
                }
                tokio::time::sleep(pause).await;
                outcome = provider.authorize(&key, &charge).await;
            }
            outcome
        }
    })
}
