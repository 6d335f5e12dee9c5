//! The sweeper: releases reservations whose time is over. The order service renews those of orders that wait; this one
//! catches what a crash between two services left behind.

use std::time::Duration;

use kit::{Call, Db, Role, Tasks, Writer};

use crate::{
    domain::stock::Attempt,
    error::Error,
    store::{
        failpoints::{self, Asked, Place},
        held, reservations,
    },
};

const BATCH: u64 = 100;

/// Starts it. Every replica has one, and they find the same reservations: whoever locks a reservation's row first ends it,
/// the others find it ended.
pub fn start(tasks: &Tasks, db: Db, pause: Duration) {
    let stopping = tasks.clone();
    let db = Writer::from(db);
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

/// Ends a batch of overdue reservations, each in a transaction of its own, so that one that cannot be ended keeps no other
/// from it; returns how many it ended.
pub async fn sweep(db: &Writer<Error>) -> Result<usize, Error> {
    let mut ended = 0;
    for key in held::overdue(db, db.clock().now(), BATCH).await? {
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

async fn expire(db: &Writer<Error>, key: Attempt) -> Result<bool, Error> {
    let call = Call::of_service(Role::Article, "expire reservations");
    let expired = db.transact(&call, (), move |tx, _| async move {
        failpoints::reach(Asked::Expire, Place::Before, key).await?;
        let expired = reservations::expire(&tx, key).await?;
        failpoints::reach(Asked::Expire, Place::Changed, key).await?;
        Ok(expired)
    });
    let expired = expired.await?;
    failpoints::reach(Asked::Expire, Place::Committed, key).await?;
    Ok(expired)
}
