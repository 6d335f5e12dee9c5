//! The steps of a checkout that goes well, and how each of them fails.

use contracts::payment::CreatePaymentRequest;
use kit::{Fault, Money, Reason};
use tokio::time::{Duration, Instant};

use super::{
    CALL, Checkout, ClaimEnd, LEASE, Outcome, RESERVATION_MARGIN, Settled,
    failpoints::{Asked, Place},
    plan_payment, settle,
    update::{pay_until, payment_of},
};
use crate::{
    domain::{Event, Payment, notes, pricing::fee_in, totals},
    error::Error,
    remote::{Answer, is_passing},
    store::{self, View},
};

/// How much of a call's time its answer leaves to others.
fn waited<T>(answer: &Answer<(T, Option<Duration>)>, asked: Instant) -> Duration {
    let all = asked.elapsed();
    match answer {
        Ok((_, Some(waited))) => all.min(*waited),
        _ => all,
    }
}

impl Checkout {
    /// CHECKING_OUT: sets the stock aside, and goes on to pay. Nothing is stored in between: both are known by ids that
    /// were stored before, so whoever resumes here asks for the same once more.
    pub(super) async fn reserve(&mut self, view: View) -> Result<Outcome, Error> {
        let window = self.orders.options.payment_window;
        let until = view.order.expire_time.unwrap_or_else(|| self.orders.clock().now() + window);
        // It outlives the order's own window, so that the article service never ends it while this service may still
        // commit it: an order that expires releases it itself.
        let until = until + RESERVATION_MARGIN;
        let call = self.call.within(CALL);
        self.reserve_calls += 1;
        self.ask(Asked::Reserve).await?;
        let answer = self.orders.remote.reserve(&call, &view.order, &view.lines, until).await;
        self.at(Place::Answered).await?;
        match answer {
            Ok(()) if view.order.payment_id.is_some() => {
                self.has_reserved = true;
                self.pay(view).await
            }
            Ok(()) if total(&view)?.minor == 0 => {
                self.has_reserved = true;
                self.commit(view, None).await
            }
            // Begun by a version of this service that stores the payment only now.
            Ok(()) => {
                let input = (total(&view)?, window);
                let reserved = self.fenced(view, input, |tx, mut record, input| async move {
                    let (total, window) = *input;
                    let payment_id = plan_payment(&tx, record.order.id, total);
                    record.set_aside(pay_until(&record, tx.now() + window))?;
                    record.pay_by(payment_id, tx.now() + window);
                    record.order.lease_until = tx.now() + LEASE;
                    record.save().await
                });
                Ok(Outcome::Next(reserved.await?))
            }
            // No answer: the stock may be reserved all the same. The step is repeated under the same order and
            // attempt, for which there is one reservation at most.
            Err(fault) if is_passing(&fault) => Ok(Outcome::Retry(view, fault)),
            Err(fault) => self.refuse(view, fault).await,
        }
    }

    /// Puts a refused basket back; gives up an order that was placed in one call.
    async fn refuse(&self, view: View, fault: Fault) -> Result<Outcome, Error> {
        let (id, direct) = (view.order.id, view.order.direct);
        let fault = if direct { fault.with_all("order_id", id) } else { fault };
        // A driver before this one may have gone further, or still be on its way without knowing that it lost its lease;
        // so may a call of this one that got no answer. Then what they ask for has to be compensated, whenever it
        // comes. A first driver that was refused at once knows that nothing else was asked.
        let uncertain = !self.is_first || self.reserve_calls > 1;
        // An order placed in one call stays behind as CANCELLED, so its key keeps the refusal: a repeat must not make
        // another order. A basket is as it was, so its key is free for the next try.
        let refused = self.fenced(view, fault.clone(), move |tx, mut record, fault| async move {
            if uncertain {
                store::mark_reservation(&tx, id, record.order.attempt).await?;
            }
            match record.order.payment_id {
                Some(payment_id) if uncertain => store::mark_payment(&tx, payment_id).await?,
                Some(payment_id) => store::forget_payment(&tx, payment_id).await?,
                None => {}
            }
            record.await_payment(None);
            let end = if direct {
                record.apply(Event::Reject, &notes::refused(&fault, true))?;
                ClaimEnd::Refuse((*fault).clone())
            } else {
                record.apply(Event::Refuse, &notes::refused(&fault, false))?;
                record.return_to_basket();
                ClaimEnd::Release
            };
            settle(&tx, record, end).await
        });
        refused.await?;
        Ok(Outcome::Settled(Settled::Refused(fault)))
    }

    /// The stock is set aside: has the payment made that is stored.
    pub(super) async fn pay(&mut self, view: View) -> Result<Outcome, Error> {
        if self.is_late() {
            return Ok(Outcome::late(view));
        }
        let payment_id = payment_of(&view)?;
        let total = total(&view)?;
        let fee = fee_in(&view.adjustments).unwrap_or(Money::zero(total.currency));
        let request = CreatePaymentRequest {
            // Stored by the commit before: whoever repeats this step asks for the same payment.
            id: payment_id.to_string(),
            order_id: view.order.id.to_string(),
            user_id: view.order.user_id.to_string(),
            amount: Some(total.into()),
            fee: Some(fee.into()),
            payment_type: view.order.payment_type,
            payment_method: view.order.payment_method.clone(),
            // The stock is set aside: nothing else has to happen before the money may be taken.
            capture: true,
        };
        self.ask(Asked::Pay).await?;
        let asked = Instant::now();
        let answer = self.orders.remote.pay(&self.call.within(CALL), request).await;
        self.at(Place::Answered).await?;
        self.elsewhere += waited(&answer, asked);
        match answer {
            Ok((payment, _)) => self.follow_payment(view, payment).await,
            Err(fault) if is_passing(&fault) => Ok(Outcome::Retry(view, fault)),
            Err(fault) => self.not_made(view, fault).await,
        }
    }

    /// The payment service refused to make the payment at all: as good as declined.
    async fn not_made(&self, view: View, fault: Fault) -> Result<Outcome, Error> {
        let input = (fault, self.orders.options.payment_window);
        let failed = self.fenced(view, input, |tx, mut record, input| async move {
            let (fault, window) = &*input;
            record.set_aside(pay_until(&record, tx.now() + *window))?;
            fault.reason_name().clone_into(&mut record.order.payment_failure);
            record.note(notes::NOT_MADE);
            settle(&tx, record, ClaimEnd::Answer).await
        });
        Ok(Outcome::settled(failed.await?))
    }

    /// AWAITING_PAYMENT: takes the money that is authorised.
    pub(super) async fn capture(&mut self, view: View) -> Result<Outcome, Error> {
        if self.is_late() {
            return Ok(Outcome::late(view));
        }
        let payment_id = payment_of(&view)?;
        self.ask(Asked::Capture).await?;
        let asked = Instant::now();
        let answer = self.orders.remote.capture(&self.call.within(CALL), payment_id).await;
        self.at(Place::Answered).await?;
        self.elsewhere += waited(&answer, asked);
        match answer {
            Ok((payment, _)) => self.follow_payment(view, payment).await,
            Err(fault) if is_passing(&fault) => Ok(Outcome::Retry(view, fault)),
            // Captured already, by this step's earlier try or at the provider; or voided or expired meanwhile. Its
            // state decides, not this refusal.
            Err(fault) if fault.reason == Reason::IllegalState => self.read_payment(view, payment_id).await,
            Err(fault) => Err(fault.into()),
        }
    }

    /// It is captured, or there is nothing to pay: the reserved stock is sold, and the order is paid. `payment`: the
    /// answer that says so, where that is not stored yet.
    pub(super) async fn commit(&mut self, view: View, payment: Option<Payment>) -> Result<Outcome, Error> {
        if self.is_late() {
            return Ok(Outcome::late(view));
        }
        let id = view.order.id;
        self.ask(Asked::Commit).await?;
        let answer = self.orders.remote.commit(&self.call.within(CALL), &view.order).await;
        self.at(Place::Answered).await?;
        let refused = match answer {
            Ok(()) => None,
            Err(fault) if is_passing(&fault) => return Ok(Outcome::Retry(view, fault)),
            // The reservation had ended (this service was away for longer than RESERVATION_MARGIN) and others have
            // bought the stock since. The money is taken, so the order is cancelled and the money goes back.
            Err(fault) => Some(fault.message),
        };
        let is_gone = refused.is_some();
        let answered = payment.as_ref().map(|payment| (payment.id, payment.update_time));
        let input = (refused, payment, self.orders.options.payment_window);
        let committed = self.fenced(view, input, move |tx, mut record, input| async move {
            let (refused, payment, window) = &*input;
            record.set_aside(pay_until(&record, tx.now() + *window))?;
            if let Some(payment) = payment {
                record.record_answer(payment).await?;
            }
            match refused {
                None if record.order.payment_id.is_none() => {
                    record.apply(Event::Pay, notes::NOTHING_TO_PAY)?;
                }
                None => record.apply(Event::Pay, notes::PAID)?,
                Some(problem) => {
                    tracing::warn!(order = %id, problem, "checkout.stock_gone_after_capture");
                    record.apply(Event::Cancel, notes::SOLD_MEANWHILE)?;
                    // In the commit that cancels: no order ends with money or stock that nobody knows to give back.
                    store::mark_all(&tx, id).await?;
                }
            }
            record.order.payment_failure.clear();
            record.order.payment_action_url.clear();
            settle(&tx, record, ClaimEnd::Answer).await
        });
        let view = committed.await?;
        if let Some((id, update_time)) = answered {
            self.orders.driven.stored(id, update_time);
        }
        if is_gone {
            self.orders.compensate(&self.call, id).await;
        }
        Ok(Outcome::settled(view))
    }
}

/// What an order that is being checked out comes to.
fn total(view: &View) -> Result<Money, Error> {
    Ok(totals(&view.lines, &view.adjustments)?.ok_or(Error::Empty)?.total)
}
