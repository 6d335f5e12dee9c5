//! What a process gives the roles that it runs.

use std::{sync::Arc, time::Duration};

use crate::{Call, Clock, Conn, Fault, Identity, Mesh, Role, Tasks, follow, identity::Fetch};
use contracts::user::{
    AccessRevoked, ApiKeyGrant, GetJwksRequest, Jwks, KeysChanged, ResolveApiKeyRequest,
    auth_service_client::AuthServiceClient,
};

/// What every role is given.
#[derive(Clone)]
pub struct Context {
    pub clock: Clock,
    pub mesh: Mesh,
    pub identity: Identity,
    pub tasks: Tasks,
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
            let start = |went_back| {
                if went_back {
                    // Nothing but memory knows how far it was: all that is kept is looked at again, as at the start.
                    position.store(0, std::sync::atomic::Ordering::Relaxed);
                }
                let position = position.load(std::sync::atomic::Ordering::Relaxed);
                async move {
                    identity.fetch_keys().await?;
                    Ok::<i64, Fault>(position)
                }
            };
            follow::follow(context.tasks.clone(), conn, Role::User, start, handle).await;
        });
    }
}
