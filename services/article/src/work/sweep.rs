//! The background task that gives back what reservations hold whose time is over.

use std::time::Duration;

use kit::{Call, Db, Role, Tasks};

use crate::{domain::stock::Attempt, error::Error, store::reservations};

const BATCH: u64 = 100;

/// Starts it. Every replica has one; whoever changes a reservation's row first has its turn.
pub fn start(tasks: &Tasks, db: Db, pause: Duration) {
    let stopping = tasks.clone();
    tasks.every("article.sweep", pause, move || {
        let (db, stopping) = (db.clone(), stopping.clone());
        async move {
            while !stopping.is_draining() {
                match sweep(&db).await? {
                    0 => break,
                    ended => tracing::info!(ended, "reservations expired"),
                }
            }
            Ok::<_, Error>(())
        }
    });
}

/// Ends a batch of overdue reservations, each in a transaction of its own; says how many it ended.
pub async fn sweep(db: &Db) -> Result<usize, Error> {
    let mut ended = 0;
    for key in reservations::overdue(db, db.clock().now(), BATCH).await? {
        match expire(db, key).await {
            Ok(true) => ended += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, order_id = %key.order_id, key.attempt, "a reservation cannot be ended")
            }
        }
    }
    Ok(ended)
}

async fn expire(db: &Db, key: Attempt) -> Result<bool, Error> {
    let call = Call::of_service(Role::Article, "expire reservations");
    kit::transact(db, &call, move |tx| async move { reservations::expire(&tx, key).await }).await
}
