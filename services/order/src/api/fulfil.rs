//! CancelOrder, ShipOrder, DeliverOrder: ending an order, and sending it on its way.

use std::time::Duration;

use contracts::order::{CancelOrderRequest, DeliverOrderRequest, Order, ShipOrderRequest};
use kit::{Call, Written, id::OrderId};

use super::{Named, find, lock, named, parse};
use crate::{
    checkout::{ClaimEnd, settle},
    domain::{Event, GivenBack, Refunds, State, notes},
    error::Error,
    orders::Orders,
    store::{self, Record},
};

/// How long shipping waits for the payment service.
const ASK: Duration = Duration::from_secs(2);
/// How long a cancellation waits for stock and money to go back before it answers.
const COMPENSATE_WITHIN: Duration = Duration::from_secs(4);

/// Cancels an order; its stock and money go back.
pub async fn cancel_order(
    orders: &Orders,
    call: &Call,
    request: CancelOrderRequest,
) -> Result<Written<Order>, Error> {
    let (named, scope) = (named(call, &request.id, "id")?, call.scope()?);
    let write = orders.write(call, request, move |tx, request| async move {
        let mut record = lock(&tx, named, scope).await?;
        record.check_etag(&request.etag)?;
        let note = if request.reason.is_empty() { notes::CANCELLED } else { request.reason.as_str() };
        record.forget_unpaid();
        record.apply(Event::Cancel, note)?;
        record.order.payment_action_url.clear();
        // A checkout may be under way. Its driver loses the lease here, and its next write changes nothing; what it has
        // asked for by then is stored, and so marked with the rest.
        record.lease(tx.now());
        store::mark_all(&tx, record.order.id).await?;
        settle(&tx, record, ClaimEnd::Answer).await
    });
    let written = write.await?;
    if !written.replayed {
        let id: OrderId = parse(&written.message.id, "id")?;
        let (of_task, call) = (orders.clone(), call.detached());
        let (send, done) = tokio::sync::oneshot::channel();
        // Goes on if the caller leaves; and if the process dies, the sweeper does it.
        orders.tasks.spawn(async move {
            of_task.compensate(&call, id).await;
            let _ = send.send(());
        });
        let _ = tokio::time::timeout(COMPENSATE_WITHIN, done).await;
    }
    Ok(written)
}

/// A paid order is on its way.
pub async fn ship_order(
    orders: &Orders,
    call: &Call,
    request: ShipOrderRequest,
) -> Result<Written<Order>, Error> {
    // Asked of the payment service, because the event of a refund that was begun just now may be under way; where the
    // service does not answer, the last known state decides. A refund that begins after this question, while the order
    // is being shipped, is one of an order that was shipped: neither call was answered before the other began.
    let given_back = !request.force && is_given_back(orders, call, &request.id).await?;
    let parcel = Parcel {
        id: request.id,
        carrier: request.carrier,
        tracking_code: request.tracking_code,
        etag: request.etag,
        force: request.force,
        given_back,
    };
    advance(orders, call, parcel, Event::Ship).await
}

/// Whether all of the money of a paid order went back or is about to, as the payment service has it.
async fn is_given_back(orders: &Orders, call: &Call, id: &str) -> Result<bool, Error> {
    let order = find(orders, call, Named::Id(parse(id, "id")?)).await?;
    let Some(payment) = order.payment_id.filter(|_| order.state == State::Paid) else { return Ok(false) };
    match orders.remote.payment(&call.within(ASK), payment).await {
        Ok(payment) => Ok(GivenBack::of(&payment).is_all()),
        Err(fault) => {
            tracing::warn!(order = %order.id, problem = fault.message, "shipping without the payment service's answer");
            Ok(false)
        }
    }
}

/// A shipped order has arrived.
pub async fn deliver_order(
    orders: &Orders,
    call: &Call,
    request: DeliverOrderRequest,
) -> Result<Written<Order>, Error> {
    let parcel = Parcel {
        id: request.id,
        carrier: request.carrier,
        tracking_code: request.tracking_code,
        etag: request.etag,
        force: true,
        given_back: false,
    };
    advance(orders, call, parcel, Event::Deliver).await
}

async fn advance(
    orders: &Orders,
    call: &Call,
    parcel: Parcel,
    event: Event,
) -> Result<Written<Order>, Error> {
    let (id, scope): (OrderId, _) = (parse(&parcel.id, "id")?, call.scope()?);
    let write = orders.write(call, parcel, move |tx, parcel| async move {
        let mut record = Record::lock(&tx, id, scope).await?;
        record.check_etag(&parcel.etag)?;
        record.order.state.next(event)?;
        let known = record.order.refunds == Refunds::Full || record.order.refunding;
        if !parcel.force && (parcel.given_back || known) {
            return Err(Error::Refunded);
        }
        if !parcel.carrier.is_empty() {
            record.order.carrier.clone_from(&parcel.carrier);
        }
        if !parcel.tracking_code.is_empty() {
            record.order.tracking_code.clone_from(&parcel.tracking_code);
        }
        record.apply(event, &parcel.note(event))?;
        record.save().await
    });
    write.await
}

/// What staff enters of a parcel.
struct Parcel {
    id: String,
    carrier: String,
    tracking_code: String,
    etag: String,
    /// Even if all of the money went back.
    force: bool,
    /// All of the money went back or is about to, though the order may not know it yet.
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
