//! Taking an order back: its payment is voided, its stock released, its lines free to change again.

use contracts::{order::OrderState, payment::PaymentState};
use futures::future::BoxFuture;
use kit::{Call, Fault, id::PaymentId};
use prost_types::Timestamp;
use tonic::Code;

use super::{
    After, CALL, Rest, Saga, Settle, rest,
    steps::{payment_of, pays_for_nothing},
};
use crate::{
    domain::{Event, notes},
    error::Error,
    remote::is_passing,
    store::{self, View},
};

impl Saga {
    /// AWAITING_PAYMENT, to be opened again: voids, then opens; what is to be released is written down with it.
    pub(super) async fn reopen(&self, call: &Call, view: View) -> Result<After, Error> {
        let (id, payment_id) = (view.order.id, payment_of(&view)?);
        let never_made = match self.remote.void(&call.within(CALL), payment_id, "").await {
            Ok(_) => false,
            Err(fault) if fault.code == Code::NotFound => true,
            Err(fault) if is_passing(&fault) => return Ok(After::Again(view, fault)),
            Err(fault) => {
                use PaymentState::{Authorized, Captured, Declined, PartiallyRefunded, Refunded, Voided};
                let payment = match self.remote.payment(&call.within(CALL), payment_id).await {
                    Ok(payment) => payment,
                    Err(fault) if is_passing(&fault) => return Ok(After::Again(view, fault)),
                    Err(fault) => return Err(fault.into()),
                };
                match payment.state() {
                    // What is to be undone is left to be so.
                    _ if pays_for_nothing(&payment) => true,
                    // The money came first, or is held: she had paid by then, and the order is paid by it.
                    Authorized | Captured | PartiallyRefunded => {
                        return self.heard(call, view, payment).await;
                    }
                    Declined | Voided | Refunded => false,
                    PaymentState::Unknown => {
                        return self.put_back(call, view, payment.update_time, undecided()).await;
                    }
                    _ => return self.put_back(call, view, payment.update_time, fault).await,
                }
            }
        };
        let view = self
            .fenced(call, view, move |tx, mut record| async move {
                // Whichever way it came to be, it is the basket from now on.
                record.order.direct = false;
                record.happen(Event::Reopen, notes::REOPENED)?;
                record.unplace();
                record.order.payment_failure.clear();
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

    /// The payment is not to be had back, at least not now: the order waits for it as before. `told`: the
    /// payment's update time at that.
    async fn put_back(
        &self,
        call: &Call,
        view: View,
        told: Option<Timestamp>,
        fault: Fault,
    ) -> Result<After, Error> {
        let view = self
            .fenced(call, view, |tx, record| async move { rest(&tx, record, Settle::Forget).await })
            .await?;
        self.tasks.spawn(self.clone().catch_up(call.detached(), view, told));
        Ok(After::Rest(Rest::Refused(fault)))
    }

    /// News of the payment were left to the reopening as long as it lasted: looks for them.
    fn catch_up(self, call: Call, view: View, told: Option<Timestamp>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Ok(After::Next(view)) = self.look_again(&call, view, told).await {
                let _ = self.drive(&call, view).await;
            }
        })
    }

    /// Refuses what can only be done to an order whose payment's outcome is known. A payment service out of reach
    /// is UNAVAILABLE.
    pub async fn must_be_decided(&self, call: &Call, payment: Option<PaymentId>) -> Result<(), Fault> {
        let Some(id) = payment else { return Ok(()) };
        match self.remote.payment(&call.within(CALL), id).await {
            Ok(payment) if payment.state() == PaymentState::Unknown => Err(undecided()),
            Ok(_) => Ok(()),
            Err(fault) if fault.code == Code::NotFound => Ok(()),
            Err(fault) if is_passing(&fault) => Err(Fault::unavailable(kit::Role::Payment.name())),
            Err(fault) => Err(fault),
        }
    }
}

/// While an outcome is unknown, an order is not taken back.
fn undecided() -> Fault {
    let message = "not possible: what became of its payment is not known yet";
    Fault::illegal_state(message, OrderState::AwaitingPayment.as_str_name())
        .with("payment_state", PaymentState::Unknown.as_str_name())
}
