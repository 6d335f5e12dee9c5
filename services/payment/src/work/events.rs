//! `payment.recall`: reads the providers' records of events, for what no webhook reported: captures, refunds and disputes
//! that are made at the provider. They are applied as webhooks are, so each counts once, however it came and however many
//! replicas read it.

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
/// So many events that could not be applied are kept to be tried again.
const KEPT: usize = 100;

/// How far a provider's record was read.
#[derive(Default)]
struct Reader {
    cursor: Cursor,
    /// What could not be applied: its payment is busy, or has yet to be known as captured.
    left: Vec<ProviderEvent>,
}

/// Reads the providers' records at once, and again and again until the process drains.
pub fn start(engine: &Engine) {
    for provider in engine.providers().iter() {
        let Some(pause) = provider.events_interval() else { continue };
        let reader = Arc::new(Mutex::new(Reader::default()));
        let (work, provider) = (engine.clone(), provider.clone());
        let once = move || {
            let (engine, provider, reader) = (work.clone(), provider.clone(), reader.clone());
            // The lock: the first reading may take longer than the pause, and two would read the same.
            async move { read(&engine, provider.as_ref(), &mut *reader.lock().await).await }
        };
        let first = once();
        engine.tasks().spawn_until_drain(async move {
            if let Err(error) = first.await {
                tracing::warn!(%error, "a provider's events cannot be read yet");
            }
        });
        engine.tasks().every("payment.recall", pause, once);
    }
}

/// Reads on to the end of a provider's record, a bounded number of events at a time.
async fn read(engine: &Engine, provider: &dyn Provider, reader: &mut Reader) -> Result<(), Error> {
    while read_page(engine, provider, reader).await? {}
    Ok(())
}

/// Reads and applies some events; whether there are more.
async fn read_page(engine: &Engine, provider: &dyn Provider, reader: &mut Reader) -> Result<bool, Error> {
    let since = engine.db().clock().now() - LOOK_BACK;
    let page = match provider.list_events(since, &reader.cursor).await {
        Ok(page) => page,
        Err(failure) => {
            tracing::debug!(provider = provider.name(), problem = note(&failure), "events cannot be read");
            return Ok(false);
        }
    };
    let events: Vec<_> = reader.left.iter().cloned().chain(page.events).collect();
    // Most came by webhook, or were read before a restart: they cost no transaction. What is applied between this look
    // and ours is found by the primary key there.
    let ids = events.iter().map(|event| event.id.as_str());
    let known: HashSet<String> = provider_events::known(engine.db().read(), provider.name(), ids).await?;
    let (mut left, mut failed) = (Vec::new(), false);
    for event in events {
        if known.contains(&event.id) {
            continue;
        }
        match engine.apply_event(provider.name(), event.clone()).await {
            // Not found: of another shop that uses the account.
            Ok(()) | Err(Error::NotFound) => {}
            Err(error) => {
                tracing::debug!(provider = provider.name(), event = event.id, %error, "an event is left for later");
                failed |= !matches!(error, Error::Busy);
                left.push(event);
            }
        }
    }
    let many = left.len().saturating_sub(KEPT);
    if many > 0 {
        tracing::warn!(provider = provider.name(), events = left.len(), "events could not be applied");
        // The database was away: the same events are read again. One that can never be applied is no reason to.
        if failed {
            return Ok(false);
        }
    }
    left.drain(..many);
    reader.left = left;
    // Behind the events: a process that dies in between reads them again.
    reader.cursor = page.cursor;
    Ok(page.more)
}
