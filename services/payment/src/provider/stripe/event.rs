//! Stripe's webhooks: <https://docs.stripe.com/webhooks>. They come late, twice and out of order, so only
//! what stays true is taken from what an event shows; for anything else Stripe is asked.

use kit::id::{PaymentId, RefundId};
use serde::Deserialize;
use serde_json::Value;

use super::object::{Intent, PAYMENT_ID, REFUND_ID, Refund, Session, is_id, name};
use crate::provider::{LONGEST_ID, News, ProviderEvent, Rejection, Standing};

/// The header of the signature.
pub const SIGNATURE: &str = "stripe-signature";

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
    let Some(payment) = metadata::<PaymentId>(&object, PAYMENT_ID) else { return Ok(None) };
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
        | "charge.refunded"
        | "charge.expired" => News::Ask,
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            match refund(object)? {
                Some(news) => news,
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(ProviderEvent { id, payment, news }))
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
        Some("succeeded") => Ok(()),
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
        let told = |standing| Some(News::Charge(Told { reference: "pi_1".to_owned(), standing }));
        assert_eq!(news("payment_intent.succeeded", intent("succeeded")), told(Standing::Captured));
        assert_eq!(news("payment_intent.canceled", intent("canceled")), told(Standing::Voided));
        let authorized = intent("requires_capture");
        assert_eq!(news("payment_intent.amount_capturable_updated", authorized), told(Standing::Authorized));
        for (kind, status) in [
            ("payment_intent.payment_failed", "requires_payment_method"),
            ("payment_intent.requires_action", "requires_action"),
            ("payment_intent.processing", "processing"),
            ("payment_intent.succeeded", "something_new"),
            ("charge.refunded", "succeeded"),
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
        let told = Told { reference: "cs_1".to_owned(), standing };
        assert_eq!(news("checkout.session.expired", session), Some(News::Charge(told)));
    }

    #[test]
    fn a_refund_says_what_became_of_it() {
        let id = RefundId::new();
        let metadata = json!({"payment_id": PaymentId::new(), "refund_id": id});
        let refund = |status: &str| json!({"id": "re_1", "status": status, "failure_reason": "expired_or_canceled_card", "metadata": metadata});
        let ended = |outcome| Some(News::Refund { id, outcome });
        assert_eq!(news("refund.updated", refund("succeeded")), ended(Ok(())));
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
        let by_hand =
            json!({"id": "re_1", "status": "succeeded", "metadata": {"payment_id": PaymentId::new()}});
        assert_eq!(news("refund.created", by_hand), None);
    }

    #[test]
    fn nonsense_is_unreadable() {
        for body in ["", "{}", "[]", "null", r#"{"id":"a/b","type":"x","data":{"object":{}}}"#] {
            assert!(matches!(read(body.as_bytes()), Err(Rejection::Unreadable(_))), "{body}");
        }
    }
}
