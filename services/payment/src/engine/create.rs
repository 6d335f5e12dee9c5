//! New payments.

use contracts::payment as wire;
use kit::{Call, Fault, Scope, id::PaymentId};
use tokio::{
    sync::oneshot,
    time::{Duration, Instant},
};
use tracing::Instrument;

use super::{Engine, figures};
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
        let id = payment.id;
        let (tell, recorded) = oneshot::channel();
        let (answer, done) = oneshot::channel();
        let (engine, call) = (self.clone(), call.detached());
        // In a task of its own: a caller who leaves drops this future at any await. What was recorded is sent all the
        // same, and the provider's answer is recorded.
        let work = async move {
            let (payment, is_ours) = match engine.record_new(&call, payment).await {
                Ok((payment, is_ours)) => {
                    let _ = tell.send(Ok(payment.clone()));
                    (payment, is_ours)
                }
                Err(error) => return drop(tell.send(Err(error))),
            };
            let performed = match is_ours {
                true => engine.perform(&call, &payment, Operation::Authorize, false).await.map(Some),
                false if payment.state == State::Pending => engine.begin_pending(&call, id).await,
                false => Ok(None),
            };
            match performed {
                Ok(Some(payment)) => drop(answer.send(payment)),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(payment = %id, %error, "what came of a payment is not recorded; the poller goes on");
                }
            }
        };
        self.0.tasks.spawn(work.in_current_span());
        let recorded = recorded.await.map_err(|_| Fault::internal("a payment was not recorded"))??;
        let known = |payment: &Payment| !payment.is_under_way() && payment.state != State::Unknown;
        if known(&recorded) {
            return self.render(&recorded);
        }
        // What this process has recorded itself need not be read.
        match tokio::time::timeout_at(limit, done).await {
            Ok(Ok(payment)) if known(&payment) => self.render(&payment),
            _ => self.render(&self.wait_for(Scope::All, id, limit, known).await?),
        }
    }

    /// Inserts a payment; answers with the one that is there, if it is the same, and whether its provider is to be
    /// called by whoever inserted it. The id, which the caller stored before it called, is the primary key: of two calls
    /// for the same payment, from a caller that died and was resumed, one inserts.
    ///
    /// It is begun by the same transaction, under this process's lease. Should the process die after that, the poller
    /// finds it when the lease ends, and sends the same operation again. Where the provider knows no keys, that cannot be
    /// sent which may have been sent: there a payment is begun by a transaction of its own, right before it is sent.
    async fn record_new(&self, call: &Call, payment: Payment) -> Result<(Payment, bool), Error> {
        let record = self.0.db.transact(call, (self.clone(), payment), |tx, input| async move {
            let (engine, new) = &*input;
            let until = engine.lease(tx.now());
            let at_once = engine.provider(new)?.capabilities().idempotent;
            let mut payment = if at_once { engine.begun(new.clone(), until)? } else { new.clone() };
            payment.next_poll_time = Some(until);
            payment.last_sequence += i32::from(at_once);
            payment.create_time = tx.now();
            payment.update_time = tx.now();
            if !payments::insert(&tx, payment.clone()).await? {
                let found = payments::get(&*tx, Scope::All, payment.id).await?;
                return if same(&found, &payment) { Ok((found, false)) } else { Err(Error::Taken) };
            }
            figures::changed(&tx, None, &payment);
            if at_once {
                journal::begin(&tx, &payment).await?;
            } else {
                journal::note(&tx, &payment, "").await?;
            }
            engine.publish(&tx, &payment, None)?;
            Ok((payment, at_once))
        });
        record.await
    }

    /// Has the provider of a PENDING payment authorise it. A repeat of the call and the poller may do the same at once:
    /// whoever locks the row first makes it PROCESSING, and the others find that.
    async fn begin_pending(&self, call: &Call, id: PaymentId) -> Result<Option<Payment>, Error> {
        let begin = self.0.db.transact(call, self.clone(), move |tx, engine| async move {
            let before = payments::lock(&tx, Scope::All, id).await?;
            if before.state != State::Pending {
                return Ok(None);
            }
            let after = engine.begun(before.clone(), engine.lease(tx.now()))?;
            Ok(Some(engine.change(&tx, &before, after, "").await?))
        });
        match begin.await? {
            Some(payment) => self.perform(call, &payment, Operation::Authorize, false).await.map(Some),
            None => Ok(None),
        }
    }

    /// A payment that is about to be authorised.
    pub fn begun(&self, mut payment: Payment, until: kit::Time) -> Result<Payment, Error> {
        payment.state = payment.state.next(Event::Begun).map_err(Fault::internal)?;
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
