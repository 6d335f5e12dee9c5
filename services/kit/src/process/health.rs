//! Standard health (grpc.health.v1): the process as `""`, and each service by its full name, which follows
//! its database: whether that answers and takes writes.

use std::{collections::BTreeMap, time::Duration};

use contracts::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
    health_check_response::ServingStatus,
    health_server::{Health as HealthApi, HealthServer},
};
use futures::{StreamExt, stream::BoxStream};
use tokio::{sync::watch, time::timeout};
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

use crate::{Db, Fault, Service, Tasks, compressed};

/// How often a database is asked, and how long it may take to answer.
const PAUSE: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(1);

/// What a process says about itself; cheap to clone.
#[derive(Clone)]
pub struct Health(watch::Sender<Known>);

/// What was reported, by name.
#[derive(Debug, Clone, Default)]
struct Known {
    statuses: BTreeMap<&'static str, ServingStatus>,
    /// Nothing serves any more, whatever is reported.
    leaves: bool,
}

impl Health {
    /// Health of a process that serves, of what every process offers (`common`), and of its services' databases for
    /// as long as it does.
    pub async fn start(tasks: &Tasks, services: &[Service], common: &[&'static str]) -> Self {
        let of_process = [""].iter().chain(common).map(|name| (*name, ServingStatus::Serving));
        let process = of_process.collect();
        let health = Self(watch::Sender::new(Known { statuses: process, leaves: false }));
        for service in services {
            let (names, db) = (service.names.clone(), service.db.clone());
            let first = ready(&db).await;
            health.report(&names, first.is_ok());
            let health = health.clone();
            let (name, role) = (format!("{}.health", db.role()), db.role());
            let watching = tasks.until_drain(async move {
                let mut last = first.is_ok();
                loop {
                    tokio::time::sleep(PAUSE).await;
                    let now = ready(&db).await;
                    if now.is_ok() != last {
                        last = now.is_ok();
                        match now {
                            Ok(()) => tracing::info!(%role, "database.ready_again"),
                            Err(problem) => tracing::warn!(%role, problem, "database.not_ready"),
                        }
                        health.report(&names, last);
                    }
                }
            });
            tasks.keep(name, watching);
        }
        health
    }

    /// The gRPC service that answers health checks.
    pub fn service(&self) -> HealthServer<Health> {
        compressed!(HealthServer::new(self.clone()))
    }

    fn report(&self, names: &[&'static str], serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.0.send_modify(|known| {
            let status = if known.leaves { ServingStatus::NotServing } else { status };
            known.statuses.extend(names.iter().map(|name| (*name, status)));
        });
    }

    /// From now on nothing serves any more.
    pub fn leave(&self) {
        self.0.send_modify(|known| {
            known.leaves = true;
            known.statuses.values_mut().for_each(|status| *status = ServingStatus::NotServing);
        });
    }
}

impl Known {
    fn of(&self, service: &str) -> Option<HealthCheckResponse> {
        self.statuses.get(service).map(|status| HealthCheckResponse { status: *status as i32 })
    }
}

#[tonic::async_trait]
impl HealthApi for Health {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let found = self.0.borrow().of(&request.get_ref().service);
        found.map(Response::new).ok_or_else(|| Fault::not_found("service").into())
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        let known = self.0.borrow();
        let statuses = known.statuses.keys().filter_map(|name| Some(((*name).to_owned(), known.of(name)?)));
        Ok(Response::new(HealthListResponse { statuses: statuses.collect() }))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let unknown = HealthCheckResponse { status: ServingStatus::ServiceUnknown as i32 };
        let (mut last, known) = (None, WatchStream::new(self.0.subscribe()));
        let changes = known.filter_map(move |known| {
            let now = known.of(&service).unwrap_or(unknown);
            let changed = last.replace(now) != Some(now);
            std::future::ready(changed.then_some(Ok(now)))
        });
        Ok(Response::new(changes.boxed()))
    }
}

/// Whether a database answers in time and takes writes; why not, otherwise.
async fn ready(db: &Db) -> Result<(), String> {
    match timeout(ANSWER, db.ready()).await {
        Ok(ready) => ready.map_err(|problem| problem.to_string()),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watch_of_what_is_not_known_goes_on_until_it_is() {
        let health = Health::start(&Tasks::default(), &[], &["e.F"]).await;
        let request = |service: &str| Request::new(HealthCheckRequest { service: service.into() });
        assert_eq!(health.check(request("a.B")).await.unwrap_err().code(), tonic::Code::NotFound);
        let mut watch = health.watch(request("a.B")).await.unwrap().into_inner();
        let mut next = async || watch.next().await.unwrap().unwrap().status();
        assert_eq!(next().await, ServingStatus::ServiceUnknown);
        health.report(&["c.D"], true);
        health.report(&["a.B"], true);
        assert_eq!(next().await, ServingStatus::Serving);
        health.leave();
        assert_eq!(next().await, ServingStatus::NotServing);
        health.report(&["a.B"], true);
        let all = health.list(Request::new(HealthListRequest {})).await.unwrap().into_inner().statuses;
        assert_eq!(all.len(), 4);
        assert!(all.values().all(|status| status.status() == ServingStatus::NotServing), "it leaves");
    }
}
