//! What a payment's state means for the order that awaits it.

use kit::{
    Fault, Money, Scope, Time, Tx,
    id::{Id, OrderId, PaymentId},
};

use super::{CALL, Checkout, ClaimEnd, LEASE, Outcome, RESERVATION_MARGIN, settle};
use crate::{
    domain::{
        Payment, PaymentState, State, Step, notes,
        step::{CAPTURED_AFTER_VOID, Follow, disqualifying_flag, follow_payment},
    },
    error::Error,
    remote::is_passing,
    store::{self, Record, View},
};

impl Checkout {
    /// Asks where the payment stands and goes by that.
    pub(super) async fn read_payment(&mut self, view: View, payment_id: PaymentId) -> Result<Outcome, Error> {
        match self.orders.remote.payment(&self.call.within(CALL), payment_id).await {
            Ok(payment) => self.follow_payment(view, payment).await,
            Err(fault) if is_passing(&fault) => Ok(Outcome::Retry(view, fault)),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The payment service answered where the order's payment stands.
    pub(super) async fn follow_payment(&mut self, view: View, payment: Payment) -> Result<Outcome, Error> {
        // Stored with what comes of it: a crash before that has the next driver ask again, and get the same answer.
        if follow_payment(&payment) == Follow::Go(Step::Commit) {
            return self.commit(view, Some(payment)).await;
        }
        let payment_id = payment_of(&view)?;
        let known = payment.update_time;
        let before = view.clone();
        let input = (payment, self.orders.options.payment_window);
        let applied = self.fenced(view, input, |tx, mut record, input| async move {
            let (payment, window) = &*input;
            // No payment is asked for before the stock is set aside.
            record.set_aside(pay_until(&record, tx.now() + *window))?;
            apply_payment_update(&tx, record, payment).await
        });
        let view = match applied.await {
            Ok(view) => {
                self.orders.driven.stored(payment_id, known);
                view
            }
            // The payment's feed was quicker than this answer, and has stored a newer state without acting on it,
            // because a step is under way. So nobody else acts on it: this driver reads it.
            Err(Error::StaleUpdate) => return Box::pin(self.read_payment(before, payment_id)).await,
            Err(error) => return Err(error),
        };
        let waits = view.order.state == State::AwaitingPayment && view.order.payment_failure.is_empty();
        match view.order.step {
            Step::Idle if waits => self.look_again(view, known).await,
            Step::Idle => Ok(Outcome::settled(view)),
            _ => Ok(Outcome::Next(view)),
        }
    }

    /// The order is settled and waits for its payment. The feed skips updates of a payment whose order has a step
    /// under way, so one that came between the last answer and the commit that settled the order would be lost: it is
    /// found here, after that commit. From then on the feed applies what comes.
    pub(super) async fn look_again(&self, view: View, known: Time) -> Result<Outcome, Error> {
        let (id, payment_id) = (view.order.id, payment_of(&view)?);
        let payment = match self.orders.remote.payment(&self.call.within(CALL), payment_id).await {
            Ok(payment) if payment.update_time != known => payment,
            _ => return Ok(Outcome::settled(view)),
        };
        let applied = self.orders.transact(&self.call, payment, move |tx, payment| async move {
            let mut record = Record::lock(&tx, id, Scope::All).await?;
            // The lease went back with the settling commit: the feed, the sweeper or the customer may have taken the
            // order on since. Under the row's lock, whoever comes second finds that out.
            if !record.waits_for(payment_id) {
                return Err(Error::LeaseLost);
            }
            record.lease(tx.now() + LEASE);
            apply_payment_update(&tx, record, &payment).await
        });
        let view = applied.await?;
        Ok(if view.order.step == Step::Idle { Outcome::settled(view) } else { Outcome::Next(view) })
    }
}

/// Stores a new payment of an order that comes to `total`, to be made by a later step. What costs nothing needs none.
///
/// The id is chosen and committed before the payment service hears of it: a driver that dies in between has its
/// successor ask for the same payment, never for a second one.
pub fn plan_payment(tx: &Tx, order_id: OrderId, total: Money) -> Option<PaymentId> {
    let payment_id = (total.minor != 0).then(PaymentId::new);
    if let Some(payment_id) = payment_id {
        store::plan_payment(tx, order_id, payment_id);
    }
    payment_id
}

/// Stores the state of the payment that an order awaits, and decides what the order does next. What is older than
/// what is known is [`Error::StaleUpdate`]: answers and events of one payment overtake each other, and its update
/// time decides which is newer.
pub async fn apply_payment_update(tx: &Tx, mut record: Record, payment: &Payment) -> Result<View, Error> {
    record.record_payment(payment).await?;
    match follow_payment(payment) {
        Follow::Go(step) => {
            record.order.step = step;
            record.order.lease_until = tx.now() + LEASE;
            record.order.payment_failure.clear();
            // The customer has done what was asked: nobody is sent to the payment's page again.
            record.order.payment_action_url.clear();
            record.save().await
        }
        Follow::Wait => {
            record.order.payment_action_url.clone_from(&payment.action_url);
            settle(tx, record, ClaimEnd::Answer).await
        }
        Follow::Failed => {
            let failure = match disqualifying_flag(payment) {
                Some(flag) => flag,
                None if payment.failure_reason.is_empty() => payment.state.word(),
                None => &payment.failure_reason,
            };
            if failure == CAPTURED_AFTER_VOID {
                store::mark_payment(tx, payment.id).await?;
            }
            if record.order.payment_failure != failure {
                failure.clone_into(&mut record.order.payment_failure);
                record.note(&notes::failed(failure));
            }
            record.order.payment_action_url.clear();
            settle(tx, record, ClaimEnd::Answer).await
        }
    }
}

/// Until when an order may be paid whose stock was set aside: mostly for the whole window from now. Where the payment
/// service was away for long after that, its reservation is older, and must not end before the order does.
pub(super) fn pay_until(record: &Record, until: Time) -> Time {
    let planned = record.order.expire_time.map(|planned| planned + RESERVATION_MARGIN / 2);
    planned.map_or(until, |latest| latest.min(until))
}

/// Whether an order that ends leaves its payment to be compensated: it has money that pays for nothing, or gave it
/// back.
pub fn pays_for_nothing(payment: &Payment) -> bool {
    use PaymentState::{Captured, PartiallyRefunded, Refunded};
    match payment.state {
        Refunded => true,
        Captured | PartiallyRefunded => disqualifying_flag(payment).is_some(),
        _ => false,
    }
}

/// The payment that an order awaits.
pub(super) fn payment_of(view: &View) -> Result<PaymentId, Error> {
    view.order
        .payment_id
        .ok_or_else(|| Fault::internal("an order awaits a payment that it does not have").into())
}
