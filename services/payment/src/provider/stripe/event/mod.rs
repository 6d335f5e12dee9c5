//! Stripe's webhooks: <https://docs.stripe.com/webhooks>. They come late, twice and out of order, so only
//! what stays true is taken from what an event shows; for anything else Stripe is asked.

use kit::{
    Money,
    id::{PaymentId, RefundId},
};
use serde::Deserialize;
use serde_json::Value;

use super::object::{BalanceTransaction, Intent, PAYMENT_ID, REFUND_ID, Refund, Session, is_id, name, size};
use crate::{
    domain::{DisputeState, Fee, Moved},
    provider::{About, DisputeNews, LONGEST_ID, News, ProviderEvent, Rejection, Standing},
};

/// The header of the signature.
pub const SIGNATURE: &str = "stripe-signature";

/// So many bookings of a dispute are read. There are two or three.
const MOST_BOOKINGS: usize = 20;

/// What is asked after where no webhook told of it: nothing else that is done at Stripe without our asking moves the
/// money of a payment that is captured, declined or voided. One that is open is asked after by itself.
///
/// Each part is read by itself. There is a capture for every payment, and they must not crowd out what is rare. What
/// captures a charge, or pays on Stripe's page, ends in the one event of its PaymentIntent; `charge.captured` and those
/// of Checkout Sessions tell nothing more. Captures are read first: what went back was captured before.
pub const RECALLED: [&[&str]; 2] = [
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
    let about = match metadata::<PaymentId>(&object, PAYMENT_ID) {
        Some(payment) => About::Payment(payment),
        // Disputes, and what is made in Stripe's dashboard, name the charge alone.
        None => match object["payment_intent"].as_str() {
            Some(intent) if is_id(intent) => About::Reference(intent.to_owned()),
            _ => return Ok(None),
        },
    };
    let news = match kind.as_str() {
        "payment_intent.succeeded"
        | "payment_intent.canceled"
        | "payment_intent.amount_capturable_updated" => charge(object)?,
        "checkout.session.expired" => ended(object)?,
        // That she has paid there is for its PaymentIntent to say: the money is held, on its way or refused.
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed" => News::Ask,
        // After a decline, Stripe would let the customer try again.
        "payment_intent.payment_failed"
        | "payment_intent.requires_action"
        | "payment_intent.processing"
        | "charge.expired" => News::Ask,
        "charge.refunded" => match amount_of(&object, "amount_refunded")? {
            Some(total) => News::Refunded(total),
            None => News::Ask,
        },
        "charge.dispute.created" | "charge.dispute.updated" | "charge.dispute.closed" => {
            dispute(&object, None)?
        }
        "charge.dispute.funds_withdrawn" => dispute(&object, Some(Moved::Withdrawn))?,
        "charge.dispute.funds_reinstated" => dispute(&object, Some(Moved::Reinstated))?,
        "refund.failed" if metadata::<RefundId>(&object, REFUND_ID).is_none() => {
            match amount_of(&object, "amount")? {
                Some(amount) => News::CameBack(amount),
                None => return Ok(None),
            }
        }
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            match refund(object)? {
                Some(news) => news,
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(ProviderEvent { id, about, news }))
}

/// A dispute: <https://docs.stripe.com/api/disputes/object>.
fn dispute(object: &Value, moved: Option<Moved>) -> Result<News, Rejection> {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    let reference = text("id");
    let Some(amount) = amount_of(object, "amount")?.filter(|_| is_id(reference)) else {
        return Err(Rejection::Unreadable("a dispute without an id or an amount".to_owned()));
    };
    let state = match text("status") {
        // A bank's question that came to nothing took no money.
        "won" | "warning_closed" | "prevented" => DisputeState::Won,
        "lost" => DisputeState::Lost,
        _ => DisputeState::Open,
    };
    let (reason, fees) = (name(text("reason")), fees(object));
    Ok(News::Dispute(DisputeNews { reference: reference.to_owned(), amount, state, reason, moved, fees }))
}

/// What a dispute has cost by now, one for each booking. One that makes no sense does not keep the dispute's own money
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
    size(object[field].as_i64(), object["currency"].as_str())
        .ok_or_else(|| Rejection::Unreadable(format!("`{field}` is no amount of money")))
}

fn charge(object: Value) -> Result<News, Rejection> {
    let intent: Intent =
        serde_json::from_value(object).map_err(|error| Rejection::Unreadable(error.to_string()))?;
    Ok(match intent.told() {
        // Ours is authorised, captured or cancelled by this event; anything else is a newer snapshot.
        Some(told)
            if matches!(told.standing, Standing::Authorized | Standing::Captured | Standing::Voided) =>
        {
            News::Charge(told)
        }
        _ => News::Ask,
    })
}

fn ended(object: Value) -> Result<News, Rejection> {
    let session: Session =
        serde_json::from_value(object).map_err(|error| Rejection::Unreadable(error.to_string()))?;
    Ok(match session.told() {
        Some(told) if session.is_expired() => News::Charge(told),
        _ => News::Ask,
    })
}

fn refund(object: Value) -> Result<Option<News>, Rejection> {
    // One that was made by hand in Stripe's dashboard is not in our books.
    let Some(id) = metadata::<RefundId>(&object, REFUND_ID) else { return Ok(None) };
    let refund: Refund =
        serde_json::from_value(object).map_err(|error| Rejection::Unreadable(error.to_string()))?;
    let outcome = match refund.status.as_deref() {
        Some("succeeded") => {
            let size = size(refund.amount, refund.currency.as_deref());
            Ok(size.ok_or_else(|| Rejection::Unreadable("the refund's amount is none".to_owned()))?)
        }
        Some(status @ ("failed" | "canceled")) => {
            Err(name(refund.failure_reason.as_deref().unwrap_or(status)))
        }
        _ => return Ok(None),
    };
    Ok(Some(News::Refund { id, outcome }))
}

/// An id of ours in an object's metadata.
fn metadata<I: kit::id::Id>(object: &Value, key: &str) -> Option<I> {
    object["metadata"][key].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use kit::id::Id;
    use serde_json::json;

    use super::*;
    use crate::provider::Told;

    fn news(kind: &str, object: Value) -> Option<News> {
        let event = json!({"id": "evt_1", "type": kind, "data": {"object": object}});
        let event = read(event.to_string().as_bytes()).unwrap()?;
        assert_eq!(event.id, "evt_1");
        Some(event.news)
    }

    fn intent(status: &str) -> Value {
        json!({"id": "pi_1", "status": status, "metadata": {"payment_id": PaymentId::new()}})
    }

    #[test]
    fn what_stays_true_is_believed_and_the_rest_is_asked_for() {
        let told = |standing| Some(News::Charge(Told::new("pi_1", standing)));
        assert_eq!(news("payment_intent.succeeded", intent("succeeded")), told(Standing::Captured));
        assert_eq!(news("payment_intent.canceled", intent("canceled")), told(Standing::Voided));
        let authorized = intent("requires_capture");
        assert_eq!(news("payment_intent.amount_capturable_updated", authorized), told(Standing::Authorized));
        for (kind, status) in [
            ("payment_intent.payment_failed", "requires_payment_method"),
            ("payment_intent.requires_action", "requires_action"),
            ("payment_intent.processing", "processing"),
            ("payment_intent.succeeded", "something_new"),
            ("checkout.session.completed", "complete"),
            ("checkout.session.async_payment_succeeded", "complete"),
            ("checkout.session.async_payment_failed", "complete"),
            ("checkout.session.expired", "open"),
        ] {
            assert_eq!(news(kind, intent(status)), Some(News::Ask), "{kind}");
        }
    }

    #[test]
    fn a_session_that_ended_stays_ended() {
        let mut session = intent("expired");
        session["id"] = "cs_1".into();
        let standing = Standing::Declined { reason: "ACTION_EXPIRED".to_owned() };
        let told = Told::new("cs_1", standing);
        assert_eq!(news("checkout.session.expired", session), Some(News::Charge(told)));
    }

    #[test]
    fn a_refund_says_what_became_of_it() {
        let id = RefundId::new();
        let metadata = json!({"payment_id": PaymentId::new(), "refund_id": id});
        let refund = |status: &str| json!({"id": "re_1", "status": status, "failure_reason": "expired_or_canceled_card", "metadata": metadata});
        let ended = |outcome| Some(News::Refund { id, outcome });
        assert_eq!(news("refund.updated", refund("succeeded")), ended(Ok(None)));
        let failed = "EXPIRED_OR_CANCELED_CARD".to_owned();
        assert_eq!(news("refund.failed", refund("failed")), ended(Err(failed)));
        assert_eq!(news("refund.updated", refund("pending")), None);
    }

    #[test]
    fn what_is_not_ours_is_nothing_to_us() {
        assert_eq!(news("payment_intent.succeeded", json!({"id": "pi_1", "status": "succeeded"})), None);
        let somebody = json!({"id": "pi_1", "status": "succeeded", "metadata": {"payment_id": "42"}});
        assert_eq!(news("payment_intent.succeeded", somebody), None);
        assert_eq!(news("payment_intent.created", intent("requires_confirmation")), None);
        // A refund made in the dashboard counts by what its charge says of all refunds.
        let by_hand =
            json!({"id": "re_1", "status": "succeeded", "metadata": {"payment_id": PaymentId::new()}});
        assert_eq!(news("refund.created", by_hand), None);
    }

    #[test]
    fn a_dispute_names_its_charge_and_says_where_its_money_is() {
        let dispute = |kind: &str, status: &str| {
            let object = json!({"id": "dp_1", "amount": 1000, "currency": "eur", "status": status,
                "reason": "fraudulent", "payment_intent": "pi_1", "metadata": {}});
            let event = json!({"id": "evt_1", "type": kind, "data": {"object": object}});
            let event = read(event.to_string().as_bytes()).unwrap().unwrap();
            assert_eq!(event.about, About::Reference("pi_1".to_owned()));
            let News::Dispute(news) = event.news else { panic!("{event:?}") };
            assert_eq!((news.reference.as_str(), news.reason.as_str()), ("dp_1", "FRAUDULENT"));
            assert_eq!(news.amount, "10.00 EUR".parse().unwrap());
            (news.state, news.moved)
        };
        use DisputeState::{Lost, Open, Won};
        assert_eq!(dispute("charge.dispute.created", "needs_response"), (Open, None));
        assert_eq!(dispute("charge.dispute.funds_withdrawn", "under_review"), (Open, Some(Moved::Withdrawn)));
        assert_eq!(dispute("charge.dispute.funds_reinstated", "won"), (Won, Some(Moved::Reinstated)));
        assert_eq!(dispute("charge.dispute.closed", "won"), (Won, None));
        assert_eq!(dispute("charge.dispute.closed", "lost"), (Lost, None));
        assert_eq!(dispute("charge.dispute.closed", "warning_closed"), (Won, None));
    }

    #[test]
    fn a_dispute_says_what_it_has_cost() {
        let fees = |bookings: Value| {
            let object = json!({"id": "dp_1", "amount": 1000, "currency": "eur", "status": "lost",
                "payment_intent": "pi_1", "balance_transactions": bookings});
            let event = json!({"id": "evt_1", "type": "charge.dispute.closed", "data": {"object": object}});
            match read(event.to_string().as_bytes()).unwrap().unwrap().news {
                News::Dispute(news) => news.fees,
                other => panic!("{other:?}"),
            }
        };
        let booking = |number: usize, fee: i64| {
            json!({"id": format!("txn_{number}"), "amount": -1200,
            "fee": fee, "net": -1200 - fee, "currency": "usd"})
        };
        let fee = |number: usize, amount: &str| Fee {
            reference: format!("txn_{number}"),
            amount: amount.parse().unwrap(),
        };
        assert_eq!(
            fees(json!([booking(1, 1500), booking(2, -300)])),
            [fee(1, "15.00 USD"), fee(2, "-3.00 USD")]
        );
        for none in [Value::Null, json!([]), json!("txn_1")] {
            assert_eq!(fees(none), []);
        }
        // The others, and the dispute itself, are not lost with one that makes no sense.
        assert_eq!(fees(json!(["txn_1", {"id": 7}, null, booking(2, 1)])), [fee(2, "0.01 USD")]);
        let many: Vec<Value> = (0..1_000).map(|number| booking(number, 1)).collect();
        assert_eq!(fees(many.into()).len(), MOST_BOOKINGS);
    }

    #[test]
    fn what_went_back_is_told_in_all() {
        let mut charge = intent("succeeded");
        charge["amount_refunded"] = 300.into();
        charge["currency"] = "eur".into();
        let refunded = News::Refunded("3.00 EUR".parse().unwrap());
        assert_eq!(news("charge.refunded", charge), Some(refunded));
    }

    #[test]
    fn nonsense_is_unreadable() {
        for body in ["", "{}", "[]", "null", r#"{"id":"a/b","type":"x","data":{"object":{}}}"#] {
            assert!(matches!(read(body.as_bytes()), Err(Rejection::Unreadable(_))), "{body}");
        }
    }
}
