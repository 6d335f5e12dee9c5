//! Checkout, from AWAITING_PAYMENT: by another payment.

use contracts::order::Order;
use kit::{Call, Fault, Scope};
use tonic::Code;

use super::begin::{Begun, Terms, price_changed, unclaim};
use crate::{
    checkout::{CALL, Checkout, LEASE, apply_payment_update, pays_for_nothing, plan_payment},
    domain::{Event, Payment, PaymentState, State, Step, notes, pricing::priced_for},
    error::Error,
    orders::Orders,
    remote::refusing_state,
    store::{self, Record, View},
};

/// Trying other payments keeps an order's stock held for so many payment windows at most.
const LONGEST: u32 = 4;

/// Gives the old payment up and stores another one.
///
/// The old payment is voided before another one is stored, so that of an order's payments one at most may take money
/// that is not marked to go back.
/// If this process dies in between, payment's feed brings the VOIDED payment to the order, and the customer tries again.
pub(super) async fn pay_again(
    orders: &Orders,
    call: &Call,
    view: &View,
    address: Option<Vec<u8>>,
    terms: &std::sync::Arc<Terms>,
) -> Result<Begun, Error> {
    let priced = priced_for(terms.kind(orders)?, &view.lines, view.adjustments.clone())?;
    let (adjustments, total) = priced.ok_or(Error::Empty)?;
    if terms.expected_total.is_some_and(|expected| expected != total) {
        return Err(price_changed(total).into());
    }
    let old = view.order.payment_id.ok_or_else(|| Fault::internal("an order awaits no payment"))?;
    let remote = &orders.remote;
    remote.can_pay(&call.within(CALL), terms.payment_type, &terms.payment_method).await?;
    match remote.void(&call.within(CALL), old, "").await {
        Ok(_) => {}
        Err(fault) if fault.code == Code::NotFound => {}
        // The customer paid by the old one meanwhile: the payment service decides that race.
        Err(fault) if is_taken(&fault) => {
            let payment = remote.payment(&call.within(CALL), old).await?;
            // What pays for nothing is compensated once another one is begun.
            if !pays_for_nothing(&payment) {
                return already_paid(orders, call, view, payment).await;
            }
        }
        Err(fault) => return Err(fault.into()),
    }
    let (id, window) = (view.order.id, orders.options.payment_window);
    let input = (adjustments, address, terms.clone());
    let opened = orders.db.open(call, input, move |tx, input, claim| async move {
        let (adjustments, address, terms) = &*input;
        let mut record = Record::lock(&tx, id, Scope::All).await?;
        // Of two calls that both voided the old payment, the second finds that the order waits for the first one's.
        if !record.waits_for(old) {
            unclaim(&tx, claim).await?;
            return Ok(None);
        }
        record.apply(Event::CheckOut, notes::PAYING_AGAIN)?;
        record.adjustments.clone_from(adjustments);
        if address.is_some() {
            record.order.address.clone_from(address);
        }
        // One that was not found may still come to be made: it stays marked until that is out of the question.
        store::mark_payment(&tx, old).await?;
        record.order.claim = claim;
        (record.order.payment_type, record.order.payment_method) =
            (terms.payment_type, terms.payment_method.clone());
        record.lease(tx.now() + LEASE);
        let until = record.order.place_time.map_or(tx.now(), |placed| placed + window * LONGEST);
        let payment_id = plan_payment(&tx, id, total);
        record.pay_by(payment_id, until.min(tx.now() + window));
        record.save().await.map(Some)
    });
    Ok(opened.await?.into())
}

/// The old payment was captured meanwhile: the order is paid by it.
async fn already_paid(orders: &Orders, call: &Call, view: &View, payment: Payment) -> Result<Begun, Error> {
    let id = view.order.id;
    let applied = orders.transact(call, payment, move |tx, payment| async move {
        let mut record = Record::lock(&tx, id, Scope::All).await?;
        // Payment's feed brings the same update, and may have been quicker: then the order is driven already.
        if record.order.state != State::AwaitingPayment || record.order.step != Step::Idle {
            return record.save().await;
        }
        record.lease(tx.now() + LEASE);
        apply_payment_update(&tx, record, &payment).await
    });
    let view = applied.await?;
    if view.order.step != Step::Idle {
        let _ = Checkout::new(orders, call.detached()).drive(view).await;
    }
    let order: Order = orders.current(id).await?;
    Ok(Begun::Over(Box::new(order)))
}

fn is_taken(fault: &Fault) -> bool {
    use PaymentState::{Captured, PartiallyRefunded, Refunded};
    matches!(refusing_state(fault), Some(Captured | PartiallyRefunded | Refunded))
}
