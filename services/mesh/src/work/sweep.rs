//! `mesh.sweep`: events and deliveries that are old, or too many, are forgotten, and webhooks that were deleted.

use std::time::Duration;

use kit::{Call, Role, Time, id::WebhookId};

use crate::{
    error::Error,
    log::Log,
    options::Options,
    store::{deliveries, events, webhooks},
};

/// How often.
const PAUSE: Duration = Duration::from_secs(60);

/// Starts it.
pub fn start(log: &Log, options: &Options) {
    let (log_of_task, options) = (log.clone(), options.clone());
    log.tasks.every("mesh.sweep", PAUSE, move || {
        let (log, options) = (log_of_task.clone(), options.clone());
        async move {
            sweep(&log, options.event_retention, options.event_limit).await?;
            sweep_deliveries(&log, options.delivery_retention).await
        }
    });
}

async fn sweep_deliveries(log: &Log, retention: Duration) -> Result<(), Error> {
    let before = log.db.clock().now() - retention;
    for webhook in webhooks::list(&log.db, None, webhooks::MOST).await? {
        forget(log, webhook.id, Some(before)).await?;
    }
    while let Some(id) = webhooks::deleted(&log.db).await? {
        if log.tasks.is_draining() {
            return Ok(());
        }
        forget(log, id, None).await?;
        let call = Call::of_service(Role::Mesh, "sweep");
        log.db.transact(&call, (), move |tx, _| async move { Ok(webhooks::forget(&tx, id).await?) }).await?;
    }
    Ok(())
}

/// Forgets deliveries of a webhook from before a time, or all.
async fn forget(log: &Log, id: WebhookId, before: Option<Time>) -> Result<(), Error> {
    let call = Call::of_service(Role::Mesh, "sweep");
    loop {
        let more = log
            .db
            .transact(&call, (), move |tx, _| async move { Ok(deliveries::forget(&tx, id, before).await?) });
        if !more.await? || log.tasks.is_draining() {
            return Ok(());
        }
    }
}

/// Forgets some at a time, so that nobody waits for long.
pub async fn sweep(log: &Log, retention: Duration, limit: u64) -> Result<(), Error> {
    let call = Call::of_service(Role::Mesh, "sweep");
    loop {
        let more = log.db.transact(&call, (), move |tx, _| async move {
            Ok(events::forget(&tx, tx.now() - retention, limit).await?)
        });
        if !more.await? || log.tasks.is_draining() {
            return Ok(());
        }
    }
}
