//! AddAdjustment, RemoveAdjustment: what staff add to an open order's total and take off it.

use contracts::order::{AddAdjustmentRequest, Order, RemoveAdjustmentRequest};
use kit::{Call, Fault, Money, Reason, Written, id::AdjustmentId};

use super::{lines::must_be_open, lock, named, parse};
use crate::{
    domain::{Adjustment, AdjustmentKind, adjustment::room_for_another, basket},
    error::Error,
    orders::Orders,
};

/// Staff adds shipping or a fee, or takes a discount off.
pub async fn add_adjustment(
    orders: &Orders,
    call: &Call,
    request: AddAdjustmentRequest,
) -> Result<Written<Order>, Error> {
    let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
    let amount = request.amount.as_ref().ok_or_else(|| Fault::invalid("amount", "is required"))?;
    let amount = Money::read(amount, "amount")?;
    let kind = AdjustmentKind::try_from(request.r#type());
    let kind = kind.map_err(|()| Fault::invalid("type", "is required"))?;
    let adjustment = Adjustment::by_staff(kind, &request.label, amount)?;
    let write = orders.write(call, (adjustment, request.etag), move |tx, input| async move {
        let (adjustment, etag) = &*input;
        let mut record = lock(&tx, named, scope).await?;
        must_be_open(&record)?;
        record.check_etag(etag)?;
        let currency = basket::currency(&record.lines).ok_or(Error::Empty)?;
        if currency != adjustment.amount.currency {
            let message = format!("the order is in {currency}, this is in {}", adjustment.amount.currency);
            return Err(Fault::new(Reason::CurrencyMismatch, message).into());
        }
        room_for_another(&record.adjustments)?;
        record.note(&format!("Added: {}.", adjustment.describe()));
        record.adjustments.push(adjustment.clone());
        record.save().await
    });
    write.await
}

/// Staff removes an adjustment.
pub async fn remove_adjustment(
    orders: &Orders,
    call: &Call,
    request: RemoveAdjustmentRequest,
) -> Result<Written<Order>, Error> {
    let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
    let id: AdjustmentId = parse(&request.adjustment_id, "adjustment_id")?;
    let write = orders.write(call, request.etag, move |tx, etag| async move {
        let mut record = lock(&tx, named, scope).await?;
        let place = record.adjustments.iter().position(|adjustment| adjustment.id == id);
        let place = place.ok_or(Error::NotFound("adjustment"))?;
        must_be_open(&record)?;
        record.check_etag(&etag)?;
        if record.adjustments[place].automatic {
            let message = "the shop's configuration makes this one: give a discount instead";
            return Err(Fault::new(Reason::AutomaticAdjustment, message).into());
        }
        let adjustment = record.adjustments.remove(place);
        record.note(&format!("Taken out: {}.", adjustment.describe()));
        record.save().await
    });
    write.await
}
