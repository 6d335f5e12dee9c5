//! What follows from answers.

use std::time::Duration;

use kit::{Fault, Time, audit_log::Act};
use tokio::time::Instant;

use super::{courier::Courier, figures, own};
use crate::{
    domain::{self, DeliveryState, Verdict},
    error::Error,
    remote::Sent,
    store::{deliveries, entities::delivery, webhooks},
};

/// The pause after what an event is about could not be read.
const UNREADABLE: Duration = Duration::from_secs(5);
/// How often it is warned of that.
const WARN: Duration = Duration::from_secs(60);

/// A delivery as an answer has left it; none, where it could not be sent.
#[derive(Debug, Clone)]
pub struct Answer {
    delivery: delivery::Model,
    verdict: Option<Verdict>,
}

impl Courier {
    /// Notes what became of sending one.
    pub(super) fn note(&mut self, mut delivery: delivery::Model, sent: Result<Sent, Fault>) {
        let now = self.shared.log.db.clock().now();
        let verdict = match sent {
            Ok(sent) => {
                answered(&mut delivery, sent.verdict, now);
                delivery.status_code = sent.status.map_or(0, i32::from);
                delivery.response = sent.response;
                Some(sent.verdict)
            }
            // That is not the receiver's fault, and no attempt. It ends all the same, or all behind it would wait for ever.
            Err(fault) => {
                if self.warned.is_none_or(|warned| warned.elapsed() >= WARN) {
                    let problem = fault.message;
                    tracing::warn!(webhook = %self.webhook.id, delivery = %delivery.id, problem, "webhook.unreadable");
                    self.warned = Some(Instant::now());
                }
                let first = *delivery.first_try.get_or_insert(now);
                match domain::again(first, now, UNREADABLE) {
                    Some(next) => delivery.next_try = next,
                    None => {
                        delivery.state = DeliveryState::Failed;
                        "what it is about could not be read".clone_into(&mut delivery.response);
                    }
                }
                None
            }
        };
        figures::sent(verdict, now.since(delivery.event_time));
        self.answers.push(Answer { delivery, verdict });
    }

    /// Writes what was noted, and goes on accordingly; until it is written, what waits behind it waits on. False where the
    /// webhook is disabled by it.
    pub(super) async fn settle(&mut self) -> Result<bool, Error> {
        if self.answers.is_empty() {
            return Ok(true);
        }
        let now = self.shared.log.db.clock().now();
        let any =
            |such: fn(&Verdict) -> bool| self.answers.iter().filter_map(|it| it.verdict.as_ref()).any(such);
        let taken = any(|verdict| *verdict == Verdict::Taken);
        let refused = any(|verdict| matches!(verdict, Verdict::Refused(_)));
        let failing_since = match self.webhook.failing_since {
            _ if taken => None,
            None if refused => Some(now),
            since => since,
        };
        let failed = refused && failing_since.is_some_and(|since| now >= since + domain::GIVE_UP);
        let gone = any(|verdict| *verdict == Verdict::Gone);
        let reason = if gone { Some("gone") } else { failed.then_some("failing") };
        let noted = (failing_since != self.webhook.failing_since).then_some(failing_since);
        let (id, newest, call) = (self.webhook.id, self.webhook.sequences, own());
        let written =
            self.shared.log.db.transact(&call, self.answers.clone(), move |tx, answers| async move {
                // The webhook's row first, as whoever changes it does.
                let row = match reason {
                    Some(reason) => Some((webhooks::lock(&tx, id).await?, reason)),
                    None => None,
                };
                if let Some(since) = noted {
                    webhooks::note_failing(&tx, id, since).await?;
                }
                for answer in &*answers {
                    deliveries::record(&tx, &answer.delivery, newest).await?;
                }
                if let Some((mut webhook, reason)) = row.filter(|(webhook, _)| !webhook.disabled) {
                    webhooks::disable(&tx, &mut webhook, reason).await?;
                    webhooks::save(&tx, webhook).await?;
                    tx.audit(&Act::new("webhook.disabled").on(id).saying(format!("reason={reason}")));
                }
                Ok(())
            });
        match written.await {
            // It was deleted meanwhile.
            Err(Error::NoWebhook) => return Ok(false),
            written => written?,
        }
        self.webhook.failing_since = failing_since;
        if let Some(reason) = reason {
            self.answers.clear();
            figures::disabled(reason);
            tracing::warn!(webhook = %id, reason, "webhook.disabled");
            return Ok(false);
        }
        for Answer { delivery, .. } in std::mem::take(&mut self.answers) {
            let (subject, id) = (delivery.subject.clone(), delivery.id);
            match delivery.state {
                DeliveryState::Pending => self.queue.later(&subject, id, delivery.next_try, delivery),
                _ => self.queue.settle(&subject, id),
            }
        }
        Ok(true)
    }
}

/// What an answer makes of a delivery.
fn answered(delivery: &mut delivery::Model, verdict: Verdict, now: Time) {
    delivery.attempts = delivery.attempts.saturating_add(1);
    let first = *delivery.first_try.get_or_insert(now);
    let asked = match verdict {
        Verdict::Taken => {
            delivery.state = DeliveryState::Succeeded;
            return;
        }
        Verdict::Gone => {
            delivery.state = DeliveryState::Failed;
            return;
        }
        Verdict::Refused(asked) => asked,
    };
    let attempts = u32::try_from(delivery.attempts).unwrap_or(1);
    match domain::again(first, now, domain::pause(attempts, asked, rand::random())) {
        Some(next) => delivery.next_try = next,
        None => delivery.state = DeliveryState::Failed,
    }
}
