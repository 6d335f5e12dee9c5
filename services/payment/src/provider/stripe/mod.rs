//! Stripe: PaymentIntents that are confirmed as they are made, and captured with that or later, or that come to be on
//! Stripe's own page ([`hosted`]).
//!
//! **Keys.** Every POST carries our key, and Stripe answers a key that it knows with what it answered then.
//! It forgets keys after 24 hours (<https://docs.stripe.com/api/idempotent_requests>): sent again after that,
//! a request is a new one. So a charge is begun within an hour after its payment was made or not at all, and
//! a refund that is older than most of a day is looked for before it is sent. Captures and cancellations
//! need no such care: Stripe refuses the second one, and says how the charge stands.
//!
//! **A charge whose answer was lost** before we had its id is searched for by the payment's id in its
//! metadata. That the search finds nothing proves nothing at first, since it lags behind (a minute; an hour
//! when things are bad: <https://docs.stripe.com/search#data-freshness>). Then the charge is sent again, under
//! the same key; where that only brings back an answer 500 that Stripe keeps for the key, the list of all
//! charges of that time decides, which is never behind but long. An hour after the last sending, nothing
//! found means that there is nothing.

mod amount;
mod api;
mod balance;
mod event;
mod find;
mod hosted;
mod object;
mod options;
mod refund;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use kit::{Clock, Money, Secret, StartError, Time};

pub use options::{Pages, StripeOptions};

use self::{
    api::{Api, Problem},
    event::SIGNATURE,
    find::{SEND_WITHIN, never, uncertain_failure},
    hosted::{back, is_hosted, is_session},
    object::{Intent, is_id},
};
use super::{Cursor, EventPage, Provider, ProviderEvent, Rejection, signature, single};
use crate::domain::{Capabilities, Charge, ChargeSnapshot, ChargeStatus, Failure, Outcome};

/// The provider's name in configuration.
pub const NAME: &str = "stripe";

/// The client of an account.
pub struct Stripe {
    api: Api,
    /// Signs its webhooks.
    webhook_key: Option<hmac::Key>,
    /// Where customers come back to from their bank's page.
    return_url: Option<String>,
    /// The same from Stripe's own page; without it there is none to send them to.
    pages: Option<String>,
    /// How often its events are read.
    events_interval: Duration,
    clock: Clock,
}

impl Stripe {
    /// The account whose secret key is configured, if one is. `timeout`: how long an answer may take.
    pub fn new(
        options: &StripeOptions,
        pages: &Pages,
        timeout: Duration,
        clock: Clock,
    ) -> Result<Option<Self>, StartError> {
        // Its other settings are looked at also without a key: a file that is not there is a mistake.
        let (key, _, _) = (options.secret_key()?, options.webhook_secret()?, options.return_url()?);
        let Some(key) = key else { return Ok(None) };
        Self::with_key(options, pages, key, timeout, clock).map(Some)
    }

    fn with_key(
        options: &StripeOptions,
        pages: &Pages,
        key: Secret,
        timeout: Duration,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let api = Api::new(&options.stripe_url, key, timeout)?;
        let webhook_key = options.webhook_secret()?.map(|secret| signature::key(secret.expose().as_bytes()));
        let return_url = options.return_url()?;
        let (pages, events_interval) = (pages.for_page(return_url.clone()), options.stripe_events_interval);
        Ok(Self { api, webhook_key, pages, return_url, events_interval, clock })
    }

    fn intent_form(&self, charge: &Charge, amount: i64) -> Vec<(&'static str, String)> {
        let mut form = vec![
            ("amount", amount.to_string()),
            ("currency", charge.amount.currency.code().to_lowercase()),
            ("capture_method", if charge.capture { "automatic" } else { "manual" }.to_owned()),
            ("confirm", "true".to_owned()),
            ("payment_method", charge.method.clone()),
            ("automatic_payment_methods[enabled]", "true".to_owned()),
            ("metadata[payment_id]", charge.payment_id.to_string()),
            ("metadata[order_id]", charge.order_id.to_string()),
        ];
        match &self.return_url {
            Some(url) => form.push(("return_url", back(url, charge, "done"))),
            // There is nowhere to send the customer back to, so a card that asks for an action is declined
            // (AUTHENTICATION_REQUIRED) rather than left waiting.
            None => form.extend([
                ("automatic_payment_methods[allow_redirects]", "never".to_owned()),
                ("error_on_requires_action", "true".to_owned()),
            ]),
        }
        form
    }

    /// Captures or cancels.
    async fn change(&self, key: &str, charge: &Charge, verb: &str) -> Outcome {
        let reference = self.reference(charge).await?;
        let path = format!("/v1/payment_intents/{reference}/{verb}");
        let mut answer = self.api.post::<Intent>(key, &path, &[]).await;
        if let Err(Problem::Unknown { replayed: true, .. }) = &answer {
            // The key's answer is 500 for good. Another key does no harm: what is done already is refused.
            let key = format!("{key}:{}", self.clock.now().seconds());
            answer = self.api.post(&key, &path, &[]).await;
        }
        match answer.map_err(Failure::from) {
            Ok(reply) => outcome(&reply.object),
            // A capture that met a void, or a hold that expired: Stripe refuses the later one without saying what the charge
            // is now.
            Err(Failure::Refused { reason, snapshot: None }) => {
                Err(Failure::Refused { reason, snapshot: self.look(&reference).await.ok() })
            }
            Err(failure) => Err(failure),
        }
    }
}

#[async_trait::async_trait]
impl Provider for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Card"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            idempotent: true,
            can_query: true,
            can_void: true,
            can_refund: true,
            partial_refund: true,
            // Only the customer can end a payment's wait.
            can_acknowledge: false,
        }
    }

    /// A PaymentMethod, or one of the older cards and sources that Stripe takes for one; by default, Stripe's page.
    fn accepts(&self, method: &str) -> bool {
        if is_hosted(method) {
            return self.has_page();
        }
        ["pm_", "card_", "src_"]
            .iter()
            .any(|prefix| method.len() > prefix.len() && method.starts_with(prefix))
            && is_id(method)
    }

    fn has_page(&self) -> bool {
        self.pages.is_some()
    }

    async fn reach(&self) -> Result<String, String> {
        self.ask_for_balance().await
    }

    async fn authorize(&self, key: &str, charge: &Charge) -> Outcome {
        if is_free(charge) {
            return Ok(free(if charge.capture { ChargeStatus::Captured } else { ChargeStatus::Authorized }));
        }
        let Some(amount) = amount::minor_units(charge.amount) else { return Err(not_exact()) };
        if is_hosted(&charge.method) {
            return self.open_page(key, charge, amount).await;
        }
        // A poller that takes up an old payment must not charge twice: after a day Stripe has forgotten the key of the first
        // request.
        if self.clock.now().since(charge.create_time) >= SEND_WITHIN {
            let found = self.search(charge).await?;
            return found.ok_or_else(|| unknown("it is too late to send it again".to_owned()));
        }
        let form = self.intent_form(charge, amount);
        match self.api.post::<Intent>(key, "/v1/payment_intents", &form).await {
            // The answer of then: the charge may have been captured or cancelled since.
            Ok(reply) if reply.replayed && is_id(&reply.object.id) => {
                self.look(&reply.object.id).await.map_err(uncertain_failure)
            }
            Ok(reply) => outcome(&reply.object),
            // The key's answer is 500 for good; what the request left behind is in Stripe's list.
            Err(Problem::Unknown { replayed: true, .. }) => {
                Ok(self.list(charge).await?.unwrap_or_else(never))
            }
            Err(problem) => problem.declined(),
        }
    }

    async fn capture(&self, key: &str, charge: &Charge) -> Outcome {
        if is_free(charge) {
            return Ok(free(ChargeStatus::Captured));
        }
        self.change(key, charge, "capture").await
    }

    async fn void(&self, key: &str, charge: &Charge) -> Outcome {
        if is_free(charge) {
            return Ok(free(ChargeStatus::Voided));
        }
        if is_hosted(&charge.method) {
            let mut session = charge.reference.clone();
            if session.is_empty() {
                match self.find_session(charge).await? {
                    Some(snapshot) if snapshot.reference.is_empty() => return Ok(snapshot),
                    Some(snapshot) => session = snapshot.reference,
                    None => return Err(unknown("the session's id is not known".to_owned())),
                }
            }
            if is_session(&session) {
                return self.close_page(key, &session).await;
            }
        }
        self.change(key, charge, "cancel").await
    }

    async fn acknowledge(&self, _key: &str, _charge: &Charge) -> Outcome {
        Err(Failure::Refused { reason: "NOT_SUPPORTED".to_owned(), snapshot: None })
    }

    async fn refund(&self, key: &str, charge: &Charge, amount: Money) -> Outcome {
        self.refund_charge(key, charge, amount).await
    }

    async fn query(&self, charge: &Charge) -> Result<Option<ChargeSnapshot>, Failure> {
        let reference = &charge.reference;
        match is_id(reference) {
            true if is_session(reference) => self.look_session(reference).await.map(Some),
            true => self.look(reference).await.map(Some),
            false if is_hosted(&charge.method) => self.find_session(charge).await,
            false => self.search(charge).await,
        }
    }

    fn events_interval(&self) -> Option<Duration> {
        Some(self.events_interval)
    }

    async fn list_events(&self, since: Time, read: &Cursor) -> Result<EventPage, Failure> {
        self.events(since, read).await
    }

    fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Time,
    ) -> Result<Option<ProviderEvent>, Rejection> {
        let key = self.webhook_key.as_ref().ok_or(Rejection::NoEvents)?;
        signature::verify(key, single(headers, SIGNATURE)?, body, now)?;
        event::read(body)
    }
}

fn outcome(intent: &Intent) -> Outcome {
    intent.snapshot().ok_or_else(|| unknown("the answer makes no sense".to_owned()))
}

fn unknown(problem: String) -> Failure {
    Failure::Unknown { problem }
}

/// Stripe charges nothing under a minimum; nothing to pay needs no Stripe.
fn is_free(charge: &Charge) -> bool {
    charge.amount.minor == 0
}

fn free(status: ChargeStatus) -> ChargeSnapshot {
    ChargeSnapshot::new("", status)
}

fn not_exact() -> Failure {
    Failure::Refused { reason: "AMOUNT_NOT_SUPPORTED".to_owned(), snapshot: None }
}

/// A payment type needs Stripe, and there is no key.
pub fn no_key(payment_type: i32) -> StartError {
    let message = format!(
        "payment type {payment_type} is paid by stripe: set FEIRA_STRIPE_SECRET_KEY or FEIRA_STRIPE_SECRET_KEY_FILE"
    );
    StartError::Settings(message)
}
