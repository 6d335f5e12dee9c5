//! `mesh.sweep`: events that are old, or too many, are forgotten.

use std::time::Duration;

use kit::{Call, Role};

use crate::{error::Error, log::Log, options::Options, store::events};

/// How often.
const PAUSE: Duration = Duration::from_secs(60);

/// Starts it.
pub fn start(log: &Log, options: &Options) {
    let (log_of_task, retention, limit) = (log.clone(), options.event_retention, options.event_limit);
    log.tasks.every("mesh.sweep", PAUSE, move || {
        let log = log_of_task.clone();
        async move { sweep(&log, retention, limit).await }
    });
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
