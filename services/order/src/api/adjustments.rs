//! What is added to an open order's total and taken off it.

use contracts::order::{AddAdjustmentRequest, AdjustmentType, Order, RemoveAdjustmentRequest};
use kit::{Call, Fault, Money, Reason, Written, id::AdjustmentId};

use super::{Api, lines::must_be_open, lock, named, parse};
use crate::{
    domain::{Adjustment, Line, adjustment::room_for_another, basket, totals::settle},
    error::Error,
    options::Options,
    store::Record,
};

impl Api {
    /// Staff adds carriage or a fee, or takes a discount off.
    pub(crate) async fn adjust(
        &self,
        call: &Call,
        request: AddAdjustmentRequest,
    ) -> Result<Written<Order>, Error> {
        let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
        let amount = request.amount.as_ref().ok_or_else(|| Fault::invalid("amount", "is required"))?;
        let amount = Money::read(amount, "amount")?;
        let adjustment = Adjustment::by_staff(request.r#type(), &request.label, amount)?;
        let write = move |tx: kit::Tx| {
            let (adjustment, etag) = (adjustment.clone(), request.etag.clone());
            async move {
                let mut record = lock(&tx, named, scope).await?;
                must_be_open(&record)?;
                record.check_etag(&etag)?;
                let currency = basket::currency(&record.lines).ok_or(Error::Empty)?;
                if currency != adjustment.amount.currency {
                    let message =
                        format!("the order is in {currency}, this is in {}", adjustment.amount.currency);
                    return Err(Fault::new(Reason::CurrencyMismatch, message).into());
                }
                room_for_another(&record.adjustments)?;
                record.tell(&format!("Added: {}.", adjustment.describe()));
                record.adjustments.push(adjustment);
                record.save().await
            }
        };
        self.saga.write(call, write).await
    }

    /// Staff takes an adjustment back.
    pub(crate) async fn take_back(
        &self,
        call: &Call,
        request: RemoveAdjustmentRequest,
    ) -> Result<Written<Order>, Error> {
        let (named, scope) = (named(call, &request.order_id, "order_id")?, call.scope()?);
        let id: AdjustmentId = parse(&request.adjustment_id, "adjustment_id")?;
        let write = move |tx: kit::Tx| {
            let etag = request.etag.clone();
            async move {
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
                record.tell(&format!("Taken out: {}.", adjustment.describe()));
                record.save().await
            }
        };
        self.saga.write(call, write).await
    }

    /// The adjustments with the payment type's fee in place of any other.
    pub(super) fn with_fee(
        &self,
        lines: &[Line],
        mut adjustments: Vec<Adjustment>,
        kind: i32,
    ) -> Result<Vec<Adjustment>, Error> {
        adjustments.retain(|adjustment| !adjustment.is_automatic(AdjustmentType::Fee));
        let total = crate::domain::totals(lines, &adjustments)?.ok_or(Error::Empty)?.before_fee;
        let kind = self.payment_types.get(kind).ok_or_else(|| Fault::internal("a payment type is gone"))?;
        let fee = kind.fee(total)?;
        if fee.minor > 0 {
            adjustments.push(Adjustment::automatic(AdjustmentType::Fee, "Payment fee", fee));
        }
        Ok(adjustments)
    }
}

/// Brings the carriage that the configuration sets up to date: that of the lines' currency, none without lines.
pub(crate) fn carriage(record: &mut Record, options: &Options) {
    record.adjustments = with_carriage(&record.lines, std::mem::take(&mut record.adjustments), options);
}

/// The adjustments as they are with these lines, and with the carriage that the configuration sets.
pub(super) fn up_to_date(
    lines: &[Line],
    adjustments: Vec<Adjustment>,
    options: &Options,
) -> Result<Vec<Adjustment>, Error> {
    let mut adjustments = with_carriage(lines, adjustments, options);
    settle(lines, &mut adjustments)?;
    Ok(adjustments)
}

fn with_carriage(lines: &[Line], mut adjustments: Vec<Adjustment>, options: &Options) -> Vec<Adjustment> {
    let amount = basket::currency(lines).and_then(|currency| options.shipping_in(currency));
    let place = adjustments.iter().position(|adjustment| adjustment.is_automatic(AdjustmentType::Shipping));
    match (amount, place) {
        (Some(amount), Some(place)) => adjustments[place].given = amount,
        (Some(amount), None) => {
            adjustments.push(Adjustment::automatic(AdjustmentType::Shipping, "Shipping", amount));
        }
        (None, Some(place)) => {
            adjustments.remove(place);
        }
        (None, None) => {}
    }
    adjustments
}
