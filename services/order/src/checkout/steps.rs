//! The steps of a checkout.

use contracts::{
    order::AdjustmentType,
    payment::{CreatePaymentRequest, Payment, PaymentState},
};
use kit::{
    Call, Fault, Money, Reason, Time, Tx,
    id::{Id, PaymentId},
};
use tokio::time::{Duration, Instant};
use tonic::Code;

use super::{After, CALL, LEASE, RESERVATION_MARGIN, Rest, Saga, Settle, rest};
use crate::{
    domain::{
        Event, State, Step, notes,
        saga::{CAPTURED_AFTER_VOID, Follow, follow_payment, spoilt},
        totals,
    },
    error::Error,
    remote::{Answer, is_passing},
    store::{self, Record, View},
};

/// How much of a call's time its answer leaves to others.
fn waited<T>(answer: &Answer<(T, Option<Duration>)>, asked: Instant) -> Duration {
    let all = asked.elapsed();
    match answer {
        Ok((_, Some(waited))) => all.min(*waited),
        _ => all,
    }
}

impl Saga {
    /// CHECKING_OUT: sets the stock aside; then the payment is written down.
    pub(super) async fn reserve(&self, call: &Call, view: View) -> Result<After, Error> {
        let until =
            view.order.expire_time.unwrap_or_else(|| self.clock().now() + self.options.payment_window);
        let until = until + RESERVATION_MARGIN;
        match self.remote.reserve(&call.within(CALL), &view.order, &view.lines, until).await {
            Ok(()) => {
                let window = self.options.payment_window;
                let view = self
                    .fenced(call, view, move |tx, mut record| async move {
                        record.happen(Event::Reserve, notes::RESERVED)?;
                        plan_payment(&tx, &mut record, tx.now() + window).await?;
                        record.save().await
                    })
                    .await?;
                Ok(After::Next(view))
            }
            Err(fault) if is_passing(&fault) => Ok(After::Again(view, fault)),
            Err(fault) => self.refuse(call, view, fault).await,
        }
    }

    /// Puts a refused basket back; gives up an order that was placed in one call.
    async fn refuse(&self, call: &Call, view: View, fault: Fault) -> Result<After, Error> {
        let (id, direct) = (view.order.id, view.order.direct);
        let fault = if direct { fault.with_all("order_id", id) } else { fault };
        let kept = fault.clone();
        self.fenced(call, view, move |tx, mut record| {
            let fault = kept.clone();
            async move {
                let settle = if direct {
                    record.happen(Event::Reject, &notes::refused(&fault, true))?;
                    Settle::Keep(fault)
                } else {
                    record.happen(Event::Refuse, &notes::refused(&fault, false))?;
                    record.unplace();
                    Settle::Forget
                };
                rest(&tx, record, settle).await
            }
        })
        .await?;
        Ok(After::Rest(Rest::Refused(fault)))
    }

    /// AWAITING_PAYMENT: has the payment made that is written down.
    /// `elsewhere` grows by the time that is nobody's fault here: the provider's, and all of a call that failed.
    pub(super) async fn pay(
        &self,
        call: &Call,
        view: View,
        elsewhere: &mut Duration,
    ) -> Result<After, Error> {
        let payment_id = payment_of(&view)?;
        let totals = totals(&view.lines, &view.adjustments)?.ok_or(Error::Empty)?;
        let fee = fee(&view).unwrap_or(Money::zero(totals.total.currency));
        let request = CreatePaymentRequest {
            id: payment_id.to_string(),
            order_id: view.order.id.to_string(),
            user_id: view.order.user_id.to_string(),
            amount: Some(totals.total.into()),
            fee: Some(fee.into()),
            payment_type: view.order.payment_type,
            payment_method: view.order.payment_method.clone(),
        };
        let asked = Instant::now();
        let answer = self.remote.pay(&call.within(CALL), request).await;
        *elsewhere += waited(&answer, asked);
        match answer {
            Ok((payment, _)) => self.heard(call, view, payment).await,
            Err(fault) if is_passing(&fault) => Ok(After::Again(view, fault)),
            Err(fault) => self.not_made(call, view, fault).await,
        }
    }

    /// The payment service refused to make the payment at all: as good as declined.
    async fn not_made(&self, call: &Call, view: View, fault: Fault) -> Result<After, Error> {
        let view = self
            .fenced(call, view, move |tx, mut record| {
                let failure = fault.reason_name().to_owned();
                async move {
                    record.order.payment_failure = failure;
                    record.tell(notes::NOT_MADE);
                    rest(&tx, record, Settle::Answer).await
                }
            })
            .await?;
        Ok(After::Rest(Rest::At(Box::new(view))))
    }

    /// AWAITING_PAYMENT: takes the money that is authorised.
    pub(super) async fn capture(
        &self,
        call: &Call,
        view: View,
        elsewhere: &mut Duration,
    ) -> Result<After, Error> {
        let payment_id = payment_of(&view)?;
        let asked = Instant::now();
        let answer = self.remote.capture(&call.within(CALL), payment_id).await;
        *elsewhere += waited(&answer, asked);
        match answer {
            Ok((payment, _)) => self.heard(call, view, payment).await,
            Err(fault) if is_passing(&fault) => Ok(After::Again(view, fault)),
            Err(fault) if fault.reason == Reason::IllegalState => self.ask(call, view, payment_id).await,
            Err(fault) => Err(fault.into()),
        }
    }

    /// Asks where the payment stands and goes by that.
    async fn ask(&self, call: &Call, view: View, payment_id: PaymentId) -> Result<After, Error> {
        match self.remote.payment(&call.within(CALL), payment_id).await {
            Ok(payment) => self.heard(call, view, payment).await,
            Err(fault) if is_passing(&fault) => Ok(After::Again(view, fault)),
            Err(fault) => Err(fault.into()),
        }
    }

    /// AWAITING_PAYMENT: it is captured, or there is nothing to pay; the reserved stock is sold.
    pub(super) async fn commit(&self, call: &Call, view: View) -> Result<After, Error> {
        let id = view.order.id;
        let refused = match self.remote.commit(&call.within(CALL), &view.order).await {
            Ok(()) => None,
            Err(fault) if is_passing(&fault) => return Ok(After::Again(view, fault)),
            Err(fault) => Some(fault.message),
        };
        let gone = refused.is_some();
        let view = self
            .fenced(call, view, move |tx, mut record| {
                let refused = refused.clone();
                async move {
                    match refused {
                        None if record.order.payment_id.is_none() => {
                            record.happen(Event::Pay, notes::NOTHING_TO_PAY)?;
                        }
                        None => record.happen(Event::Pay, notes::PAID)?,
                        Some(problem) => {
                            tracing::warn!(order = %id, problem, "checkout.stock_gone_after_capture");
                            record.happen(Event::Cancel, notes::SOLD_MEANWHILE)?;
                            store::undo_all(&tx, id).await?;
                        }
                    }
                    record.order.payment_action_url.clear();
                    rest(&tx, record, Settle::Answer).await
                }
            })
            .await?;
        if gone {
            self.undo(call, id).await;
        }
        Ok(After::Rest(Rest::At(Box::new(view))))
    }

    /// AWAITING_PAYMENT, not paid in time: voids, then gives up. Never while the outcome is unknown.
    pub(super) async fn expire(&self, call: &Call, view: View) -> Result<After, Error> {
        let id = view.order.id;
        let payment_id = payment_of(&view)?;
        let waits = !view.order.payment_action_url.is_empty();
        let failure = if waits { "ACTION_EXPIRED" } else { "" };
        let never_made = match self.remote.void(&call.within(CALL), payment_id, failure).await {
            Ok(_) => false,
            Err(fault) if fault.code == Code::NotFound => true,
            Err(fault) if is_passing(&fault) => return Ok(After::Again(view, fault)),
            Err(fault) if fault.value("state") == Some(PaymentState::Unknown.as_str_name()) => {
                return self.wait_longer(call, view).await;
            }
            Err(_) => match self.remote.payment(&call.within(CALL), payment_id).await {
                // What it took pays for nothing and goes back.
                Ok(payment) if pays_for_nothing(&payment) => true,
                Ok(payment) => return self.heard(call, view, payment).await,
                Err(fault) if is_passing(&fault) => return Ok(After::Again(view, fault)),
                Err(fault) => return Err(fault.into()),
            },
        };
        let view = self
            .fenced(call, view, move |tx, mut record| async move {
                record.happen(Event::Expire, notes::NOT_PAID)?;
                if waits {
                    record.order.payment_failure = failure.to_owned();
                }
                record.order.payment_action_url.clear();
                store::undo_all(&tx, id).await?;
                if !never_made {
                    store::finish_payment(&tx, payment_id, false).await?;
                }
                rest(&tx, record, Settle::Answer).await
            })
            .await?;
        self.undo(call, id).await;
        Ok(After::Rest(Rest::At(Box::new(view))))
    }

    /// The outcome is unknown: the order keeps waiting, and keeps its stock.
    async fn wait_longer(&self, call: &Call, view: View) -> Result<After, Error> {
        let (id, until) = (view.order.id, self.clock().now() + 4 * LEASE);
        if let Err(fault) =
            self.remote.renew(&call.within(CALL), &view.order, until + RESERVATION_MARGIN).await
        {
            tracing::warn!(order = %id, problem = fault.message, "a reservation cannot be renewed");
        }
        let view = self
            .fenced(call, view, move |tx, mut record| async move {
                record.order.expire_time = Some(until);
                rest(&tx, record, Settle::Answer).await
            })
            .await?;
        Ok(After::Rest(Rest::At(Box::new(view))))
    }

    /// The payment service said where the order's payment stands.
    pub(super) async fn heard(&self, call: &Call, view: View, payment: Payment) -> Result<After, Error> {
        let payment_id = payment_of(&view)?;
        let told = payment.update_time;
        let before = view.clone();
        let heard = self
            .fenced(call, view, move |tx, record| {
                let payment = payment.clone();
                async move { take_news(&tx, record, &payment).await }
            })
            .await;
        let view = match heard {
            Ok(view) => view,
            // The feed was quicker than the answer.
            Err(Error::OldNews) => return Box::pin(self.ask(call, before, payment_id)).await,
            Err(error) => return Err(error),
        };
        let waits = view.order.state == State::AwaitingPayment && view.order.payment_failure.is_empty();
        match view.order.step {
            Step::Idle if waits => self.look_again(call, view, told).await,
            Step::Idle => Ok(After::Rest(Rest::At(Box::new(view)))),
            _ => Ok(After::Next(view)),
        }
    }

    /// The order has come to rest waiting for its payment. News that came while it was on its way there
    /// were left to this look.
    pub(super) async fn look_again(
        &self,
        call: &Call,
        view: View,
        told: Option<prost_types::Timestamp>,
    ) -> Result<After, Error> {
        let (id, payment_id) = (view.order.id, payment_of(&view)?);
        let payment = match self.remote.payment(&call.within(CALL), payment_id).await {
            Ok(payment) if payment.update_time != told => payment,
            _ => return Ok(After::Rest(Rest::At(Box::new(view)))),
        };
        let view = self
            .transact(call, move |tx| {
                let payment = payment.clone();
                async move {
                    let mut record = Record::lock(&tx, id, kit::Scope::All).await?;
                    if !record.waits_for(payment_id) {
                        return Err(Error::LeaseLost);
                    }
                    record.lease(tx.now() + LEASE);
                    take_news(&tx, record, &payment).await
                }
            })
            .await?;
        Ok(if view.order.step == Step::Idle {
            After::Rest(Rest::At(Box::new(view)))
        } else {
            After::Next(view)
        })
    }
}

/// Writes a new payment down and makes having it made the next step. What costs nothing needs no payment.
pub async fn plan_payment(tx: &Tx, record: &mut Record, expire_time: Time) -> Result<(), Error> {
    let free = record.totals()?.is_some_and(|totals| totals.total.minor == 0);
    let payment_id = (!free).then(PaymentId::new);
    if let Some(payment_id) = payment_id {
        store::plan_payment(tx, record.order.id, payment_id).await?;
    }
    record.await_payment(payment_id);
    let order = &mut record.order;
    order.payment_failure.clear();
    order.payment_action_url.clear();
    order.expire_time = Some(expire_time);
    order.step = if free { Step::Commit } else { Step::Pay };
    order.lease_until = tx.now() + LEASE;
    Ok(())
}

/// Notes what is heard of the payment that an order awaits, and decides what the order does next. What is
/// older than what is known is [`Error::OldNews`].
pub async fn take_news(tx: &Tx, mut record: Record, payment: &Payment) -> Result<View, Error> {
    let id: PaymentId = payment.id.parse().map_err(Fault::internal)?;
    record.hear(payment).await?;
    match follow_payment(payment) {
        Follow::Go(step) => {
            record.order.step = step;
            record.order.lease_until = tx.now() + LEASE;
            record.order.payment_failure.clear();
            // She has done what she was asked to: nobody is sent to the payment's page again.
            record.order.payment_action_url.clear();
            record.save().await
        }
        Follow::Wait => {
            record.order.payment_action_url.clone_from(&payment.action_url);
            rest(tx, record, Settle::Answer).await
        }
        Follow::Failed => {
            let failure = match spoilt(payment) {
                Some(flag) => flag,
                None if payment.failure_reason.is_empty() => state_word(payment.state()),
                None => &payment.failure_reason,
            };
            if failure == CAPTURED_AFTER_VOID {
                store::undo_payment(tx, id).await?;
            }
            if record.order.payment_failure != failure {
                record.order.payment_failure = failure.to_owned();
                record.tell(&notes::failed(failure));
            }
            record.order.payment_action_url.clear();
            rest(tx, record, Settle::Answer).await
        }
    }
}

/// Whether an order that ends leaves its payment to be undone: it has money that pays for nothing, or gave it back.
pub fn pays_for_nothing(payment: &Payment) -> bool {
    use PaymentState::{Captured, PartiallyRefunded, Refunded};
    match payment.state() {
        Refunded => true,
        Captured | PartiallyRefunded => spoilt(payment).is_some(),
        _ => false,
    }
}

fn state_word(state: PaymentState) -> &'static str {
    state.as_str_name().trim_start_matches("PAYMENT_STATE_")
}

/// The payment that an order awaits.
pub(super) fn payment_of(view: &View) -> Result<PaymentId, Error> {
    view.order
        .payment_id
        .ok_or_else(|| Fault::internal("an order awaits a payment that it does not have").into())
}

/// The payment type's fee in an order's total.
fn fee(view: &View) -> Option<Money> {
    let fee = view.adjustments.iter().find(|adjustment| adjustment.is_automatic(AdjustmentType::Fee));
    fee.map(|adjustment| adjustment.amount)
}
