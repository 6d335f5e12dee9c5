//! One operation at a provider, and the record of what came of it.

use std::time::{Duration, Instant};

use kit::{Call, Fault, Scope, Tx};

use super::{
    Engine,
    failpoints::{self, Place},
};
use crate::{
    domain::{Failure, Operation, Outcome, State, Verdict, conclude, verdict},
    error::Error,
    provider::Provider,
    store::{Payment, payments},
};

/// The pauses before an authorisation that certainly was not sent is tried again: a provider that restarts costs no
/// customer a decline.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

impl Engine {
    /// Carries out the operation that is recorded on a payment, and records its outcome. `resumed`: somebody
    /// may have sent it before.
    pub async fn perform(
        &self,
        call: &Call,
        payment: &Payment,
        operation: Operation,
        resumed: bool,
    ) -> Result<Payment, Error> {
        let provider = self.provider(payment)?;
        let asked = Instant::now();
        let lost = failpoints::reach(operation.into(), Place::Before, payment.id).await?;
        let outcome = match lost {
            None => self.holding(payment, send(provider.as_ref(), payment, operation)).await?,
            Some(failure) => Err(failure),
        };
        let lost = failpoints::reach(operation.into(), Place::Answered, payment.id).await?;
        let outcome = lost.map_or(outcome, Err);
        self.0.waited.insert(payment.id, asked.elapsed());
        if let Err(failure) = &outcome {
            let problem = note(failure);
            tracing::info!(payment = %payment.id, ?operation, problem, "a provider did not do what it was asked to");
        }
        let recorded = self.record(call, payment, operation, resumed, outcome).await?;
        failpoints::reach(operation.into(), Place::Recorded, payment.id).await?;
        Ok(recorded)
    }

    /// Records what an operation came to, and answers its caller's key.
    async fn record(
        &self,
        call: &Call,
        payment: &Payment,
        operation: Operation,
        resumed: bool,
        outcome: Outcome,
    ) -> Result<Payment, Error> {
        let (id, version) = (payment.id, payment.version);
        let input = (self.clone(), payment.clone(), outcome);
        let record = self.0.db.transact(call, input, move |tx, input| async move {
            let (engine, begun, outcome) = &*input;
            // Nearly always the payment is as this operation left it. The version is the fencing number, and stands in
            // the UPDATE, which is the first statement: it waits for whoever has the row, and then fits or does not.
            match engine.end(&tx, begun.clone(), operation, resumed, outcome).await {
                Err(Error::Changed) => {}
                ended => return ended,
            }
            let before = payments::lock(&tx, Scope::All, id).await?;
            // At another version our lease ran out and somebody else took over, and what they record decides. A good
            // answer counts even then, while they still know nothing (UNKNOWN): not every provider can be queried for
            // it later.
            let first_to_know =
                before.state == State::Unknown && before.operation == Some(operation) && outcome.is_ok();
            if before.version != version && !first_to_know {
                let failed = before.is_under_way().then_some(Error::Busy);
                return Ok((before, failed));
            }
            engine.end(&tx, before, operation, resumed, outcome).await
        });
        let recorded = record.await;
        self.notify();
        match recorded? {
            (payment, None) => Ok(payment),
            (_, Some(refusal)) => Err(refusal),
        }
    }

    /// Writes what an operation came to, and what its caller is answered with.
    async fn end(
        &self,
        tx: &Tx,
        before: Payment,
        operation: Operation,
        resumed: bool,
        outcome: &Outcome,
    ) -> Result<(Payment, Option<Error>), Error> {
        let conclusion = conclude(before.state, operation, resumed, outcome);
        let after = self.concluded(tx, &before, Some(operation), conclusion)?;
        let failure = outcome.as_ref().err();
        let after = self.change(tx, &before, after, failure.map_or("", note)).await?;
        let refusal = refusal(&after, verdict(operation, after.state, failure));
        // In the same transaction: no repeat of the call finds the payment changed and its key without an answer.
        if let Some(claim) = &before.operation_claim {
            self.settle_claim(tx, claim, &before, &after, refusal.as_ref()).await?;
        }
        Ok((after, refusal))
    }

    /// Ends an idempotency claim. A refusal that left a trace is kept: trying the key again must not do more.
    async fn settle_claim(
        &self,
        tx: &Tx,
        claim: &str,
        before: &Payment,
        after: &Payment,
        refusal: Option<&Error>,
    ) -> Result<(), Error> {
        match refusal {
            None => tx.answer(claim, &self.render(after)?),
            Some(_) if before.state == after.state => tx.unclaim(claim).await?,
            Some(_) => tx.refuse(claim, &Fault::from(Error::Illegal(after.state))).await?,
        }
        Ok(())
    }
}

/// What a caller gets instead of the payment.
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

/// Calls the provider, under a key made of the payment and the step: whoever sends the same step again, in whatever
/// process, sends the same operation.
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
