//! Ending an order, and sending it on its way.

use std::time::Duration;

use contracts::order::{CancelOrderRequest, DeliverOrderRequest, Order, ShipOrderRequest};
use kit::{Call, Written, id::OrderId};

use super::{Api, Named, lock, named, parse};
use crate::{
    checkout::{Settle, rest},
    domain::{Event, GivenBack, Refunds, State, next, notes},
    error::Error,
    store::{self, Record},
};

/// How long shipping waits for the payment's word.
const ASK: Duration = Duration::from_secs(2);
/// How long a cancellation waits for stock and money to go back before it answers.
const UNDO_WITHIN: Duration = Duration::from_secs(4);

impl Api {
    /// Cancels an order; its stock and money go back.
    pub(crate) async fn cancel(
        &self,
        call: &Call,
        request: CancelOrderRequest,
    ) -> Result<Written<Order>, Error> {
        let (named, scope) = (named(call, &request.id, "id")?, call.scope()?);
        let write = move |tx: kit::Tx| {
            let (etag, reason) = (request.etag.clone(), request.reason.clone());
            async move {
                let mut record = lock(&tx, named, scope).await?;
                record.check_etag(&etag)?;
                record.happen(Event::Cancel, if reason.is_empty() { notes::CANCELLED } else { &reason })?;
                record.order.payment_action_url.clear();
                // Whoever is at its checkout is overtaken.
                record.lease(tx.now());
                store::undo_all(&tx, record.order.id).await?;
                rest(&tx, record, Settle::Answer).await
            }
        };
        let written = self.saga.write(call, write).await?;
        if !written.replayed {
            let id: OrderId = parse(&written.message.id, "id")?;
            let (saga, call) = (self.saga.clone(), call.detached());
            let (send, done) = tokio::sync::oneshot::channel();
            self.saga.tasks.spawn(async move {
                saga.undo(&call, id).await;
                let _ = send.send(());
            });
            let _ = tokio::time::timeout(UNDO_WITHIN, done).await;
        }
        Ok(written)
    }

    /// A paid order is on its way.
    pub(crate) async fn ship(&self, call: &Call, request: ShipOrderRequest) -> Result<Written<Order>, Error> {
        // Asked of the payment service, because a refund that was begun just now may not be heard of yet; where
        // that does not answer, what is known decides. A refund that begins after this question, while the order is
        // being shipped, is one of an order that was shipped: neither call was answered before the other began.
        let given_back = !request.force && self.is_given_back(call, &request.id).await?;
        let parts = Parcel {
            id: request.id,
            carrier: request.carrier,
            tracking_code: request.tracking_code,
            etag: request.etag,
            force: request.force,
            given_back,
        };
        self.move_on(call, parts, Event::Ship).await
    }

    /// Whether all of the money of a paid order went back or is about to, as the payment service has it.
    async fn is_given_back(&self, call: &Call, id: &str) -> Result<bool, Error> {
        let order = self.find(call, Named::Id(parse(id, "id")?)).await?;
        let Some(payment) = order.payment_id.filter(|_| order.state == State::Paid) else { return Ok(false) };
        match self.saga.remote.payment(&call.within(ASK), payment).await {
            Ok(payment) => Ok(GivenBack::of(&payment)?.is_all()),
            Err(fault) => {
                tracing::warn!(order = %order.id, problem = fault.message, "shipping without the payment's word");
                Ok(false)
            }
        }
    }

    /// A shipped order has arrived.
    pub(crate) async fn deliver(
        &self,
        call: &Call,
        request: DeliverOrderRequest,
    ) -> Result<Written<Order>, Error> {
        let parts = Parcel {
            id: request.id,
            carrier: request.carrier,
            tracking_code: request.tracking_code,
            etag: request.etag,
            force: true,
            given_back: false,
        };
        self.move_on(call, parts, Event::Deliver).await
    }

    async fn move_on(&self, call: &Call, parcel: Parcel, event: Event) -> Result<Written<Order>, Error> {
        let (id, scope): (OrderId, _) = (parse(&parcel.id, "id")?, call.scope()?);
        let parcel = std::sync::Arc::new(parcel);
        let write = move |tx: kit::Tx| {
            let parcel = parcel.clone();
            async move {
                let mut record = Record::lock(&tx, id, scope).await?;
                record.check_etag(&parcel.etag)?;
                next(record.order.state, event)?;
                let heard = record.order.refunds == Refunds::Full || record.order.refunding;
                if !parcel.force && (parcel.given_back || heard) {
                    return Err(Error::Refunded);
                }
                if !parcel.carrier.is_empty() {
                    record.order.carrier.clone_from(&parcel.carrier);
                }
                if !parcel.tracking_code.is_empty() {
                    record.order.tracking_code.clone_from(&parcel.tracking_code);
                }
                record.happen(event, &parcel.note(event))?;
                record.save().await
            }
        };
        self.saga.write(call, write).await
    }
}

/// What staff says of a parcel.
struct Parcel {
    id: String,
    carrier: String,
    tracking_code: String,
    etag: String,
    /// Even if all of the money went back.
    force: bool,
    /// All of the money went back or is about to, though the order may not have heard of it.
    given_back: bool,
}

impl Parcel {
    fn note(&self, event: Event) -> String {
        match event {
            Event::Ship => notes::on_its_way(&self.carrier, &self.tracking_code),
            _ => notes::arrived(&self.carrier),
        }
    }
}
