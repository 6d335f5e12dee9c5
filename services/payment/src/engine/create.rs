//! New payments.

use contracts::payment as wire;
use kit::{Call, Scope};
use tokio::{
    sync::oneshot,
    time::{Duration, Instant},
};
use tracing::Instrument;

use super::Engine;
use crate::{
    domain::{Event, Operation, State},
    error::Error,
    store::{Payment, journal, payments},
};

/// What is kept of the caller's time to write the answer.
const MARGIN: Duration = Duration::from_millis(300);

impl Engine {
    /// Records a payment, has its provider authorise it, or take its money, and answers with the payment once the
    /// provider has answered, or as it is when the caller should not wait any longer. The same payment again is
    /// answered with how it is by then.
    pub async fn create(&self, call: &Call, payment: Payment) -> Result<wire::Payment, Error> {
        let left = call.time_left().map_or(self.0.pace.answer_within, |left| left.saturating_sub(MARGIN));
        let limit = Instant::now() + left.min(self.0.pace.answer_within);
        let known = |payment: &Payment| !payment.is_under_way() && payment.state != State::Unknown;
        let (recorded, is_new) = self.record_new(call, payment).await?;
        if is_new {
            let (sender, done) = oneshot::channel();
            let (engine, call, id) = (self.clone(), call.detached(), recorded.id);
            // In a task of its own: a caller who leaves drops this future at any await, and the provider's answer
            // with it.
            let work = async move {
                let done = engine.perform(&call, &recorded, Operation::Authorize, false).await;
                if let Err(error) = &done {
                    tracing::warn!(payment = %id, %error, "what came of a payment is not recorded; the poller goes on");
                }
                let _ = sender.send(done);
            };
            self.0.tasks.spawn(work.in_current_span());
            // What this process has just recorded need not be read.
            if let Ok(Ok(Ok(payment))) = tokio::time::timeout_at(limit, done).await
                && known(&payment)
            {
                return self.render(&payment);
            }
            return self.render(&self.wait_for(Scope::All, id, limit, known).await?);
        }
        if known(&recorded) {
            return self.render(&recorded);
        }
        self.render(&self.wait_for(Scope::All, recorded.id, limit, known).await?)
    }

    /// Inserts a payment whose provider is about to be called, under this process's lease; answers with the one that
    /// is there, if it is the same, and whether it is new. The id, which the caller stored before it called, is the
    /// primary key: of two calls for the same payment, from a caller that died and was resumed, one inserts, and
    /// calls the provider. Should this process die after that, the poller finds the payment when the lease ends, and
    /// sends the same operation again.
    async fn record_new(&self, call: &Call, payment: Payment) -> Result<(Payment, bool), Error> {
        let record = self.0.db.transact(call, (self.clone(), payment), |tx, input| async move {
            let (engine, new) = &*input;
            let mut payment = engine.begun(new.clone(), engine.lease(tx.now()))?;
            payment.last_sequence += 1;
            payment.create_time = tx.now();
            payment.update_time = tx.now();
            if !payments::insert(&tx, payment.clone()).await? {
                let found = payments::get(&*tx, Scope::All, payment.id).await?;
                return if same(&found, &payment) { Ok((found, false)) } else { Err(Error::Taken) };
            }
            journal::begin(&tx, &payment).await?;
            engine.publish(&tx, &payment)?;
            Ok((payment, true))
        });
        record.await
    }

    /// A payment that is about to be authorised.
    pub fn begun(&self, mut payment: Payment, until: kit::Time) -> Result<Payment, Error> {
        payment.state = payment.state.next(Event::Begun).map_err(kit::Fault::internal)?;
        payment.operation = Some(Operation::Authorize);
        payment.next_poll_time = Some(until);
        Ok(payment)
    }
}

/// Whether a payment that is there is the one that is to be made.
fn same(found: &Payment, new: &Payment) -> bool {
    let key = |payment: &Payment| {
        let Payment { order_id, user_id, amount_minor, payment_type, .. } = *payment;
        let (minor, currency) = (payment.asked_minor, payment.asked_currency.as_ref());
        let currency = currency.unwrap_or(&payment.currency).clone();
        (order_id, user_id, minor.unwrap_or(amount_minor), payment_type, currency)
    };
    key(found) == key(new)
}
