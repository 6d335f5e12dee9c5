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

use crate::{Db, Fault, Role, Service, Tasks, compressed};

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
    /// Why services do not serve, by the role that they are of.
    problems: BTreeMap<Role, String>,
    /// Nothing serves any more, whatever is reported.
    leaves: bool,
}

impl Health {
    /// Health of a process that serves, of what every process offers (`common`), and of its services' databases for
    /// as long as it does.
    pub async fn start(tasks: &Tasks, services: &[Service], common: &[&'static str]) -> Self {
        let of_process = [""].iter().chain(common).map(|name| (*name, ServingStatus::Serving));
        let process = of_process.collect();
        let health = Self(watch::Sender::new(Known { statuses: process, ..Known::default() }));
        for service in services {
            let (names, db) = (service.names.clone(), service.db.clone());
            let (name, role) = (format!("{}.health", db.role()), db.role());
            let mut last = ready(&db).await;
            health.report(role, &names, &last);
            let health = health.clone();
            let watching = tasks.until_drain(async move {
                loop {
                    tokio::time::sleep(PAUSE).await;
                    let now = ready(&db).await;
                    match &now {
                        Ok(()) if last.is_err() => tracing::info!(%role, "database.ready_again"),
                        Err(problem) if last.is_ok() => tracing::warn!(%role, problem, "database.not_ready"),
                        _ => {}
                    }
                    if now != last {
                        health.report(role, &names, &now);
                        last = now;
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

    /// Whether everything of this process serves; why not, otherwise.
    pub fn ready(&self) -> Result<(), String> {
        let known = self.0.borrow();
        if known.leaves {
            return Err("it is going away".to_owned());
        }
        let problems = known.problems.iter().map(|(role, problem)| format!("{role}: {problem}"));
        let problems = problems.collect::<Vec<_>>().join("\n");
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn report(&self, role: Role, names: &[&'static str], ready: &Result<(), String>) {
        let status = if ready.is_ok() { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.0.send_modify(|known| {
            let status = if known.leaves { ServingStatus::NotServing } else { status };
            known.statuses.extend(names.iter().map(|name| (*name, status)));
            match ready {
                Ok(()) => known.problems.remove(&role),
                Err(problem) => known.problems.insert(role, problem.clone()),
            };
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
        health.report(Role::User, &["c.D"], &Ok(()));
        health.report(Role::Order, &["a.B"], &Ok(()));
        assert_eq!(next().await, ServingStatus::Serving);
        health.leave();
        assert_eq!(next().await, ServingStatus::NotServing);
        health.report(Role::Order, &["a.B"], &Ok(()));
        let all = health.list(Request::new(HealthListRequest {})).await.unwrap().into_inner().statuses;
        assert_eq!(all.len(), 4);
        assert!(all.values().all(|status| status.status() == ServingStatus::NotServing), "it leaves");
    }

    #[tokio::test]
    async fn it_is_ready_while_all_of_it_is_and_says_what_is_not() {
        let health = Health::start(&Tasks::default(), &[], &[]).await;
        assert_eq!(health.ready(), Ok(()));
        health.report(Role::User, &["a.B"], &Err("it takes reads alone".to_owned()));
        health.report(Role::Order, &["c.D"], &Err("it does not answer".to_owned()));
        let both = health.ready().unwrap_err();
        assert_eq!(both, "user: it takes reads alone\norder: it does not answer");
        health.report(Role::User, &["a.B"], &Ok(()));
        assert_eq!(health.ready().unwrap_err(), "order: it does not answer");
        health.report(Role::Order, &["c.D"], &Ok(()));
        assert_eq!(health.ready(), Ok(()));
        health.leave();
        assert_eq!(health.ready().unwrap_err(), "it is going away");
    }
}
