//! What a process gives the roles that it runs, and what it gets from them.

use std::{sync::Arc, time::Duration};

use contracts::user::{
    AccessRevoked, ApiKeyGrant, GetJwksRequest, Jwks, KeysChanged, ResolveApiKeyRequest,
    auth_service_client::AuthServiceClient,
};
use sea_orm::{DatabaseBackend, DbErr};

use crate::{
    Call, Clock, Conn, Db, Fault, Identity, Mesh, Role, Tasks,
    audit::Audit,
    audit_log,
    db::COMPARE,
    db::write::{answers, publisher},
    follow, idempotency,
    identity::Fetch,
    instance, outbox,
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
    /// What it contributes to the audit, if anything.
    pub audit: Option<Arc<dyn Audit>>,
}

/// Asks the user service by a connection.
pub struct FetchFrom(pub Conn);

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

    async fn grant(&self, request: ResolveApiKeyRequest) -> Result<ApiKeyGrant, Fault> {
        let mut client = AuthServiceClient::new(self.0.clone());
        let call = Call::of_service(Role::Order, "api key").within(FETCH_WITHIN);
        let grant = client.resolve_api_key(call.request(request)).await;
        Ok(grant.map_err(|status| Fault::of(&status))?.into_inner())
    }
}

/// How long the user service may take to answer with its keys.
const FETCH_WITHIN: Duration = Duration::from_secs(3);
/// How often a database is relieved of what is old.
const PRUNE: Duration = Duration::from_secs(600);
/// How long idempotency records and events are kept.
const KEEP_ANSWERS: Duration = answers::KEPT;
const KEEP_EVENTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long instances are kept that nobody hears of any more.
const KEEP_INSTANCES: Duration = Duration::from_secs(24 * 3600);

impl Context {
    /// Starts what every process does: learns keys and revocations. `as_role` names it to the user service.
    pub fn start_identity(&self, as_role: Role) {
        let conn = self.mesh.own_conn(as_role, Role::User);
        self.identity.fetch_from(Arc::new(FetchFrom(conn.clone())));
        let context = self.clone();
        self.tasks.keep(format!("{as_role}.feed.access"), async move {
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
