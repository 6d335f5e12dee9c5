//! `payment.webhooks`: forgets events of providers that nobody delivers any more.

use std::time::Duration;

use crate::{
    engine::{Engine, background},
    store::provider_events,
};

const EVERY: Duration = Duration::from_secs(3600);
/// How long it is remembered that an event was applied: longer than any provider delivers it again.
const KEEP: Duration = Duration::from_secs(30 * 24 * 3600);

pub fn start(engine: &Engine) {
    let work = engine.clone();
    engine.tasks().every("payment.webhooks", EVERY, move || {
        let engine = work.clone();
        async move {
            let call = background("prune");
            let prune = engine.db().transact(&call, (), |tx, _| async move {
                Ok(provider_events::prune(&tx, tx.now() - KEEP).await?)
            });
            prune.await
        }
    });
}
