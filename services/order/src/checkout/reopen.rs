//! Taking an order back: its payment is voided, its stock released, its lines free to change again.

use futures::future::BoxFuture;
use kit::{Call, Fault, Role, Time, id::PaymentId};
use tonic::Code;

use super::{
    CALL, Checkout, ClaimEnd, Outcome, Settled,
    failpoints::{Asked, Place},
    pays_for_nothing, settle,
    update::payment_of,
};
use crate::{
    api::states,
    domain::{Event, PaymentState, State, notes},
    error::Error,
    orders::Orders,
    remote::is_passing,
    store::{self, View},
};

impl Checkout {
    /// AWAITING_PAYMENT, to be opened again: voids, then opens; what is to be released is marked with it.
    pub(super) async fn reopen(&mut self, view: View) -> Result<Outcome, Error> {
        let (id, payment_id) = (view.order.id, payment_of(&view)?);
        self.ask(Asked::Reopen).await?;
        let remote = self.orders.remote.clone();
        let voided = remote.void(&self.call.within(CALL), payment_id, "").await;
        self.at(Place::Answered).await?;
        let stays_marked = match voided {
            Ok(_) => false,
            Err(fault) if fault.code == Code::NotFound => true,
            Err(fault) if is_passing(&fault) => return Ok(Outcome::Retry(view, fault)),
            Err(fault) => {
                use PaymentState::{Authorized, Captured, Declined, PartiallyRefunded, Refunded, Voided};
                let payment = match remote.payment(&self.call.within(CALL), payment_id).await {
                    Ok(payment) => payment,
                    Err(fault) if is_passing(&fault) => return Ok(Outcome::Retry(view, fault)),
                    Err(fault) => return Err(fault.into()),
                };
                match payment.state {
                    // What is to be compensated is left to be so.
                    _ if pays_for_nothing(&payment) => true,
                    // The customer paid before this step could void: the payment service decides that race, and the
                    // order is paid.
                    Authorized | Captured | PartiallyRefunded => {
                        return self.follow_payment(view, payment).await;
                    }
                    Declined | Voided | Refunded => false,
                    PaymentState::Unknown => {
                        return self.give_up(view, payment.update_time, undecided()).await;
                    }
                    _ => return self.give_up(view, payment.update_time, fault).await,
                }
            }
        };
        let reopened = self.fenced(view, (), move |tx, mut record, _| async move {
            // Whichever way it came to be, it is the basket from now on.
            record.order.direct = false;
            record.apply(Event::Reopen, notes::REOPENED)?;
            record.return_to_basket();
            record.order.payment_failure.clear();
            record.order.payment_action_url.clear();
            store::mark_all(&tx, id).await?;
            if !stays_marked {
                store::finish_payment(&tx, payment_id, false).await?;
            }
            settle(&tx, record, ClaimEnd::Answer).await
        });
        let view = reopened.await?;
        self.orders.compensate(&self.call, id).await;
        Ok(Outcome::settled(view))
    }

    /// The payment cannot be voided, at least not now: the order waits for it as before. `known`: the payment's
    /// update time at that.
    async fn give_up(&self, view: View, known: Time, fault: Fault) -> Result<Outcome, Error> {
        let settled = self
            .fenced(view, (), |tx, record, _| async move { settle(&tx, record, ClaimEnd::Release).await });
        let view = settled.await?;
        let checkout = Checkout::new(&self.orders, self.call.detached());
        self.orders.tasks.spawn(checkout.catch_up(view, known));
        Ok(Outcome::Settled(Settled::Refused(fault)))
    }

    /// The payment's feed skipped its updates while the reopening was under way: looks for them. In a task of its
    /// own, because the caller's answer does not depend on it.
    fn catch_up(mut self, view: View, known: Time) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Ok(Outcome::Next(view)) = self.look_again(view, known).await {
                let _ = self.drive(view).await;
            }
        })
    }
}

impl Orders {
    /// Refuses what can only be done to an order whose payment's outcome is known. A payment service out of reach
    /// is UNAVAILABLE.
    pub async fn must_be_decided(&self, call: &Call, payment: Option<PaymentId>) -> Result<(), Fault> {
        let Some(id) = payment else { return Ok(()) };
        match self.remote.payment(&call.within(CALL), id).await {
            Ok(payment) if payment.state == PaymentState::Unknown => Err(undecided()),
            Ok(_) => Ok(()),
            Err(fault) if fault.code == Code::NotFound => Ok(()),
            Err(fault) if is_passing(&fault) => Err(Fault::unavailable(Role::Payment.name())),
            Err(fault) => Err(fault),
        }
    }
}

/// While an outcome is unknown, an order is not taken back.
fn undecided() -> Fault {
    let message = "not possible: what became of its payment is not known yet";
    Fault::illegal_state(message, states::name(State::AwaitingPayment))
        .with("payment_state", states::payment_name(PaymentState::Unknown))
}
