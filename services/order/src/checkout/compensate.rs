//! Compensation: stock released or restocked, money voided or refunded, for as long as it takes.
//!
//! What is to be compensated is marked by the transaction that ends the order (`store::mark_all`). Any number of
//! processes may work on one mark at the same time: every call here is idempotent at its receiver, and the mark goes
//! only after the receiver has answered. So a process may die anywhere, and the sweeper of any replica goes on.

use std::time::Duration;

use contracts::{article::ReservationState, payment::RefundState};
use kit::{
    Call, Fault, Reason, Role, Scope,
    id::{OrderId, PaymentId},
};
use tonic::Code;

use super::{
    CALL,
    failpoints::{self, Asked, Place},
    figures,
};
use crate::{
    domain::{PaymentState, notes},
    error::Error,
    orders::Orders,
    remote::{is_passing, refusing_state},
    store::{self, Record, payment, reservation},
};

/// How long until a failed try is repeated.
const LATER: Duration = Duration::from_secs(2);
/// The same for a payment that has not changed for long. Its changes come by its feed at once.
const LATEST: Duration = Duration::from_secs(60);
/// A payment that does not exist after this was never made: no call that makes it can be under way.
const NEVER_MADE: Duration = Duration::from_secs(60);

/// How the compensation of one payment ended.
enum Compensated {
    Done,
    /// Cannot be done: staff must see to it.
    Failed(String),
    Later,
}

impl Orders {
    /// Tries to compensate everything that is marked of an order. What cannot be done now is tried again by the
    /// sweeper.
    pub async fn compensate(&self, call: &Call, id: OrderId) {
        // Always as the service itself: the payment service tells repeats of a refund by caller and key, and the
        // sweeper may be the one who repeats what a customer's call began.
        let own = Call::of_service(Role::Order, "undo");
        if let Err(error) = self.try_to_compensate(&own, id).await {
            let error = Fault::from(error);
            tracing::warn!(order = %id, request_id = &**call.request_id(), problem = error.message, "compensation is interrupted");
        }
    }

    async fn try_to_compensate(&self, call: &Call, id: OrderId) -> Result<(), Error> {
        let payments = store::marked_payments(&self.db, id).await?;
        for reservation in store::marked_reservations(&self.db, id).await? {
            self.compensate_reservation(call, reservation).await?;
        }
        for payment in payments {
            self.compensate_payment(call, payment).await?;
        }
        Ok(())
    }

    async fn compensate_reservation(&self, call: &Call, row: reservation::Model) -> Result<(), Error> {
        let (id, attempt) = (row.order_id, row.attempt);
        failpoints::reach(Asked::Unreserve, Place::Before).await?;
        // A release that overtakes the reservation it is for leaves a released one behind, which refuses it.
        let released = match self.remote.release(&call.within(CALL), id, attempt).await {
            Err(fault) if fault.value("state") == Some(ReservationState::Committed.as_str_name()) => {
                self.remote.restock(&call.within(CALL), id, attempt).await
            }
            // Sold and given back: somebody else was quicker.
            Err(fault) if fault.value("state") == Some(ReservationState::Restocked.as_str_name()) => Ok(()),
            other => other,
        };
        let done = match released {
            Ok(()) => true,
            Err(fault) => {
                if !is_passing(&fault) {
                    tracing::error!(order = %id, attempt, problem = fault.message, "stock cannot be given back");
                }
                false
            }
        };
        figures::compensated("stock", if done { "done" } else { "later" });
        failpoints::reach(Asked::Unreserve, Place::Answered).await?;
        let work = move |tx: kit::Tx, _| async move {
            if done {
                store::finish_reservation(&tx, id, attempt).await
            } else {
                store::postpone_reservation(&tx, id, attempt, tx.now() + LATER).await
            }
        };
        self.db.transact(call, (), work).await?;
        failpoints::reach(Asked::Unreserve, Place::Committed).await
    }

    async fn compensate_payment(&self, call: &Call, row: payment::Model) -> Result<(), Error> {
        let (order_id, id, changed) = (row.order_id, row.payment_id, row.seen_time.max(row.create_time));
        failpoints::reach(Asked::Unpay, Place::Before).await?;
        let compensated = self.void_or_refund(call, &row).await;
        figures::compensated(
            "money",
            match compensated {
                Compensated::Done => "done",
                Compensated::Failed(_) => "failed",
                Compensated::Later => "later",
            },
        );
        failpoints::reach(Asked::Unpay, Place::Answered).await?;
        let work = move |tx: kit::Tx, compensated: std::sync::Arc<Compensated>| async move {
            match &*compensated {
                Compensated::Later => {
                    let pause = (tx.now().since(changed) / 4).clamp(LATER, LATEST);
                    store::postpone_payment(&tx, id, tx.now() + pause).await
                }
                Compensated::Done => store::finish_payment(&tx, id, false).await,
                Compensated::Failed(problem) => {
                    let mut record = Record::lock(&tx, order_id, Scope::All).await?;
                    tracing::warn!(payment = %id, order = %order_id, problem, "payment.not_given_back");
                    record.note(notes::REFUND_LATE);
                    record.save().await?;
                    store::finish_payment(&tx, id, true).await
                }
            }
        };
        self.db.transact(call, compensated, work).await?;
        failpoints::reach(Asked::Unpay, Place::Committed).await
    }

    async fn void_or_refund(&self, call: &Call, row: &payment::Model) -> Compensated {
        let id = row.payment_id;
        // First the void, always: whether there is money to refund is decided by the payment service, which has one
        // operation of a payment under way at a time.
        let fault = match self.remote.void(&call.within(CALL), id, "").await {
            Ok(_) => return Compensated::Done,
            Err(fault) => fault,
        };
        match refusing_state(&fault) {
            Some(PaymentState::Captured | PaymentState::PartiallyRefunded) => {}
            Some(PaymentState::Refunded) => return Compensated::Done,
            // The CreatePayment of a driver that was overtaken may arrive after this void.
            _ if fault.code == Code::NotFound && self.is_never_made(row).await => return Compensated::Done,
            // Unknown yet, not made yet, or nobody answers.
            _ => return Compensated::Later,
        }
        match self.remote.refund(&call.within(CALL), id, "order cancelled").await {
            // A repeated one answers as it did then.
            Ok(_) => self.refunded(call, id).await.unwrap_or(Compensated::Later),
            // Refunded by staff meanwhile, or as good as.
            Err(fault) if fault.reason == Reason::IllegalState && nothing_left(&fault) => {
                match self.refunded(call, id).await {
                    Ok(Compensated::Done) => Compensated::Done,
                    _ => Compensated::Later,
                }
            }
            Err(fault) if is_passing(&fault) || fault.reason == Reason::IllegalState => Compensated::Later,
            Err(fault) => Compensated::Failed(fault.message),
        }
    }

    /// Whether a payment that is not there never comes. Who was overtaken by the transaction that marked the payment
    /// asks for it no later than within its lease, and no such call is under way for longer than CALL. That transaction
    /// changed the order.
    async fn is_never_made(&self, row: &payment::Model) -> bool {
        match store::by_id(self.db.read(), row.order_id, Scope::All).await {
            Ok(order) => self.clock().now().since(order.update_time.max(row.create_time)) > NEVER_MADE,
            Err(_) => false,
        }
    }

    /// What has become of the refunds of a payment all of which is to go back.
    async fn refunded(&self, call: &Call, id: PaymentId) -> Result<Compensated, Fault> {
        // The refunds first: one that ends between the two reads is then seen in the payment, and no failed one is
        // taken for one that is under way.
        let refunds = self.remote.refunds(&call.within(CALL), id).await?;
        let payment = self.remote.payment(&call.within(CALL), id).await?;
        Ok(match payment.state {
            PaymentState::Refunded => Compensated::Done,
            _ if refunds.iter().any(|refund| refund.state() == RefundState::Pending) => Compensated::Later,
            _ => Compensated::Failed("the provider refused the refund".to_owned()),
        })
    }
}

fn nothing_left(fault: &Fault) -> bool {
    let refunded = refusing_state(fault) == Some(PaymentState::Refunded);
    refunded
        || fault.value("refundable").is_some_and(|left| {
            left.trim_start_matches(['0', '.']).trim_start().chars().all(char::is_alphabetic)
        })
}
