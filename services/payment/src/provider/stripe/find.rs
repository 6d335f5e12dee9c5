//! Finding what Stripe has of ours.

use std::{collections::VecDeque, time::Duration};

use kit::Time;
use serde_json::Value;

use super::{
    Stripe,
    api::Problem,
    event,
    hosted::{is_hosted, is_session},
    object::{Intent, List, PAYMENT_ID, REFUND_ID, Refund, is_id},
    outcome, unknown,
};
use crate::{
    domain::{Charge, ChargeSnapshot, ChargeStatus, Failure, Outcome, PROVIDER_UNAVAILABLE},
    provider::{Cursor, EventPage},
};

/// For how long after its payment was made a charge is sent.
pub(super) const SEND_WITHIN: Duration = Duration::from_secs(3600);
/// For how long after that the search may not find it yet.
pub(super) const SEARCH_LAG: Duration = Duration::from_secs(3600);
/// Stripe's clock and ours are not further apart.
pub(super) const CLOCKS_DIFFER: Duration = Duration::from_secs(300);
/// So many pages of a hundred events are read at a time, for each part of [`event::LISTED`].
const MOST_EVENTS: usize = 10;
/// So many pages of a hundred charges are looked through for ours.
pub(super) const MOST_PAGES: usize = 50;

impl Stripe {
    /// A charge whose id is known.
    pub(super) async fn look(&self, reference: &str) -> Outcome {
        match self.api.get::<Intent>(&format!("/v1/payment_intents/{reference}"), &[]).await {
            Ok(intent) => outcome(&intent),
            // Never "there is none": it was there.
            Err(Problem::Refused { status, .. }) => Err(unknown(format!(
                "answered {status} about a charge of its own: is the key another account's?"
            ))),
            Err(problem) => Err(problem.into()),
        }
    }

    /// The charge that has our payment's id in its metadata; none, where that is not certain yet.
    pub(super) async fn search(&self, charge: &Charge) -> Result<Option<ChargeSnapshot>, Failure> {
        let id = charge.payment_id.to_string();
        let query = [("query", format!("metadata['{PAYMENT_ID}']:'{id}'")), ("limit", "10".to_owned())];
        let age = self.clock.now().since(charge.create_time);
        let found = match self.api.get::<List<Intent>>("/v1/payment_intents/search", &query).await {
            Ok(found) => {
                let ours = |intent: &&Intent| intent.metadata.get(PAYMENT_ID) == Some(&id);
                // The key makes it one. Were it more all the same, what holds money counts.
                found.data.iter().filter(ours).filter_map(Intent::snapshot).max_by_key(weight)
            }
            // Some accounts have no search. While it may be sent again, that finds it.
            Err(Problem::Refused { .. }) if age < SEND_WITHIN => None,
            Err(Problem::Refused { .. }) => self.list(charge).await?,
            Err(problem) => return Err(uncertain(problem)),
        };
        match found {
            // The search is behind with changes too.
            Some(snapshot) => self.look(&snapshot.reference).await.map(Some).map_err(uncertain_failure),
            None => Ok((age >= SEND_WITHIN + SEARCH_LAG).then(never)),
        }
    }

    /// The charge that has our payment's id in its metadata, from the list of those that were made when it
    /// was sent. The list, unlike the search, is never behind.
    pub(super) async fn list(&self, charge: &Charge) -> Result<Option<ChargeSnapshot>, Failure> {
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
                Some(intent) => return outcome(intent).map(Some),
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
    pub(super) async fn reference(&self, charge: &Charge) -> Result<String, Failure> {
        if is_id(&charge.reference) && !is_session(&charge.reference) {
            return Ok(charge.reference.clone());
        }
        let found = match is_hosted(&charge.method) {
            true if is_session(&charge.reference) => Some(self.look_session(&charge.reference).await?),
            true => self.find_session(charge).await?,
            false => self.search(charge).await?,
        };
        match found {
            Some(snapshot) if !snapshot.reference.is_empty() && !is_session(&snapshot.reference) => {
                Ok(snapshot.reference)
            }
            _ => Err(Failure::NotSent { problem: "the charge's id is not known".to_owned() }),
        }
    }

    /// The events about captures, refunds and disputes after those `read` before, or since a time:
    /// <https://docs.stripe.com/api/events/list>. Stripe keeps them for 30 days.
    pub(super) async fn events(&self, since: Time, read: &Cursor) -> Result<EventPage, Failure> {
        let mut recalled = EventPage::default();
        for (part, kinds) in event::LISTED.into_iter().enumerate() {
            let last = read.0.get(part).and_then(Option::as_deref);
            let (mut found, more) = self.events_of(kinds, since, last).await?;
            let id = found.back().and_then(|event| event["id"].as_str()).filter(|id| is_id(id));
            recalled.cursor.0.push(id.or(last).map(str::to_owned));
            recalled.more |= more && id.is_some();
            let read = |event: &Value| event::read(event.to_string().as_bytes());
            // What makes no sense would make none as a webhook.
            recalled
                .events
                .extend(found.make_contiguous().iter().filter_map(|event| read(event).ok().flatten()));
        }
        Ok(recalled)
    }

    /// A bounded number of events of some kinds, the oldest first: those after the event `last`, and whether there are
    /// more of them; where there is no last one, or Stripe has deleted it, the newest since a time.
    async fn events_of(
        &self,
        kinds: &[&str],
        since: Time,
        last: Option<&str>,
    ) -> Result<(VecDeque<Value>, bool), Failure> {
        let mut fixed: Vec<_> = kinds.iter().map(|kind| ("types[]", (*kind).to_owned())).collect();
        fixed.push(("limit", "100".to_owned()));
        let mut last = last.map(str::to_owned);
        let (mut found, mut cursor, mut more) = (VecDeque::<Value>::new(), last.clone(), false);
        for _ in 0..MOST_EVENTS {
            let mut query = fixed.clone();
            if last.is_none() {
                query.push(("created[gte]", since.seconds().to_string()));
            }
            // Stripe lists the newest first: on towards what is newer from the last one on, else back towards what is
            // older.
            let towards = if last.is_some() { "ending_before" } else { "starting_after" };
            query.extend(cursor.take().map(|id| (towards, id)));
            let page: List<Value> = match self.api.get("/v1/events", &query).await {
                Ok(page) => page,
                Err(Problem::Refused { .. }) if last.is_some() && found.is_empty() => {
                    last = None;
                    continue;
                }
                Err(problem) => return Err(uncertain(problem)),
            };
            let next = if last.is_some() { page.data.first() } else { page.data.last() };
            cursor = next.and_then(|event| event["id"].as_str()).filter(|id| is_id(id)).map(str::to_owned);
            match last {
                Some(_) => found.extend(page.data.into_iter().rev()),
                None => page.data.into_iter().for_each(|event| found.push_front(event)),
            }
            more = page.has_more && last.is_some();
            if !page.has_more || cursor.is_none() {
                break;
            }
        }
        Ok((found, more))
    }

    /// A refund under our id, where Stripe has it: its list, unlike its search, is never behind.
    pub(super) async fn find_refund(&self, key: &str, reference: &str) -> Result<Option<Refund>, Failure> {
        let query = [("payment_intent", reference.to_owned()), ("limit", "100".to_owned())];
        let list: List<Refund> = self.api.get("/v1/refunds", &query).await.map_err(uncertain)?;
        let ours = |refund: &Refund| refund.metadata.get(REFUND_ID).is_some_and(|id| id == key);
        match list.data.into_iter().find(ours) {
            None if list.has_more => Err(unknown("there are too many refunds to find ours".to_owned())),
            found => Ok(found),
        }
    }
}

/// A charge that Stripe never made, and never will.
pub(super) fn never() -> ChargeSnapshot {
    let status = ChargeStatus::Declined { reason: PROVIDER_UNAVAILABLE.to_owned() };
    ChargeSnapshot::new("", status)
}

/// Of a charge that may well exist: whatever goes wrong while it is looked for, nothing is certain.
pub(super) fn uncertain(problem: Problem) -> Failure {
    uncertain_failure(problem.into())
}

pub(super) fn uncertain_failure(failure: Failure) -> Failure {
    match failure {
        Failure::Refused { reason: problem, .. }
        | Failure::NotSent { problem }
        | Failure::Unknown { problem } => unknown(problem),
    }
}

/// How much it matters which of several charges is ours.
fn weight(snapshot: &ChargeSnapshot) -> u8 {
    match snapshot.status {
        ChargeStatus::Captured => 3,
        ChargeStatus::Authorized => 2,
        ChargeStatus::Processing | ChargeStatus::Waiting { .. } => 1,
        ChargeStatus::Declined { .. } | ChargeStatus::Voided => 0,
    }
}
