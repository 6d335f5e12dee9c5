//! Operations that callers ask for: capture, void, acknowledge.

use contracts::payment as wire;
use kit::{Call, Fault, Opened, Written, id::PaymentId};
use tokio::{sync::oneshot, time::Instant};
use tracing::Instrument;

use super::Engine;
use crate::{
    domain::{Admission, Conclusion, Event, Operation, State, admit},
    error::Error,
    store::{Payment, payments},
};

/// What became of the first transaction.
enum Begun {
    /// Nothing is to be asked of the provider.
    Already(wire::Payment),
    /// The operation is recorded, and ours to carry out.
    Ours(Payment),
}

impl Engine {
    /// Carries out an operation, whether or not the caller waits for it, and answers with the payment.
    /// `reason` is what a void leaves as the payment's `failure_reason`.
    pub async fn carry_out(
        &self,
        call: &Call,
        id: PaymentId,
        operation: Operation,
        reason: &str,
    ) -> Result<Written<wire::Payment>, Error> {
        let scope = call.scope()?;
        let limit = Instant::now() + self.0.pace.busy;
        let (payment, guard) = loop {
            match self.begin(call, id, operation, reason).await {
                Err(Error::Busy) if Instant::now() < limit => {
                    self.wait_for(scope, id, limit, |payment| !payment.is_under_way()).await?;
                }
                Err(error) => return Err(error),
                Ok(Opened::Replayed(written)) => return Ok(written),
                Ok(Opened::Fresh { value: Begun::Already(message), .. }) => {
                    self.0.changed.notify_waiters();
                    return Ok(Written { message, replayed: false });
                }
                Ok(Opened::Fresh { value: Begun::Ours(payment), guard, .. }) => break (payment, guard),
            }
        };
        let (tell, told) = oneshot::channel();
        let (engine, call) = (self.clone(), call.detached());
        let work = async move {
            let done = engine.perform(&call, &payment, operation, false).await;
            drop(guard);
            if let Err(Err(error)) = tell.send(done) {
                tracing::debug!(%error, "nobody waited for the end of an operation");
            }
        };
        self.0.tasks.spawn(work.in_current_span());
        let payment = told.await.map_err(|_| Fault::internal("an operation did not end"))??;
        Ok(Written { message: self.render(&payment)?, replayed: false })
    }

    async fn begin(
        &self,
        call: &Call,
        id: PaymentId,
        operation: Operation,
        reason: &str,
    ) -> Result<Opened<Begun, wire::Payment>, Error> {
        let (engine, scope, reason) = (self.clone(), call.scope()?, reason.to_owned());
        kit::open(&self.0.db, call, move |tx, claim| {
            let (engine, reason) = (engine.clone(), reason.clone());
            async move {
                let before = payments::lock(&tx, scope, id).await?;
                let capabilities = engine.provider(&before)?.capabilities();
                let mut after = before.clone();
                let after = match admit(operation, before.state, before.is_under_way(), capabilities) {
                    Admission::Wait => return Err(Error::Busy),
                    Admission::Illegal => return Err(Error::Illegal(before.state)),
                    Admission::Unsupported => return Err(Error::Unsupported { provider: before.provider }),
                    Admission::Call => {
                        after.operation = Some(operation);
                        after.operation_reason = reason;
                        after.operation_claim = claim;
                        after.next_poll_time = Some(engine.lease(tx.now()));
                        after.attempts = 0;
                        return Ok(Begun::Ours(engine.change(&tx, &before, after, "").await?));
                    }
                    Admission::Already => before,
                    Admission::Directly => {
                        let conclusion = Conclusion::Event {
                            event: Event::Voided,
                            told: None,
                            failure_reason: String::new(),
                        };
                        after = engine.concluded(&tx, &before, Some(operation), conclusion)?;
                        after.failure_reason = reason;
                        let note = match before.state {
                            State::Pending => "",
                            _ => "made by hand: its provider cannot void",
                        };
                        engine.change(&tx, &before, after, note).await?
                    }
                };
                let answer = engine.render(&after)?;
                if let Some(claim) = claim {
                    tx.answer(&claim, &answer).await?;
                }
                Ok(Begun::Already(answer))
            }
        })
        .await
    }
}
