//! Stripe's hosted page: a Checkout Session (<https://docs.stripe.com/api/checkout/sessions>) to which the customer
//! is sent. Its PaymentIntent comes to be when the customer pays, and is then the charge like any other.
//!
//! **References.** While the session is open, the charge is known by the session's id (`cs_…`), also where a first
//! card was declined on the page: another one may pay there still, and such a PaymentIntent ends with its
//! session alone. Once the session is complete, the PaymentIntent's id takes its place.
//!
//! **Lost answers.** There is no search for sessions, but a list that is never behind.

use std::time::Duration;

use super::{
    Stripe,
    api::{Problem, Reply},
    find::{CLOCKS_DIFFER, MOST_PAGES, SEARCH_LAG, SEND_WITHIN, never, uncertain, uncertain_failure},
    object::{IntentRef, List, PAYMENT_ID, Session, is_id},
    options, outcome, unknown,
};
use crate::domain::{Charge, ChargeSnapshot, ChargeStatus, Failure, Outcome};

/// The payment method that names the page; so does none.
const CHECKOUT: &str = "checkout";
/// Why a session ended that nobody paid.
pub(super) const EXPIRED: &str = "ACTION_EXPIRED";
/// How long after its payment was made a session ends by itself, should nobody end it: from when it is sent, Stripe
/// takes half an hour to a day.
const OPEN_FOR: Duration = Duration::from_secs(22 * 3600);

/// Whether a payment method stands for the page.
pub(super) fn is_hosted(method: &str) -> bool {
    method.is_empty() || method == CHECKOUT
}

/// Whether a reference is a session's.
pub(super) fn is_session(reference: &str) -> bool {
    reference.starts_with("cs_") && is_id(reference)
}

/// Where a customer comes back to: the page that the operator named, or the order's page in the shop at that address.
/// `how` tells the page whether the customer has paid or has left.
pub(super) fn back(pages: &str, charge: &Charge, how: &str) -> String {
    pages
        .replace(options::ORDER_ID, &charge.order_id.to_string())
        .replace(options::PAYMENT_ID, &charge.payment_id.to_string())
        .replace(options::OUTCOME, how)
}

impl Stripe {
    pub(super) fn session_form(
        &self,
        charge: &Charge,
        amount: i64,
        pages: &str,
    ) -> Vec<(&'static str, String)> {
        let (payment, order) = (charge.payment_id.to_string(), charge.order_id.to_string());
        let number = order.get(order.len().saturating_sub(8)..).unwrap_or(&order).to_uppercase();
        let expires = charge.create_time + OPEN_FOR;
        vec![
            ("mode", "payment".to_owned()),
            ("line_items[0][quantity]", "1".to_owned()),
            ("line_items[0][price_data][currency]", charge.amount.currency.code().to_lowercase()),
            ("line_items[0][price_data][unit_amount]", amount.to_string()),
            ("line_items[0][price_data][product_data][name]", format!("Order {number}")),
            // Also where the money was to be taken at once: the customer may pay long after, when the order has ended.
            // What is only held then is let go of; what is taken would have to be refunded.
            ("payment_intent_data[capture_method]", "manual".to_owned()),
            ("payment_intent_data[metadata][payment_id]", payment.clone()),
            ("payment_intent_data[metadata][order_id]", order.clone()),
            // What is charged is the order's total in the order's currency, and nothing else.
            ("adaptive_pricing[enabled]", "false".to_owned()),
            ("client_reference_id", order.clone()),
            ("metadata[payment_id]", payment),
            ("metadata[order_id]", order),
            ("expires_at", expires.seconds().to_string()),
            ("success_url", back(pages, charge, "done")),
            ("cancel_url", back(pages, charge, "left")),
        ]
    }

    /// Opens the page. The money is held once the customer has paid there.
    pub(super) async fn open_page(&self, key: &str, charge: &Charge, amount: i64) -> Outcome {
        let Some(pages) = &self.pages else {
            let reason = "NO_RETURN_URL".to_owned();
            return Err(Failure::Refused { reason, snapshot: None });
        };
        // A poller that takes up an old payment must not open a second page: after a day Stripe has forgotten the key of the
        // first.
        if self.clock.now().since(charge.create_time) >= SEND_WITHIN {
            let found = self.find_session(charge).await?;
            return found.ok_or_else(|| unknown("it is too late to send it again".to_owned()));
        }
        let form = self.session_form(charge, amount, pages);
        match self.api.post::<Session>(key, "/v1/checkout/sessions", &form).await {
            // The answer of then: the customer may have paid since.
            Ok(Reply { object, replayed: true }) if is_id(&object.id) => {
                self.look_session(&object.id).await.map_err(uncertain_failure)
            }
            Ok(reply) => self.outcome_of(reply.object).await,
            Err(Problem::Unknown { replayed: true, .. }) => {
                Ok(self.list_session(charge).await?.unwrap_or_else(never))
            }
            Err(problem) => problem.declined(),
        }
    }

    /// Ends a session, so that nobody can pay on its page any more. The customer may be paying at this very moment: Stripe
    /// either expires the session or completes it. Where it is completed, the void is refused with the charge as it is, and
    /// the caller decides what becomes of the money that is held.
    pub(super) async fn close_page(&self, key: &str, session: &str) -> Outcome {
        let path = format!("/v1/checkout/sessions/{session}/expire");
        let mut answer = self.api.post::<Session>(key, &path, &[]).await;
        if let Err(Problem::Unknown { replayed: true, .. }) = &answer {
            // The key's answer is 500 for good. Another key does no harm: what is expired is not expired twice.
            let key = format!("{key}:{}", self.clock.now().seconds());
            answer = self.api.post(&key, &path, &[]).await;
        }
        let closed = || ChargeSnapshot::new(session, ChargeStatus::Voided);
        match answer.map_err(Failure::from) {
            Ok(Reply { object, .. }) if object.is_expired() => Ok(closed()),
            Ok(_) => Err(unknown("the session is not closed".to_owned())),
            Err(Failure::Refused { reason, .. }) => match self.look_session(session).await? {
                ChargeSnapshot { status: ChargeStatus::Declined { reason }, .. } if reason == EXPIRED => {
                    Ok(closed())
                }
                snapshot => Err(Failure::Refused { reason, snapshot: Some(snapshot) }),
            },
            Err(failure) => Err(failure),
        }
    }

    /// The charge of a session that is known.
    pub(super) async fn look_session(&self, session: &str) -> Outcome {
        let expand = [("expand[]", "payment_intent".to_owned())];
        let path = format!("/v1/checkout/sessions/{session}");
        match self.api.get::<Session>(&path, &expand).await {
            Ok(session) => self.outcome_of(session).await,
            // Never "there is none": it was there.
            Err(Problem::Refused { status, .. }) => Err(unknown(format!(
                "answered {status} about a session of its own: is the key another account's?"
            ))),
            Err(problem) => Err(problem.into()),
        }
    }

    async fn outcome_of(&self, session: Session) -> Outcome {
        if let Some(snapshot) = session.snapshot() {
            return Ok(snapshot);
        }
        match (session.status.as_deref(), session.payment_intent) {
            (Some("complete"), Some(IntentRef::Whole(intent))) => outcome(&intent),
            (Some("complete"), Some(IntentRef::Id(intent))) if is_id(&intent) => self.look(&intent).await,
            _ => Err(unknown("the session makes no sense".to_owned())),
        }
    }

    /// The session that has our payment's id in its metadata; none, where that is not certain yet.
    pub(super) async fn find_session(&self, charge: &Charge) -> Result<Option<ChargeSnapshot>, Failure> {
        let found = self.list_session(charge).await?;
        let age = self.clock.now().since(charge.create_time);
        Ok(found.or_else(|| (age >= SEND_WITHIN + SEARCH_LAG).then(never)))
    }

    async fn list_session(&self, charge: &Charge) -> Result<Option<ChargeSnapshot>, Failure> {
        let id = charge.payment_id.to_string();
        let (from, to) =
            (charge.create_time - CLOCKS_DIFFER, charge.create_time + SEND_WITHIN + CLOCKS_DIFFER);
        let mut query = vec![
            ("created[gte]", from.seconds().to_string()),
            ("created[lte]", to.seconds().to_string()),
            ("limit", "100".to_owned()),
        ];
        for _ in 0..MOST_PAGES {
            let page: List<Session> =
                self.api.get("/v1/checkout/sessions", &query).await.map_err(uncertain)?;
            let ours = |session: &&Session| session.metadata.get(PAYMENT_ID) == Some(&id);
            match page.data.iter().find(ours) {
                Some(session) => {
                    return self.look_session(&session.id).await.map(Some).map_err(uncertain_failure);
                }
                None if !page.has_more => return Ok(None),
                None => {}
            }
            let Some(last) = page.data.last() else { return Ok(None) };
            query.truncate(3);
            query.push(("starting_after", last.id.clone()));
        }
        Err(unknown("there are too many sessions to find ours".to_owned()))
    }
}
