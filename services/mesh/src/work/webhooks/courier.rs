//! Whoever sends for one webhook.

use std::time::Duration;

use kit::{Fault, Time};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    task::JoinSet,
    time::Instant,
};

use super::{LEASE, own, settle::Answer};
use crate::{
    domain::Queue,
    error::Error,
    remote::Sent,
    store::{
        deliveries::{self, READ, WAITING},
        entities::{delivery, webhook},
        webhooks,
    },
    webhooks::{PLACES, Webhooks},
};

/// How many events are sent to one webhook at the same time.
const AT_ONCE: usize = 8;
/// How often the webhook is read again: another replica may have changed it.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// How often the lease is renewed.
const RENEW: Duration = Duration::from_secs(10);
/// The least time between two looks into the log: what comes meanwhile is taken together.
pub(super) const GATHER: Duration = Duration::from_millis(25);
/// The pause after the database could not be used.
const RETRY: Duration = Duration::from_secs(1);
/// How long what is being sent may take when the process ends.
const LAST: Duration = Duration::from_secs(5);

/// What became of sending one.
pub struct Done {
    pub delivery: delivery::Model,
    pub sent: Result<Sent, Fault>,
    /// Held while it is sent.
    _place: OwnedSemaphorePermit,
}

/// Sends for one webhook.
pub struct Courier {
    pub(super) shared: Webhooks,
    pub(super) webhook: webhook::Model,
    pub(super) queue: Queue<delivery::Model>,
    /// Answers that are not written yet.
    pub(super) answers: Vec<Answer>,
    under_way: JoinSet<Done>,
    pub(super) news: watch::Receiver<i64>,
    /// When the lease was renewed, the webhook read, and the log looked into.
    renewed: Instant,
    read: Instant,
    pub(super) looked: Instant,
    /// Whether there may be more in the log than was taken, and more that waits than was read.
    pub(super) more: bool,
    behind: bool,
    /// How far the log was looked through, as it is stored; the webhook's position here may be ahead of it.
    pub(super) stored: i64,
    /// When it was warned of last that events cannot be read.
    pub(super) warned: Option<Instant>,
}

impl Courier {
    /// One for a webhook whose lease was just taken.
    pub fn new(shared: Webhooks, webhook: webhook::Model) -> Self {
        let (news, now) = (shared.log.news(), Instant::now());
        let stored = webhook.position;
        Self {
            shared,
            webhook,
            queue: Queue::default(),
            answers: Vec::new(),
            under_way: JoinSet::new(),
            news,
            renewed: now,
            read: now,
            looked: now.checked_sub(GATHER).unwrap_or(now),
            more: true,
            behind: false,
            stored,
            warned: None,
        }
    }

    /// Sends until the lease is lost, the webhook disabled, or the process drains.
    pub async fn run(mut self) {
        let tasks = self.shared.log.tasks.clone();
        let mut loaded = false;
        while !tasks.is_draining() {
            let turn = async {
                if !loaded {
                    self.load().await?;
                }
                self.turn().await
            };
            match turn.await {
                Ok(true) => loaded = true,
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(webhook = %self.webhook.id, %error, "webhook.held_up");
                    self.read_again();
                    tokio::select! {
                        () = tasks.draining() => {}
                        () = tokio::time::sleep(RETRY) => {}
                    }
                    if self.renewed.elapsed() + RENEW > LEASE {
                        break;
                    }
                }
            }
        }
        self.end().await;
    }

    fn now(&self) -> Time {
        self.shared.log.db.clock().now()
    }

    /// Reads what waits.
    async fn load(&mut self) -> Result<(), Error> {
        let rows = deliveries::waiting(&self.shared.log.db, self.webhook.id).await?;
        self.behind = rows.len() >= READ;
        self.queue.reload(
            rows.into_iter().map(|row| (row.subject.clone(), row.sequence, row.id, row.next_try, row)),
        );
        Ok(())
    }

    /// One round. False where there is nothing more to send for it.
    async fn turn(&mut self) -> Result<bool, Error> {
        if !self.keep().await? {
            return Ok(false);
        }
        if self.behind && self.queue.len() < WAITING {
            self.load().await?;
        }
        self.take().await?;
        self.send();
        let changed = self.shared.changed.clone();
        let until_due = self.queue.next_due().map_or(READ_AGAIN, |due| due.since(self.now()));
        let wait = if self.is_full() { READ_AGAIN } else { until_due.clamp(GATHER, READ_AGAIN) };
        let wakes = self.has_room();
        let done = tokio::select! {
            () = self.shared.log.tasks.draining() => None,
            Some(done) = self.under_way.join_next() => Some(done),
            _ = self.news.changed(), if wakes => { self.more = true; None }
            () = changed.notified() => { self.read_again(); None }
            () = tokio::time::sleep(if self.more && wakes { wait.min(GATHER) } else { wait }) => None,
        };
        let (mut done, mut whole) = (done, true);
        while let Some(one) = done {
            match one {
                Ok(Done { delivery, sent, .. }) => self.note(delivery, sent),
                Err(_) => whole = false,
            }
            done = self.under_way.try_join_next();
        }
        // After a panic nobody knows which one it was: whoever takes over reads all that waits.
        Ok(self.settle().await? && whole)
    }

    /// Has the webhook read again at once.
    pub(super) fn read_again(&mut self) {
        (self.more, self.read) = (true, self.read.checked_sub(READ_AGAIN).unwrap_or(self.read));
    }

    /// Whether what is new can be taken: behind all that waits.
    pub(super) fn has_room(&self) -> bool {
        !self.behind && self.queue.len() < WAITING
    }

    fn is_full(&self) -> bool {
        self.under_way.len() >= AT_ONCE
    }

    /// Keeps the lease, and sees what others changed. False where it is lost, or nothing is to be sent.
    async fn keep(&mut self) -> Result<bool, Error> {
        let (db, id, call) = (&self.shared.log.db, self.webhook.id, own());
        let found = if self.renewed.elapsed() >= RENEW {
            let begun = Instant::now();
            let (owner, revision, position) =
                (self.shared.owner.clone(), self.webhook.revision, self.webhook.position);
            let held = db.transact(&call, owner, move |tx, owner| async move {
                let Some(mut found) = webhooks::hold(&tx, id, &owner, LEASE).await? else { return Ok(None) };
                // How far the log was looked through without finding anything.
                if found.revision == revision && found.position < position {
                    webhooks::note_position(&tx, id, position).await?;
                    found.position = position;
                }
                Ok(Some(found))
            });
            let Some(found) = held.await? else { return Ok(false) };
            (self.renewed, self.read) = (begun, begun);
            found
        } else if self.read.elapsed() >= READ_AGAIN {
            self.read = Instant::now();
            match webhooks::find(db.read(), id).await {
                Ok(found) if !found.disabled && found.lease_owner == *self.shared.owner => found,
                Ok(_) | Err(Error::NoWebhook) => return Ok(false),
                Err(error) => return Err(error),
            }
        } else {
            return Ok(true);
        };
        // Also where deliveries were made of whose commit nothing was heard.
        if found.revision != self.webhook.revision || found.position > self.webhook.position {
            self.load().await?;
            self.more = true;
        }
        // A replay goes back. Else what was looked through is done with, by the types that counted then.
        let position = match found.position < self.stored {
            true => found.position,
            false => found.position.max(self.webhook.position),
        };
        self.stored = found.position;
        self.webhook = webhook::Model { position, ..found };
        Ok(true)
    }

    /// Begins to send what is due.
    fn send(&mut self) {
        let now = self.now();
        // Each place of those who fail may be taken for as long as an answer may take: they leave half of all to others.
        let left = if self.webhook.failing_since.is_some() { PLACES / 2 } else { 0 };
        // A lease that could run out before an answer comes is renewed first.
        while !self.is_full() && self.renewed.elapsed() + 3 * RENEW < LEASE {
            if self.shared.places.available_permits() <= left {
                return;
            }
            let Ok(place) = self.shared.places.clone().try_acquire_owned() else { return };
            let Some(delivery) = self.queue.take(now) else { return };
            let (shared, webhook) = (self.shared.clone(), self.webhook.clone());
            self.under_way.spawn(async move {
                let sent = shared.send(&own(), &webhook, &delivery).await;
                Done { delivery, sent, _place: place }
            });
        }
    }

    /// Ends: what is being sent may end by itself for a while, and another process may go on at once.
    async fn end(mut self) {
        let last = tokio::time::sleep(LAST);
        tokio::pin!(last);
        loop {
            tokio::select! {
                () = &mut last => break,
                done = self.under_way.join_next() => match done {
                    Some(Ok(Done { delivery, sent, .. })) => self.note(delivery, sent),
                    Some(Err(_)) => {}
                    None => break,
                },
            }
        }
        // What has no answer yet is sent again by whoever goes on.
        self.under_way.abort_all();
        if let Err(error) = self.settle().await {
            tracing::warn!(webhook = %self.webhook.id, %error, "webhook.held_up");
        }
        let (id, owner, call) = (self.webhook.id, self.shared.owner.clone(), own());
        let released = self.shared.log.db.transact(&call, owner, move |tx, owner| async move {
            Ok(webhooks::release(&tx, id, &owner).await?)
        });
        // Else it runs out.
        let _ = released.await;
    }
}
