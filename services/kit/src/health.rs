//! Standard health (grpc.health.v1): the process as `""`, and each service by its full name, which follows
//! its database: whether that answers and takes writes.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use crate::{Db, Service, Tasks};

/// How often a database is asked, and how long it may take to answer.
const PAUSE: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(1);

/// What a process says about itself; cheap to clone.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    /// All names that were reported on; empty once the process leaves.
    known: Arc<Mutex<Option<Vec<&'static str>>>>,
}

impl Health {
    /// Health of a process that serves, and of its services' databases for as long as it does.
    pub async fn start(tasks: &Tasks, services: &[Service]) -> Self {
        let health = Self { reporter: HealthReporter::new(), known: Arc::new(Mutex::new(Some(vec![""]))) };
        for service in services {
            let (names, db) = (service.names.clone(), service.db.clone());
            let first = ready(&db).await;
            health.report(&names, first.is_ok()).await;
            let health = health.clone();
            tasks.spawn_until_drain(async move {
                let mut last = first.is_ok();
                loop {
                    tokio::time::sleep(PAUSE).await;
                    let (now, role) = (ready(&db).await, db.role());
                    if now.is_ok() != last {
                        last = now.is_ok();
                        match now {
                            Ok(()) => tracing::info!(%role, "database.ready_again"),
                            Err(problem) => tracing::warn!(%role, problem, "database.not_ready"),
                        }
                        health.report(&names, last).await;
                    }
                }
            });
        }
        health
    }

    /// The gRPC service that tells.
    pub fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    async fn report(&self, names: &[&'static str], serving: bool) {
        let mut known = self.known.lock().await;
        let Some(known) = known.as_mut() else { return };
        for name in names {
            let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
            self.reporter.set_service_status(name, status).await;
            if !known.contains(name) {
                known.push(name);
            }
        }
    }

    /// From now on nothing serves any more.
    pub async fn leave(&self) {
        for name in self.known.lock().await.take().unwrap_or_default() {
            self.reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
    }
}

/// Whether a database answers in time and takes writes; why not, otherwise.
async fn ready(db: &Db) -> Result<(), String> {
    match timeout(ANSWER, db.ready()).await {
        Ok(ready) => ready.map_err(|problem| problem.to_string()),
        Err(_) => Err("it does not answer".to_owned()),
    }
}
