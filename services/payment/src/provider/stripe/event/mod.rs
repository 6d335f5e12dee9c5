//! Stripe's events: <https://docs.stripe.com/webhooks>. They come late, twice and out of order, so only what stays true
//! is taken from what an event shows; anything else is reconciled by a query.

#[cfg(test)]
mod tests;

use kit::{
    Money,
    id::{PaymentId, RefundId},
};
use serde::Deserialize;
use serde_json::Value;

use super::object::{
    BalanceTransaction, Intent, PAYMENT_ID, REFUND_ID, Refund, Session, amount_if_any, is_id, name,
};
use crate::{
    domain::{ChargeStatus, DisputeState, Fee, Moved},
    provider::{Content, DisputeSnapshot, LONGEST_ID, ProviderEvent, Rejection, Subject},
};

/// The header of the signature.
pub const SIGNATURE: &str = "stripe-signature";

/// So many bookings of a dispute are read. There are two or three.
const MOST_BOOKINGS: usize = 20;

/// The types of events that are read from Stripe's record, for where no webhook came: nothing else that is done at Stripe
/// without us moves the money of a payment that is captured, declined or voided. An open payment is queried anyway.
///
/// Each part is read by itself, within its own bound: there is a capture for every payment, and a thousand of them must
/// not crowd out a dispute. Whatever captures a charge ends in the one event of its PaymentIntent, so `charge.captured`
/// and the events of Checkout Sessions are not read. Captures are read first: a refund is refused until its payment is
/// known to be captured.
pub const LISTED: [&[&str]; 2] = [
    &["payment_intent.succeeded"],
    &[
        "charge.refunded",
        "refund.updated",
        "refund.failed",
        "charge.refund.updated",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    ],
];

/// What is read of an event.
#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    object: Value,
}

/// What an event means; `None`, where it is about nothing of ours, or nothing that matters.
pub fn read(body: &[u8]) -> Result<Option<ProviderEvent>, Rejection> {
    let unreadable = |error: serde_json::Error| Rejection::Unreadable(error.to_string());
    let Event { id, kind, data: Data { object } } = serde_json::from_slice(body).map_err(unreadable)?;
    if !is_id(&id) || id.len() > LONGEST_ID {
        return Err(Rejection::Unreadable("its id is none".to_owned()));
    }
    let subject = match metadata::<PaymentId>(&object, PAYMENT_ID) {
        Some(payment) => Subject::Payment(payment),
        // Disputes, and what is made in Stripe's dashboard, name the charge alone.
        None => match object["payment_intent"].as_str() {
            Some(intent) if is_id(intent) => Subject::Reference(intent.to_owned()),
            _ => return Ok(None),
        },
    };
    let content = match kind.as_str() {
        "payment_intent.succeeded"
        | "payment_intent.canceled"
        | "payment_intent.amount_capturable_updated" => charge(object)?,
        "checkout.session.expired" => ended(object)?,
        // Whether the money is held, on its way or refused is what its PaymentIntent says.
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed" => Content::Reconcile,
        // After a decline, Stripe would let the customer try again.
        "payment_intent.payment_failed"
        | "payment_intent.requires_action"
        | "payment_intent.processing"
        | "charge.expired" => Content::Reconcile,
        "charge.refunded" => match amount_of(&object, "amount_refunded")? {
            Some(total) => Content::RefundedTotal(total),
            None => Content::Reconcile,
        },
        "charge.dispute.created" | "charge.dispute.updated" | "charge.dispute.closed" => {
            dispute(&object, None)?
        }
        "charge.dispute.funds_withdrawn" => dispute(&object, Some(Moved::Withdrawn))?,
        "charge.dispute.funds_reinstated" => dispute(&object, Some(Moved::Reinstated))?,
        "refund.failed" if metadata::<RefundId>(&object, REFUND_ID).is_none() => {
            match amount_of(&object, "amount")? {
                Some(amount) => Content::RefundReturned(amount),
                None => return Ok(None),
            }
        }
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            match refund(object)? {
                Some(content) => content,
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(ProviderEvent { id, subject, content }))
}

/// A dispute: <https://docs.stripe.com/api/disputes/object>.
fn dispute(object: &Value, moved: Option<Moved>) -> Result<Content, Rejection> {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    let reference = text("id");
    let Some(amount) = amount_of(object, "amount")?.filter(|_| is_id(reference)) else {
        return Err(Rejection::Unreadable("a dispute without an id or an amount".to_owned()));
    };
    let state = match text("status") {
        // An inquiry that came to nothing took no money.
        "won" | "warning_closed" | "prevented" => DisputeState::Won,
        "lost" => DisputeState::Lost,
        _ => DisputeState::Open,
    };
    let (reason, fees) = (name(text("reason")), fees(object));
    Ok(Content::Dispute(DisputeSnapshot {
        reference: reference.to_owned(),
        amount,
        state,
        reason,
        moved,
        fees,
    }))
}

/// What a dispute has cost by now, a fee for each booking. One that makes no sense does not keep the dispute's own money
/// from being booked.
fn fees(dispute: &Value) -> Vec<Fee> {
    let bookings = dispute["balance_transactions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |booking: &Value| {
        let fee = BalanceTransaction::deserialize(booking).ok().and_then(|booking| booking.fee());
        if fee.is_none() {
            let (dispute, booking) = (dispute["id"].as_str(), booking["id"].as_str());
            tracing::warn!(dispute, booking, "a fee of a dispute cannot be read, and is not booked");
        }
        fee
    };
    bookings.iter().take(MOST_BOOKINGS).filter_map(read).collect()
}

/// An amount in an object's currency, where it has it.
fn amount_of(object: &Value, field: &str) -> Result<Option<Money>, Rejection> {
    amount_if_any(object[field].as_i64(), object["currency"].as_str())
        .ok_or_else(|| Rejection::Unreadable(format!("`{field}` is no amount of money")))
}

fn charge(object: Value) -> Result<Content, Rejection> {
    let intent: Intent =
        serde_json::from_value(object).map_err(|error| Rejection::Unreadable(error.to_string()))?;
    Ok(match intent.snapshot() {
        // Ours is authorised, captured or cancelled by this event; anything else is a newer snapshot.
        Some(snapshot)
            if matches!(
                snapshot.status,
                ChargeStatus::Authorized | ChargeStatus::Captured | ChargeStatus::Voided
            ) =>
        {
            Content::Charge(snapshot)
        }
        _ => Content::Reconcile,
    })
}

fn ended(object: Value) -> Result<Content, Rejection> {
    let session: Session =
        serde_json::from_value(object).map_err(|error| Rejection::Unreadable(error.to_string()))?;
    Ok(match session.snapshot() {
        Some(snapshot) if session.is_expired() => Content::Charge(snapshot),
        _ => Content::Reconcile,
    })
}

fn refund(object: Value) -> Result<Option<Content>, Rejection> {
    // One that was made in Stripe's dashboard is booked by its charge's total.
    let Some(id) = metadata::<RefundId>(&object, REFUND_ID) else { return Ok(None) };
    let refund: Refund =
        serde_json::from_value(object).map_err(|error| Rejection::Unreadable(error.to_string()))?;
    let outcome = match refund.status.as_deref() {
        Some("succeeded") => {
            let amount = amount_if_any(refund.amount, refund.currency.as_deref());
            Ok(amount.ok_or_else(|| Rejection::Unreadable("the refund's amount is none".to_owned()))?)
        }
        Some(status @ ("failed" | "canceled")) => {
            Err(name(refund.failure_reason.as_deref().unwrap_or(status)))
        }
        _ => return Ok(None),
    };
    Ok(Some(Content::Refund { id, outcome }))
}

/// An id of ours in an object's metadata.
fn metadata<I: kit::id::Id>(object: &Value, key: &str) -> Option<I> {
    object["metadata"][key].as_str()?.parse().ok()
}
