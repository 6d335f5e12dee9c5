//! What a process gets from the roles that it runs, and does for their databases.

use std::{sync::Arc, time::Duration};

use sea_orm::{DatabaseBackend, DbErr};

use crate::{
    Context, Db, Role,
    audit::Audit,
    audit_log,
    db::COMPARE,
    db::write::{answers, publisher},
    idempotency, instance, outbox,
};

/// What a role gives: its gRPC services and its database.
pub struct Service {
    pub role: Role,
    pub routes: tonic::service::Routes,
    /// The full names of its services, for health.
    pub names: Vec<&'static str>,
    pub db: Db,
    /// What it contributes to the audit, if anything.
    pub audit: Option<Arc<dyn Audit>>,
}

/// How often a database is relieved of what is old.
const PRUNE: Duration = Duration::from_secs(600);
/// How long idempotency records and events are kept.
const KEEP_ANSWERS: Duration = answers::KEPT;
const KEEP_EVENTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long instances are kept that nobody hears of any more.
const KEEP_INSTANCES: Duration = Duration::from_secs(24 * 3600);

impl Context {
    /// Starts what every service's database needs: publishing its events, forgetting what is old.
    pub fn start_database(&self, db: &Db) {
        db.observe();
        idempotency::begin_replays(db.role());
        self.tasks
            .keep(format!("{}.outbox", db.role()), self.tasks.until_drain(publisher::publish(db.clone())));
        if db.backend() != DatabaseBackend::Sqlite {
            let db = db.clone();
            self.tasks.every(format!("{}.clock", db.role()), COMPARE, move || {
                let db = db.clone();
                async move { db.compare_clocks(false).await.map(|_| ()) }
            });
        }
        audit_log::deliver(self, db);
        // At the start, too: a shop that never runs for long forgets all the same. What fails is told when it is tried again.
        let first = db.clone();
        self.tasks.spawn(async move {
            let _ = prune(&first).await;
        });
        let db = db.clone();
        self.tasks.every(format!("{}.prune", db.role()), PRUNE, move || {
            let db = db.clone();
            async move { prune(&db).await }
        });
    }
}

/// Relieves a database of what is old.
async fn prune(db: &Db) -> Result<(), DbErr> {
    let now = db.clock().now();
    idempotency::prune(db, now - KEEP_ANSWERS).await?;
    outbox::prune(db, now - KEEP_EVENTS).await?;
    instance::prune(db, now - KEEP_INSTANCES).await?;
    db.forget_journal().await
}
