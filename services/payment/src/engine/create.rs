//! New payments.

use contracts::payment as wire;
use kit::{Call, Scope, id::PaymentId};
use tokio::time::{Duration, Instant};
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
    /// Records a payment, has its provider authorise it, and answers with the payment once the provider has answered,
    /// or as it is when the caller should not wait any longer. The same payment again is answered with how it is by
    /// then.
    pub async fn create(&self, call: &Call, payment: Payment) -> Result<wire::Payment, Error> {
        let id = payment.id;
        let recorded = self.record_new(call, payment).await?;
        if recorded.state == State::Pending {
            let (engine, call) = (self.clone(), call.detached());
            let drive = async move {
                if let Err(error) = engine.drive(&call, id).await {
                    tracing::warn!(payment = %id, %error, "a payment was not begun; the poller takes it up");
                }
            };
            self.0.tasks.spawn(drive.in_current_span());
        }
        let left = call.time_left().map_or(self.0.pace.answer_within, |left| left.saturating_sub(MARGIN));
        let limit = Instant::now() + left.min(self.0.pace.answer_within);
        let known = |payment: &Payment| !payment.is_under_way() && payment.state != State::Unknown;
        self.render(&self.wait_for(Scope::All, id, limit, known).await?)
    }

    /// Inserts a payment; answers with the one that is there, if it is the same. The id, which the caller stored before
    /// it called, is the primary key: of two calls for the same payment, from a caller that died and was resumed, one
    /// inserts.
    async fn record_new(&self, call: &Call, payment: Payment) -> Result<Payment, Error> {
        let record = self.0.db.transact(call, (self.clone(), payment), |tx, input| async move {
            let (engine, new) = &*input;
            let mut payment = new.clone();
            payment.create_time = tx.now();
            payment.update_time = tx.now();
            // Should nobody begin it, because this process dies, the poller does.
            payment.next_poll_time = Some(tx.now() + engine.0.pace.orphaned);
            if !payments::insert(&tx, payment.clone()).await? {
                let found = payments::get(&*tx, Scope::All, payment.id).await?;
                return if same(&found, &payment) { Ok(found) } else { Err(Error::Taken) };
            }
            journal::note(&tx, &payment, "").await?;
            engine.publish(&tx, &payment).await?;
            Ok(payment)
        });
        record.await
    }

    /// Has the provider of a PENDING payment authorise it. A repeat of the call and the poller may do the same at once:
    /// whoever locks the row first makes it PROCESSING, and the others find that.
    async fn drive(&self, call: &Call, id: PaymentId) -> Result<(), Error> {
        let begin = self.0.db.transact(call, self.clone(), move |tx, engine| async move {
            let before = payments::lock(&tx, Scope::All, id).await?;
            if before.state != State::Pending {
                return Ok(None);
            }
            let after = engine.begun(before.clone(), engine.lease(tx.now()))?;
            Ok(Some(engine.change(&tx, &before, after, "").await?))
        });
        if let Some(payment) = begin.await? {
            self.perform(call, &payment, Operation::Authorize, false).await?;
        }
        Ok(())
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
