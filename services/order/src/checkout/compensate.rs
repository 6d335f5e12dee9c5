//! Undoing: stock given back, money voided or refunded, for as long as it takes.

use std::time::Duration;

use contracts::{
    article::ReservationState,
    payment::{PaymentState, RefundState},
};
use kit::{
    Call, Fault, Reason, Role, Scope,
    id::{OrderId, PaymentId},
};
use tonic::Code;

use super::{CALL, Saga};
use crate::domain::notes;
use crate::{
    error::Error,
    remote::is_passing,
    store::{self, Record, payment, reservation},
};

/// How long until a failed try is repeated.
const LATER: Duration = Duration::from_secs(2);
/// The same for a payment of which nothing was heard for long. News of it come by its feed at once.
const LATEST: Duration = Duration::from_secs(60);
/// A payment that nobody has heard of after this was never made: no call that makes it can be under way.
const NEVER_MADE: Duration = Duration::from_secs(60);

/// How one undoing ended.
enum Undone {
    Done,
    /// Cannot be done: staff must see to it.
    Failed(String),
    Later,
}

impl Saga {
    /// Tries to undo everything of an order that is to be undone. What cannot be done now is tried again
    /// by the sweeper.
    pub async fn undo(&self, call: &Call, id: OrderId) {
        // Always as the service itself, so that a repeated refund is known for one whoever asks.
        let own = Call::of_service(Role::Order, "undo");
        if let Err(error) = self.try_undo(&own, id).await {
            let error = Fault::from(error);
            tracing::warn!(order = %id, request_id = &**call.request_id(), problem = error.message, "undoing is interrupted");
        }
    }

    async fn try_undo(&self, call: &Call, id: OrderId) -> Result<(), Error> {
        let payments = store::payments_to_undo(&self.db, id).await?;
        for reservation in store::reservations_to_undo(&self.db, id).await? {
            self.undo_reservation(call, reservation).await?;
        }
        for payment in payments {
            self.undo_payment(call, payment).await?;
        }
        Ok(())
    }

    async fn undo_reservation(&self, call: &Call, row: reservation::Model) -> Result<(), Error> {
        let (id, attempt) = (row.order_id, row.attempt);
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
        kit::transact(&self.db, call, move |tx| async move {
            if done {
                store::finish_reservation(&tx, id, attempt).await
            } else {
                store::postpone_reservation(&tx, id, attempt, tx.now() + LATER).await
            }
        })
        .await
    }

    async fn undo_payment(&self, call: &Call, row: payment::Model) -> Result<(), Error> {
        let (order_id, id, heard) = (row.order_id, row.payment_id, row.seen_time.max(row.create_time));
        let undone = self.void_or_refund(call, &row).await;
        kit::transact(&self.db, call, move |tx| {
            let failed = match &undone {
                Undone::Failed(problem) => Some(problem.clone()),
                _ => None,
            };
            let later = matches!(undone, Undone::Later);
            async move {
                if later {
                    let pause = (tx.now().since(heard) / 4).clamp(LATER, LATEST);
                    return store::postpone_payment(&tx, id, tx.now() + pause).await;
                }
                if let Some(problem) = &failed {
                    let mut record = Record::lock(&tx, order_id, Scope::All).await?;
                    tracing::warn!(payment = %id, order = %order_id, problem, "payment.not_given_back");
                    record.tell(notes::REFUND_LATE);
                    record.save().await?;
                }
                store::finish_payment(&tx, id, failed.is_some()).await
            }
        })
        .await
    }

    async fn void_or_refund(&self, call: &Call, row: &payment::Model) -> Undone {
        let id = row.payment_id;
        let fault = match self.remote.void(&call.within(CALL), id, "").await {
            Ok(_) => return Undone::Done,
            Err(fault) => fault,
        };
        let state = fault.value("state").and_then(PaymentState::from_str_name);
        match state {
            Some(PaymentState::Captured | PaymentState::PartiallyRefunded) => {}
            Some(PaymentState::Refunded) => return Undone::Done,
            _ if fault.code == Code::NotFound && self.clock().now().since(row.create_time) > NEVER_MADE => {
                return Undone::Done;
            }
            // Unknown yet, not made yet, or nobody answers.
            _ => return Undone::Later,
        }
        match self.remote.refund(&call.within(CALL), id, "order cancelled").await {
            // A repeated one answers as it did then.
            Ok(_) => self.refunded(call, id).await.unwrap_or(Undone::Later),
            // Refunded by staff meanwhile, or as good as.
            Err(fault) if fault.reason == Reason::IllegalState && nothing_left(&fault) => {
                match self.refunded(call, id).await {
                    Ok(Undone::Done) => Undone::Done,
                    _ => Undone::Later,
                }
            }
            Err(fault) if is_passing(&fault) || fault.reason == Reason::IllegalState => Undone::Later,
            Err(fault) => Undone::Failed(fault.message),
        }
    }

    /// What has become of the refunds of a payment all of which is to go back.
    async fn refunded(&self, call: &Call, id: PaymentId) -> Result<Undone, Fault> {
        // The refunds first: one that ends in between is then seen in the payment, too.
        let refunds = self.remote.refunds(&call.within(CALL), id).await?;
        let payment = self.remote.payment(&call.within(CALL), id).await?;
        Ok(match payment.state() {
            PaymentState::Refunded => Undone::Done,
            _ if refunds.iter().any(|refund| refund.state() == RefundState::Pending) => Undone::Later,
            _ => Undone::Failed("the provider refused the refund".to_owned()),
        })
    }
}

fn nothing_left(fault: &Fault) -> bool {
    let refunded = fault.value("state") == Some(PaymentState::Refunded.as_str_name());
    refunded
        || fault.value("refundable").is_some_and(|left| {
            left.trim_start_matches(['0', '.']).trim_start().chars().all(char::is_alphabetic)
        })
}
