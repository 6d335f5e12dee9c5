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
    /// The provider need not be called.
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
                // One operation at a time: the second caller waits for the end of the first, which may be of another
                // process, and then decides anew. A capture that waited for a void finds the payment VOIDED.
                Err(Error::Busy) if Instant::now() < limit => {
                    self.wait_for(scope, id, limit, |payment| !payment.is_under_way()).await?;
                }
                Err(error) => return Err(error),
                Ok(Opened::Replayed(written)) => return Ok(written),
                Ok(Opened::Fresh { value: Begun::Already(message), .. }) => {
                    self.notify();
                    return Ok(Written { message, replayed: false });
                }
                Ok(Opened::Fresh { value: Begun::Ours(payment), guard, .. }) => break (payment, guard),
            }
        };
        let (sender, receiver) = oneshot::channel();
        let (engine, call) = (self.clone(), call.detached());
        // In a task of its own: a caller who leaves drops this future at any await, and the provider's answer with it.
        let work = async move {
            let done = engine.perform(&call, &payment, operation, false).await;
            // Held to here, so that a repeat under the same key is refused while its answer is not stored yet.
            drop(guard);
            if let Err(Err(error)) = sender.send(done) {
                tracing::debug!(%error, "nobody waited for the end of an operation");
            }
        };
        self.0.tasks.spawn(work.in_current_span());
        let payment = receiver.await.map_err(|_| Fault::internal("an operation did not end"))??;
        Ok(Written { message: self.render(&payment)?, replayed: false })
    }

    /// Records that an operation begins, before the provider hears of it: should this process die after that, the
    /// poller finds it when the lease ends.
    async fn begin(
        &self,
        call: &Call,
        id: PaymentId,
        operation: Operation,
        reason: &str,
    ) -> Result<Opened<Begun, wire::Payment>, Error> {
        let input = (self.clone(), call.scope()?, reason.to_owned());
        let begin = self.0.db.open(call, input, move |tx, input, claim| async move {
            let (engine, scope, reason) = &*input;
            // The row's lock decides between two callers: the second reads what the first has recorded.
            let before = payments::lock(&tx, *scope, id).await?;
            let capabilities = engine.provider(&before)?.capabilities();
            let mut after = before.clone();
            let after = match admit(operation, before.state, before.is_under_way(), capabilities) {
                Admission::Wait => return Err(Error::Busy),
                Admission::Illegal => return Err(Error::Illegal(before.state)),
                Admission::Unsupported => return Err(Error::Unsupported { provider: before.provider }),
                Admission::Call => {
                    after.operation = Some(operation);
                    after.operation_reason.clone_from(reason);
                    // Whoever records the outcome answers the caller's key with it, also in another process.
                    after.operation_claim = claim;
                    after.next_poll_time = Some(engine.lease(tx.now()));
                    after.attempts = 0;
                    return Ok(Begun::Ours(engine.change(&tx, &before, after, "").await?));
                }
                Admission::Already => before,
                Admission::Directly => {
                    let failure_reason = String::new();
                    let conclusion =
                        Conclusion::Event { event: Event::Voided, snapshot: None, failure_reason };
                    after = engine.concluded(&tx, &before, Some(operation), conclusion)?;
                    after.failure_reason.clone_from(reason);
                    let note = match before.state {
                        State::Pending => "",
                        _ => "made by hand: its provider cannot void",
                    };
                    engine.change(&tx, &before, after, note).await?
                }
            };
            let answer = engine.render(&after)?;
            if let Some(claim) = claim {
                tx.answer(&claim, &answer);
            }
            Ok(Begun::Already(answer))
        });
        begin.await
    }
}
