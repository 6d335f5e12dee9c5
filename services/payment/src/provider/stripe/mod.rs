//! Stripe: PaymentIntents that are confirmed as they are made and captured later.
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
mod event;
mod object;
mod options;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use kit::{
    Clock, Fault, Money, Secret, Time,
    id::{Id, RefundId},
};
use tonic::Code;

pub use options::StripeOptions;

use self::{
    api::{Api, Problem},
    event::SIGNATURE,
    object::{Intent, List, PAYMENT_ID, REFUND_ID, Refund, is_id, name},
};
use super::{
    Capabilities, Charge, Failure, Outcome, Provider, ProviderEvent, Rejection, Standing, Told, signature,
    single,
};
use crate::domain::PROVIDER_UNAVAILABLE;

/// The provider's name in configuration.
pub const NAME: &str = "stripe";
/// For how long after its payment was made a charge is sent.
const SEND_WITHIN: Duration = Duration::from_secs(3600);
/// For how long after that the search may not find it yet.
const SEARCH_LAG: Duration = Duration::from_secs(3600);
/// Stripe's clock and ours are not further apart.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);
/// So many pages of a hundred charges are looked through for ours.
const MOST_PAGES: usize = 50;
/// After this long Stripe may have forgotten a key.
const KEYS_LAST: Duration = Duration::from_secs(23 * 3600);

/// The client of an account.
pub struct Stripe {
    api: Api,
    /// Signs its webhooks.
    webhook_key: Option<hmac::Key>,
    return_url: Option<String>,
    clock: Clock,
}

impl Stripe {
    /// The account whose secret key is configured, if one is. `timeout`: how long an answer may take.
    pub fn new(options: &StripeOptions, timeout: Duration, clock: Clock) -> Result<Option<Self>, Fault> {
        let Some(key) = options.secret_key()? else { return Ok(None) };
        Self::with_key(options, key, timeout, clock).map(Some)
    }

    fn with_key(
        options: &StripeOptions,
        key: Secret,
        timeout: Duration,
        clock: Clock,
    ) -> Result<Self, Fault> {
        let api = Api::new(&options.stripe_url, key, timeout)?;
        let webhook_key = options.webhook_secret()?.map(|secret| signature::key(secret.expose().as_bytes()));
        Ok(Self { api, webhook_key, return_url: options.stripe_return_url.clone(), clock })
    }

    fn intent_form(&self, charge: &Charge, amount: i64) -> Vec<(&'static str, String)> {
        let mut form = vec![
            ("amount", amount.to_string()),
            ("currency", charge.amount.currency.code().to_lowercase()),
            ("capture_method", "manual".to_owned()),
            ("confirm", "true".to_owned()),
            ("payment_method", charge.method.clone()),
            ("automatic_payment_methods[enabled]", "true".to_owned()),
            ("metadata[payment_id]", charge.payment_id.to_string()),
            ("metadata[order_id]", charge.order_id.to_string()),
        ];
        match &self.return_url {
            Some(url) => form.push(("return_url", url.clone())),
            // There is nowhere to send the customer back to, so a card that asks for her is declined
            // (AUTHENTICATION_REQUIRED) rather than left waiting for nobody.
            None => form.extend([
                ("automatic_payment_methods[allow_redirects]", "never".to_owned()),
                ("error_on_requires_action", "true".to_owned()),
            ]),
        }
        form
    }

    /// How a charge stands whose id is known.
    async fn look(&self, reference: &str) -> Outcome {
        match self.api.get::<Intent>(&format!("/v1/payment_intents/{reference}"), &[]).await {
            Ok(intent) => told(&intent),
            // Never "there is none": it was there.
            Err(Problem::Refused { status, .. }) => Err(unknown(format!(
                "answered {status} about a charge of its own: is the key another account's?"
            ))),
            Err(problem) => Err(problem.into()),
        }
    }

    /// The charge that has our payment's id in its metadata; none, where that is not certain yet.
    async fn search(&self, charge: &Charge) -> Result<Option<Told>, Failure> {
        let id = charge.payment_id.to_string();
        let query = [("query", format!("metadata['{PAYMENT_ID}']:'{id}'")), ("limit", "10".to_owned())];
        let age = self.clock.now().since(charge.create_time);
        let found = match self.api.get::<List<Intent>>("/v1/payment_intents/search", &query).await {
            Ok(found) => {
                let ours = |intent: &&Intent| intent.metadata.get(PAYMENT_ID) == Some(&id);
                // The key makes it one. Were it more all the same, what holds money counts.
                found.data.iter().filter(ours).filter_map(Intent::told).max_by_key(weight)
            }
            // Some accounts have no search. While it may be sent again, that finds it.
            Err(Problem::Refused { .. }) if age < SEND_WITHIN => None,
            Err(Problem::Refused { .. }) => self.list(charge).await?,
            Err(problem) => return Err(uncertain(problem)),
        };
        match found {
            // The search is behind with changes too.
            Some(told) => self.look(&told.reference).await.map(Some).map_err(uncertain_failure),
            None => Ok((age >= SEND_WITHIN + SEARCH_LAG).then(never)),
        }
    }

    /// The charge that has our payment's id in its metadata, from the list of those that were made when it
    /// was sent. The list, unlike the search, is never behind.
    async fn list(&self, charge: &Charge) -> Result<Option<Told>, Failure> {
        let id = charge.payment_id.to_string();
        let (from, to) =
            (charge.create_time - CLOCKS_DIFFER, charge.create_time + SEND_WITHIN + CLOCKS_DIFFER);
        let mut query = vec![
            ("created[gte]", from.seconds().to_string()),
            ("created[lte]", to.seconds().to_string()),
            ("limit", "100".to_owned()),
        ];
        for _ in 0..MOST_PAGES {
            let page: List<Intent> = self.api.get("/v1/payment_intents", &query).await.map_err(uncertain)?;
            let ours = |intent: &&Intent| intent.metadata.get(PAYMENT_ID) == Some(&id);
            match page.data.iter().find(ours) {
                Some(intent) => return told(intent).map(Some),
                None if !page.has_more => return Ok(None),
                None => {}
            }
            let Some(last) = page.data.last() else { return Ok(None) };
            query.truncate(3);
            query.push(("starting_after", last.id.clone()));
        }
        Err(unknown("there are too many charges to find ours".to_owned()))
    }

    /// The id of a charge that exists.
    async fn reference(&self, charge: &Charge) -> Result<String, Failure> {
        if is_id(&charge.reference) {
            return Ok(charge.reference.clone());
        }
        match self.search(charge).await? {
            Some(told) if !told.reference.is_empty() => Ok(told.reference),
            _ => Err(Failure::NotSent { problem: "the charge's id is not known".to_owned() }),
        }
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
            Ok(reply) => told(&reply.object),
            Err(Failure::Refused { reason, told: None }) => {
                Err(Failure::Refused { reason, told: self.look(&reference).await.ok() })
            }
            Err(failure) => Err(failure),
        }
    }

    /// A refund under our id, where Stripe has it: its list, unlike its search, is never behind.
    async fn find_refund(&self, key: &str, reference: &str) -> Result<Option<Refund>, Failure> {
        let query = [("payment_intent", reference.to_owned()), ("limit", "100".to_owned())];
        let list: List<Refund> = self.api.get("/v1/refunds", &query).await.map_err(uncertain)?;
        let ours = |refund: &Refund| refund.metadata.get(REFUND_ID).is_some_and(|id| id == key);
        match list.data.into_iter().find(ours) {
            None if list.has_more => Err(unknown("there are too many refunds to find ours".to_owned())),
            found => Ok(found),
        }
    }

    /// What became of a refund that Stripe has.
    async fn refunded(&self, refund: Refund, reference: String, fresh: bool) -> Outcome {
        let status = refund.status.as_deref().unwrap_or_default();
        match status {
            "succeeded" => Ok(Told { reference, standing: Standing::Captured }),
            "failed" | "canceled" => {
                let reason = refund.failure_reason.as_deref().unwrap_or(status);
                Err(Failure::Refused { reason: name(reason), told: None })
            }
            // The answer may be that of an earlier request under this key.
            _ if !fresh && is_id(&refund.id) => {
                let path = format!("/v1/refunds/{}", refund.id);
                let refund = self.api.get(&path, &[]).await.map_err(uncertain)?;
                Box::pin(self.refunded(refund, reference, true)).await
            }
            _ => Err(unknown(format!("the refund is {}", name(status)))),
        }
    }
}

#[async_trait::async_trait]
impl Provider for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            idempotent: true,
            can_ask: true,
            can_void: true,
            can_refund: true,
            partial_refund: true,
            // Only the customer can end her payment's wait.
            can_acknowledge: false,
        }
    }

    /// A PaymentMethod, or one of the older cards and sources that Stripe takes for one. There is no default.
    fn accepts(&self, method: &str) -> bool {
        ["pm_", "card_", "src_"]
            .iter()
            .any(|prefix| method.len() > prefix.len() && method.starts_with(prefix))
            && is_id(method)
    }

    async fn authorize(&self, key: &str, charge: &Charge) -> Outcome {
        if is_free(charge) {
            return Ok(free(Standing::Authorized));
        }
        let Some(amount) = amount::minor_units(charge.amount) else { return Err(not_exact()) };
        if self.clock.now().since(charge.create_time) >= SEND_WITHIN {
            let found = self.search(charge).await?;
            return found.ok_or_else(|| unknown("it is too late to send it again".to_owned()));
        }
        let form = self.intent_form(charge, amount);
        match self.api.post::<Intent>(key, "/v1/payment_intents", &form).await {
            Ok(reply) if reply.replayed && is_id(&reply.object.id) => {
                self.look(&reply.object.id).await.map_err(uncertain_failure)
            }
            Ok(reply) => told(&reply.object),
            // The key's answer is 500 for good; what the request left behind is in Stripe's list.
            Err(Problem::Unknown { replayed: true, .. }) => {
                Ok(self.list(charge).await?.unwrap_or_else(never))
            }
            Err(problem) => problem.declined(),
        }
    }

    async fn capture(&self, key: &str, charge: &Charge) -> Outcome {
        if is_free(charge) {
            return Ok(free(Standing::Captured));
        }
        self.change(key, charge, "capture").await
    }

    async fn void(&self, key: &str, charge: &Charge) -> Outcome {
        if is_free(charge) {
            return Ok(free(Standing::Voided));
        }
        self.change(key, charge, "cancel").await
    }

    async fn acknowledge(&self, _key: &str, _charge: &Charge) -> Outcome {
        Err(Failure::Refused { reason: "NOT_SUPPORTED".to_owned(), told: None })
    }

    async fn refund(&self, key: &str, charge: &Charge, amount: Money) -> Outcome {
        let Some(units) = amount::minor_units(amount) else { return Err(not_exact()) };
        let reference = self.reference(charge).await?;
        if self.clock.now().since(made(key)?) >= KEYS_LAST
            && let Some(refund) = self.find_refund(key, &reference).await?
        {
            return self.refunded(refund, reference, true).await;
        }
        let form = [
            ("payment_intent", reference.clone()),
            ("amount", units.to_string()),
            ("metadata[refund_id]", key.to_owned()),
            ("metadata[payment_id]", charge.payment_id.to_string()),
        ];
        match self.api.post::<Refund>(key, "/v1/refunds", &form).await {
            Ok(reply) => self.refunded(reply.object, reference, !reply.replayed).await,
            Err(Problem::Unknown { problem, replayed: true }) => {
                match self.find_refund(key, &reference).await? {
                    Some(refund) => self.refunded(refund, reference, true).await,
                    None => Err(unknown(problem)),
                }
            }
            Err(problem) => Err(problem.into()),
        }
    }

    async fn ask(&self, charge: &Charge) -> Result<Option<Told>, Failure> {
        match is_id(&charge.reference) {
            true => self.look(&charge.reference).await.map(Some),
            false => self.search(charge).await,
        }
    }

    fn receive(
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

fn told(intent: &Intent) -> Outcome {
    intent.told().ok_or_else(|| unknown("the answer makes no sense".to_owned()))
}

fn unknown(problem: String) -> Failure {
    Failure::Unknown { problem }
}

/// Of a charge that may well exist: whatever goes wrong while it is looked for, nothing is certain.
fn uncertain(problem: Problem) -> Failure {
    uncertain_failure(problem.into())
}

fn uncertain_failure(failure: Failure) -> Failure {
    match failure {
        Failure::Refused { reason: problem, .. }
        | Failure::NotSent { problem }
        | Failure::Unknown { problem } => unknown(problem),
    }
}

/// Stripe charges nothing under a minimum; nothing to pay needs no Stripe.
fn is_free(charge: &Charge) -> bool {
    charge.amount.minor == 0
}

fn free(standing: Standing) -> Told {
    Told { reference: String::new(), standing }
}

/// A charge that Stripe never made, and never will.
fn never() -> Told {
    let standing = Standing::Declined { reason: PROVIDER_UNAVAILABLE.to_owned() };
    Told { reference: String::new(), standing }
}

fn not_exact() -> Failure {
    Failure::Refused { reason: "AMOUNT_NOT_SUPPORTED".to_owned(), told: None }
}

/// How much it matters which of several charges is ours.
fn weight(told: &Told) -> u8 {
    match told.standing {
        Standing::Captured => 3,
        Standing::Authorized => 2,
        Standing::Working | Standing::Waiting { .. } => 1,
        Standing::Declined { .. } | Standing::Voided => 0,
    }
}

/// When a refund was made, from its id, which is its key.
fn made(key: &str) -> Result<Time, Failure> {
    let id: RefundId =
        key.parse().map_err(|_| Failure::NotSent { problem: "the key is no refund's id".to_owned() })?;
    // An id that does not say counts as old.
    let (seconds, _) = id.uuid().get_timestamp().map(|time| time.to_unix()).unwrap_or_default();
    Ok(Time(i64::try_from(seconds).unwrap_or_default().saturating_mul(1_000_000)))
}

/// A payment type needs Stripe, and there is no key.
pub fn no_key(payment_type: i32) -> Fault {
    let message = format!(
        "payment type {payment_type} is paid by stripe: set FEIRA_STRIPE_SECRET_KEY or FEIRA_STRIPE_SECRET_KEY_FILE"
    );
    Fault::new(Code::InvalidArgument, "CONFIGURATION", message)
}
