//! What a process gives the roles that it runs, and what it gets from them.

use std::{future::Future, sync::Arc, time::Duration};

use contracts::user::{
    AccessRevoked, GetJwksRequest, Jwks, KeysChanged, auth_service_client::AuthServiceClient,
};
use sea_orm::DatabaseBackend;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Call, Clock, Conn, Db, Fault, Identity, Mesh, Role, audit::Audit, db::COMPARE, follow, idempotency,
    identity::Fetch, instance, outbox,
};

/// What every role is given.
#[derive(Clone)]
pub struct Context {
    pub clock: Clock,
    pub mesh: Mesh,
    pub identity: Identity,
    pub tasks: Tasks,
}

/// What a role gives: its gRPC services and its database.
pub struct Service {
    pub role: Role,
    pub routes: tonic::service::Routes,
    /// The full names of its services, for health.
    pub names: Vec<&'static str>,
    pub db: Db,
    /// What it tells the audit, where it has something to tell.
    pub audit: Option<Arc<dyn Audit>>,
}

/// A process's background tasks.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    drain: CancellationToken,
}

impl Tasks {
    /// Starts a task. It must end by itself once [`Tasks::draining`] does.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }

    /// Starts a task that may be stopped at any await point when the process drains.
    pub fn spawn_until_drain(&self, task: impl Future<Output = ()> + Send + 'static) {
        let drain = self.drain.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = drain.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Does `work` again and again, with a pause in between, until the process drains. What is under way
    /// then is finished.
    pub fn every<F, Fut>(&self, pause: Duration, work: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let drain = self.drain.clone();
        self.tracker.spawn(async move {
            loop {
                tokio::select! {
                    () = drain.cancelled() => return,
                    () = tokio::time::sleep(pause) => work().await,
                }
            }
        });
    }

    /// Ends when the process begins to drain.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Whether the process drains.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Tells all tasks to end.
    pub fn drain(&self) {
        self.drain.cancel();
        self.tracker.close();
    }

    /// Waits until they have.
    pub async fn drained(&self) {
        self.tracker.wait().await;
    }
}

struct FetchFrom(Conn);

#[async_trait::async_trait]
impl Fetch for FetchFrom {
    async fn keys(&self) -> Result<Jwks, Fault> {
        let mut client = AuthServiceClient::new(self.0.clone());
        Ok(client
            .get_jwks(Call::of_service(Role::Order, "keys").within(FETCH_WITHIN).request(GetJwksRequest {}))
            .await
            .map_err(|status| Fault::of(&status))?
            .into_inner())
    }
}

/// How long the user service may take to tell its keys.
const FETCH_WITHIN: Duration = Duration::from_secs(3);
/// How long idempotency records and events are kept.
const KEEP_ANSWERS: Duration = Duration::from_secs(24 * 3600);
const KEEP_EVENTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long instances are kept that nobody hears of any more.
const KEEP_INSTANCES: Duration = Duration::from_secs(24 * 3600);

impl Context {
    /// Starts what every process does: learns keys and revocations. `as_role` names it to the user service.
    pub fn start_identity(&self, as_role: Role) {
        let conn = self.mesh.own_conn(as_role, Role::User);
        self.identity.fetch_from(Arc::new(FetchFrom(conn.clone())));
        let context = self.clone();
        self.tasks.spawn(async move {
            let position = Arc::new(std::sync::atomic::AtomicI64::new(0));
            let identity = &context.identity;
            let handle = |event: contracts::mesh::FeedEvent| {
                let position = position.clone();
                async move {
                    if let Some(revoked) = follow::event::<AccessRevoked>(&event) {
                        identity.revoke(&revoked);
                    }
                    if follow::event::<KeysChanged>(&event).is_some() {
                        identity.fetch_keys().await?;
                    }
                    position.store(event.position, std::sync::atomic::Ordering::Relaxed);
                    Ok::<(), Fault>(())
                }
            };
            let start = || {
                let position = position.load(std::sync::atomic::Ordering::Relaxed);
                async move {
                    identity.fetch_keys().await?;
                    Ok::<i64, Fault>(position)
                }
            };
            follow::follow(context.tasks.clone(), conn, Role::User, start, handle).await;
        });
    }

    /// Starts what every service's database needs: publishing its events, forgetting what is old.
    pub fn start_database(&self, db: &Db) {
        self.tasks.spawn_until_drain(outbox::publish(db.clone()));
        if db.backend() != DatabaseBackend::Sqlite {
            let db = db.clone();
            self.tasks.every(COMPARE, move || {
                let db = db.clone();
                async move {
                    if let Err(error) = db.compare_clocks(false).await {
                        tracing::debug!(%error, role = %db.role(), "the database's clock cannot be read");
                    }
                }
            });
        }
        let db = db.clone();
        self.tasks.every(Duration::from_secs(600), move || {
            let db = db.clone();
            async move {
                let now = db.clock().now();
                let pruned = async {
                    idempotency::prune(&db, now - KEEP_ANSWERS).await?;
                    outbox::prune(&db, now - KEEP_EVENTS).await?;
                    instance::prune(&db, now - KEEP_INSTANCES).await
                };
                if let Err(error) = pruned.await {
                    tracing::warn!(%error, role = %db.role(), "old records cannot be pruned");
                }
            }
        });
    }
}
