//! `mesh.webhooks`: for each webhook one process sends.
//!
//! Which one is decided by a lease in the webhook's row, which it renews while it sends; so what happened to one thing is sent in
//! its order, whatever the number of replicas. A process that ends gives its leases back; of one that dies they run out.

mod courier;
mod figures;
mod intake;
mod settle;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kit::{Call, Db, Role, id::WebhookId};
use sea_orm::DatabaseBackend;

use crate::{error::Error, store::webhooks, webhooks::Webhooks};

/// How often webhooks are looked for that nobody sends for.
const LOOK: Duration = Duration::from_secs(1);
/// How long a process may send without renewing its lease; it renews it much more often.
const LEASE: Duration = Duration::from_secs(45);

pub(super) fn own() -> Call {
    Call::of_service(Role::Mesh, "webhooks")
}

/// The webhooks for which this process sends.
#[derive(Clone, Default)]
struct Mine(Arc<Mutex<HashSet<WebhookId>>>);

/// One of them, for as long as this lives.
struct Held(Mine, WebhookId);

impl Mine {
    fn hold(&self, id: WebhookId) -> Option<Held> {
        let new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        new.then(|| Held(self.clone(), id))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// Starts sending.
pub async fn start(shared: &Webhooks) -> Result<(), Error> {
    let db = &shared.log.db;
    if Db::backend(db) == DatabaseBackend::Sqlite {
        // Its file is open in one process: whoever had a lease is gone.
        db.transact(&own(), (), |tx, _| async move { Ok(webhooks::end_leases(&tx).await?) }).await?;
    }
    rewrap(shared).await?;
    figures::begin();
    let (of_task, mine) = (shared.clone(), Mine::default());
    shared.log.tasks.keep("mesh.webhooks", async move {
        let tasks = of_task.log.tasks.clone();
        loop {
            let changed = of_task.changed.notified();
            if let Err(error) = look(&of_task, &mine).await {
                tracing::warn!(%error, "webhooks.not_read");
            }
            tokio::select! {
                () = tasks.draining() => return,
                () = tokio::time::sleep(LOOK) => {}
                () = changed => {}
            }
        }
    });
    Ok(())
}

/// Encrypts by the first key what is encrypted by another: the mesh secret was replaced.
async fn rewrap(shared: &Webhooks) -> Result<(), Error> {
    let db = &shared.log.db;
    for webhook in webhooks::list(db, None, webhooks::MOST).await? {
        for wrapped in [Some(webhook.wrapped_secret), webhook.old_wrapped_secret].into_iter().flatten() {
            // Of one that no key opens, whoever sends says so.
            let Ok(Some(again)) = shared.rewrapped(webhook.id, &wrapped) else { continue };
            let work = move |tx: kit::Tx, input: Arc<(String, String)>| async move {
                Ok(webhooks::rewrap(&tx, webhook.id, &input.0, &input.1).await?)
            };
            db.transact(&own(), (wrapped, again), work).await?;
        }
    }
    Ok(())
}

/// Takes what nobody sends for.
async fn look(shared: &Webhooks, mine: &Mine) -> Result<(), Error> {
    let (db, call) = (&shared.log.db, own());
    for id in webhooks::without_owner(db, &shared.owner, db.clock().now()).await? {
        let Some(held) = mine.hold(id) else { continue };
        if shared.log.tasks.is_draining() {
            return Ok(());
        }
        let owner = shared.owner.clone();
        let taken = db.transact(&call, owner, move |tx, owner| async move {
            webhooks::hold(&tx, id, &owner, LEASE).await
        });
        if let Some(webhook) = taken.await? {
            let shared = shared.clone();
            let tasks = shared.log.tasks.clone();
            tasks.spawn(async move {
                courier::Courier::new(shared, webhook).run().await;
                drop(held);
            });
        }
    }
    Ok(())
}
