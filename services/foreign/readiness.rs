//! Whether a gateway is ready, for load balancers and orchestrators: by the health of the services behind it.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use futures::future::join_all;
use gateway::Mount;
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use super::upstream::Upstream;
use crate::serve::operators;

/// How often upstreams are asked.
const PAUSE: Duration = Duration::from_secs(2);
/// Whether the gateway and what is behind it serve, and whether its process does.
const PATHS: &[&str] = &["/healthz", "/livez"];

/// What is known of it; cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Inner>);

#[derive(Default)]
struct Inner {
    leaves: AtomicBool,
    behind: RwLock<Behind>,
}

/// What is behind the gateway.
#[derive(Clone, Default)]
pub struct Behind {
    /// The upstreams, each with the services that it serves; none, where its contract is not known yet.
    pub upstreams: Vec<(Arc<Upstream>, Option<Vec<String>>)>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    service: String,
}

impl Readiness {
    /// What is behind it from now on.
    pub fn set(&self, behind: Behind) {
        *self.0.behind.write().unwrap_or_else(PoisonError::into_inner) = behind;
    }

    /// From now on nothing serves any more.
    pub fn leave(&self) {
        self.0.leaves.store(true, Ordering::Relaxed);
    }

    /// Asks the upstreams for their health, for as long as the process runs.
    pub async fn watch(self) {
        loop {
            let upstreams = self.behind().upstreams;
            join_all(upstreams.iter().map(|(upstream, _)| upstream.check())).await;
            sleep(PAUSE).await;
        }
    }

    /// The pages that say it.
    pub fn mount(&self) -> Mount {
        let alive = || async { answer(StatusCode::OK, "SERVING") };
        Mount::at(
            PATHS,
            Router::new()
                .route("/healthz", get(healthz))
                .route("/livez", get(alive))
                .with_state(self.clone()),
        )
    }

    /// The same for the admin listener.
    pub fn probe(&self) -> operators::Ready {
        let readiness = self.clone();
        Arc::new(move || match readiness.serves("") {
            Some(true) => Ok(()),
            _ if readiness.0.leaves.load(Ordering::Relaxed) => Err("it is going away".to_owned()),
            _ => Err("no upstream serves, or not all of their contracts are known".to_owned()),
        })
    }

    fn behind(&self) -> Behind {
        self.0.behind.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a service can be called; of all of them, one at least. None, where nobody serves it.
    fn serves(&self, service: &str) -> Option<bool> {
        let behind = self.behind();
        let of_service = |known: &Option<Vec<String>>| {
            known.as_ref().is_some_and(|known| known.iter().any(|name| name == service))
        };
        let mut upstreams = behind.upstreams.iter();
        let serves = match service {
            "" => {
                // Before all contracts are known, calls that are right would be refused.
                let complete = behind.upstreams.iter().all(|(_, known)| known.is_some());
                complete && upstreams.any(|(upstream, _)| upstream.serves())
            }
            _ => upstreams.find(|(_, known)| of_service(known))?.0.serves(),
        };
        Some(serves && !self.0.leaves.load(Ordering::Relaxed))
    }
}

async fn healthz(
    State(readiness): State<Readiness>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    // A query that names no service, or two, names none that there is.
    let serves = asked.ok().and_then(|Query(asked)| readiness.serves(&asked.service));
    match serves {
        Some(true) => answer(StatusCode::OK, "SERVING"),
        Some(false) => answer(StatusCode::SERVICE_UNAVAILABLE, "NOT_SERVING"),
        None => answer(StatusCode::NOT_FOUND, "SERVICE_UNKNOWN"),
    }
}

/// As the JSON of grpc.health.v1.HealthCheckResponse.
fn answer(code: StatusCode, status: &str) -> Response {
    (code, Json(json!({"status": status}))).into_response()
}
