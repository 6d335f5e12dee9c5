//! Giving up an order that was not paid in time.

use tonic::Code;

use super::{
    CALL, Checkout, ClaimEnd, LEASE, Outcome, RESERVATION_MARGIN,
    failpoints::{Asked, Place},
    pays_for_nothing, settle,
    update::payment_of,
};
use crate::{
    domain::{Event, PaymentState, notes},
    error::Error,
    remote::{is_passing, refusing_state},
    store::{self, View},
};

impl Checkout {
    /// AWAITING_PAYMENT, not paid in time: voids, then gives up. Never while the outcome is unknown.
    ///
    /// The race is with the customer who pays in the last moment. The payment service decides it: what it voids can
    /// be captured no more, and what is captured or held cannot be given up by an order; then that order goes on to
    /// be paid.
    pub(super) async fn expire(&mut self, view: View) -> Result<Outcome, Error> {
        let id = view.order.id;
        let payment_id = payment_of(&view)?;
        let waits = !view.order.payment_action_url.is_empty();
        let failure = if waits { "ACTION_EXPIRED" } else { "" };
        self.ask(Asked::Expire).await?;
        let remote = self.orders.remote.clone();
        let voided = remote.void(&self.call.within(CALL), payment_id, failure).await;
        self.at(Place::Answered).await?;
        let stays_marked = match voided {
            Ok(_) => false,
            // Not made yet; the call that makes it may still be under way. It stays marked, and compensation voids it
            // until it is sure that it never comes.
            Err(fault) if fault.code == Code::NotFound => true,
            Err(fault) if is_passing(&fault) => return Ok(Outcome::Retry(view, fault)),
            Err(fault) if refusing_state(&fault) == Some(PaymentState::Unknown) => {
                return self.wait_longer(view).await;
            }
            Err(_) => match remote.payment(&self.call.within(CALL), payment_id).await {
                // What it took pays for nothing and goes back.
                Ok(payment) if pays_for_nothing(&payment) => true,
                Ok(payment) => return self.follow_payment(view, payment).await,
                Err(fault) if is_passing(&fault) => return Ok(Outcome::Retry(view, fault)),
                Err(fault) => return Err(fault.into()),
            },
        };
        let expired = self.fenced(view, (), move |tx, mut record, _| async move {
            record.apply(Event::Expire, notes::NOT_PAID)?;
            if waits {
                failure.clone_into(&mut record.order.payment_failure);
            }
            record.order.payment_action_url.clear();
            store::mark_all(&tx, id).await?;
            if !stays_marked {
                store::finish_payment(&tx, payment_id, false).await?;
            }
            settle(&tx, record, ClaimEnd::Answer).await
        });
        let view = expired.await?;
        self.orders.compensate(&self.call, id).await;
        Ok(Outcome::settled(view))
    }

    /// The outcome is unknown: the order keeps waiting, and keeps its stock. Given up now, it might turn out to be
    /// paid.
    async fn wait_longer(&self, view: View) -> Result<Outcome, Error> {
        let (id, until) = (view.order.id, self.orders.clock().now() + 4 * LEASE);
        let call = self.call.within(CALL);
        if let Err(fault) = self.orders.remote.renew(&call, &view.order, until + RESERVATION_MARGIN).await {
            tracing::warn!(order = %id, problem = fault.message, "a reservation cannot be renewed");
        }
        let waiting = self.fenced(view, until, |tx, mut record, until| async move {
            record.order.expire_time = Some(*until);
            settle(&tx, record, ClaimEnd::Answer).await
        });
        Ok(Outcome::settled(waiting.await?))
    }
}
