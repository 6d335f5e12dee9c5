//! What providers told nobody: captures, refunds and disputes that are made there, whose webhooks were lost or never
//! set up.
//! Their own record of events is read now and then, and taken as webhooks are; so each counts once, however it came.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::sync::Mutex;

use crate::{
    engine::{Engine, note},
    error::Error,
    provider::{Cursor, Provider, ProviderEvent},
    store::provider_events,
};

/// How far back a process looks when it starts: longer than a shop is down.
const LOOK_BACK: Duration = Duration::from_secs(3 * 24 * 3600);
/// So many events that could not be taken are kept to be tried again.
const KEPT: usize = 100;

/// How far a provider's record was read.
#[derive(Default)]
struct Read {
    cursor: Cursor,
    /// What could not be taken: its payment is busy, or has yet to be known as captured.
    left: Vec<ProviderEvent>,
}

impl Engine {
    /// Reads the providers' records at once, and again and again until the process drains.
    pub(crate) fn recall(&self) {
        for provider in self.0.providers.iter() {
            let Some(pause) = provider.recalls_every() else { continue };
            let (engine, provider, read) =
                (self.clone(), provider.clone(), Arc::new(Mutex::new(Read::default())));
            let once = move || {
                let (engine, provider, read) = (engine.clone(), provider.clone(), read.clone());
                async move { engine.read_on(provider.as_ref(), &mut *read.lock().await).await }
            };
            let first = once();
            self.0.tasks.spawn_until_drain(async move {
                if let Err(error) = first.await {
                    tracing::warn!(%error, "a provider's events cannot be read yet");
                }
            });
            self.0.tasks.every("payment.recall", pause, once);
        }
    }

    /// Reads on to the end of a provider's record, a bounded number of events at a time.
    async fn read_on(&self, provider: &dyn Provider, read: &mut Read) -> Result<(), Error> {
        while self.read_some(provider, read).await? {}
        Ok(())
    }

    /// Reads some events; whether there are more.
    async fn read_some(&self, provider: &dyn Provider, read: &mut Read) -> Result<bool, Error> {
        let since = self.0.db.clock().now() - LOOK_BACK;
        let news = match provider.recall(since, &read.cursor).await {
            Ok(news) => news,
            Err(failure) => {
                tracing::debug!(provider = provider.name(), problem = note(&failure), "events were not told");
                return Ok(false);
            }
        };
        let events: Vec<_> = read.left.iter().cloned().chain(news.events).collect();
        let ids = events.iter().map(|event| event.id.as_str());
        let known: HashSet<String> = provider_events::known(self.0.db.read(), provider.name(), ids).await?;
        read.left.clear();
        for event in events {
            if known.contains(&event.id) {
                continue;
            }
            match self.hear(provider.name(), event.clone()).await {
                // What else the account is used for.
                Ok(()) | Err(Error::NotFound) => {}
                Err(error) => {
                    tracing::debug!(provider = provider.name(), event = event.id, %error, "an event is left for later");
                    read.left.push(event);
                }
            }
        }
        let many = read.left.len().saturating_sub(KEPT);
        read.left.drain(..many);
        read.cursor = news.cursor;
        Ok(news.more)
    }
}
