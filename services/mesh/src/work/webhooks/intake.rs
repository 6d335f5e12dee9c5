//! Events become deliveries.

use tokio::time::Instant;

use super::{
    courier::{Courier, GATHER},
    own,
};
use crate::{
    domain::Types,
    error::Error,
    store::{deliveries, lists, webhooks},
};

/// How many events are taken from the log at a time.
const TAKEN: usize = 200;

impl Courier {
    /// Makes deliveries of new events of the webhook's types.
    pub(super) async fn take(&mut self) -> Result<(), Error> {
        if !self.more || !self.has_room() || self.looked.elapsed() < GATHER {
            return Ok(());
        }
        self.looked = Instant::now();
        self.news.mark_unchanged();
        let (log, after, call) = (&self.shared.log, self.webhook.position, own());
        let types = Types::of(self.webhook.types.split_whitespace());
        // Before the events are read: whatever comes after it is read the next time.
        let head = log.head().await?;
        let found = lists::after(&log.db, &types, after, TAKEN as u64).await?;
        self.more = found.until.is_some();
        let last = found.events.last().map_or(after, |event| event.position);
        let until = found.until.unwrap_or(head).max(last);
        if found.events.is_empty() {
            self.webhook.position = until.max(after);
            return Ok(());
        }
        let (id, revision, owner) = (self.webhook.id, self.webhook.revision, self.shared.owner.clone());
        let made = log.db.transact(&call, (found.events, owner), move |tx, input| async move {
            let (events, owner) = &*input;
            let row = match webhooks::lock(&tx, id).await {
                Ok(row) => row,
                Err(Error::NoWebhook) => return Ok(None),
                Err(error) => return Err(error),
            };
            // Somebody changed it, or sends for it by now: it is read again first.
            if row.revision != revision || row.lease_owner != **owner || row.disabled || row.position > after
            {
                return Ok(None);
            }
            Ok(Some(deliveries::insert(&tx, &row, events, until).await?))
        });
        match made.await? {
            Some(made) => {
                (self.webhook.position, self.stored) = (until, until);
                for row in made {
                    self.queue.push(&row.subject.clone(), row.sequence, row.id, row.next_try, row);
                }
            }
            None => self.read_again(),
        }
        Ok(())
    }
}
