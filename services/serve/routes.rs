//! What a process serves: its gRPC services, and the REST interface.

use std::sync::Arc;

use axum::{Router, http::HeaderMap};
use futures::future::BoxFuture;

use gateway::Admitted;
use kit::{
    Caller, Context, Fault, Identity, Role, Service,
    access::Methods,
    client::Client,
    health::Health,
    instance::Instances,
    limits::{Limiter, Ticket},
    node::Node,
    reflection::Reflection,
    refusals::Refusals,
    telemetry::access::{self, Who},
};
use tonic::{Code, Status, service::Routes};

use crate::{descriptors, error::Error, settings::Settings};

/// The names of the services beside the roles' own.
pub fn common_services(started: &[Service], reflection: bool) -> Vec<&'static str> {
    let mut names = vec!["grpc.health.v1.Health"];
    if !started.is_empty() {
        names.push(contracts::mesh::node_service_server::SERVICE_NAME);
    }
    if reflection {
        names.extend(kit::reflection::SERVICES);
    }
    names
}

/// Every gRPC service of the process: the roles' own, and what every process offers (`common_names`).
pub fn routes(
    started: &[Service],
    common_names: &[&str],
    health: &Health,
    instances: Instances,
    reflection: bool,
) -> Result<Routes, Error> {
    let mut common = Routes::new(health.service());
    if !started.is_empty() {
        use contracts::mesh::node_service_server::NodeServiceServer;
        common = common.add_service(NodeServiceServer::new(Node::new(started, instances)));
    }
    if reflection {
        use tonic_reflection::pb::{
            v1::server_reflection_server::ServerReflectionServer as V1,
            v1alpha::server_reflection_server::ServerReflectionServer as V1Alpha,
        };
        let own = started.iter().flat_map(|service| service.names.iter().copied());
        let names = own.chain(common_names.iter().copied());
        let reflection = Reflection::new(descriptors::all, names);
        common = common.add_service(kit::compressed!(V1::new(reflection.clone())));
        common = common.add_service(kit::compressed!(V1Alpha::new(reflection)));
    }
    let all = started.iter().fold(common.into_axum_router(), |all, service| {
        // Only one answer to what nobody serves can stay.
        all.merge(service.routes.clone().into_axum_router().reset_fallback())
    });
    Ok(Routes::from(all).prepare())
}

/// Judges requests at the edge by what their headers say.
struct Guard {
    identity: Identity,
    methods: Methods,
    limits: Limiter,
    refusals: Refusals,
}

impl gateway::Guard for Guard {
    fn arrives(&self, headers: &HeaderMap) -> Result<(), Status> {
        Ok(self.limits.arrives(Client::handed_on(headers).address)?)
    }

    fn reads_page(&self, headers: &HeaderMap) -> Result<(), Status> {
        Ok(self.limits.reads_page(Client::handed_on(headers).address)?)
    }

    fn admit<'a>(&'a self, headers: &'a HeaderMap, path: &'a str) -> BoxFuture<'a, Result<Admitted, Status>> {
        Box::pin(async move {
            // What is no method of the contract is answered at once.
            let Some(method) = self.methods.get(path) else { return Ok(uncounted()) };
            // The mesh calls by gRPC: whoever shows its token here has it from somewhere. It is not verified, which can be dear.
            if self.identity.says_a_role(headers) {
                return Err(Fault::unauthenticated("service tokens are not taken over REST").into());
            }
            let caller = match method.caller(&self.identity, headers).await {
                // This process knows no keys and the user service cannot be asked; the method's own service may.
                Err(fault) if fault.code == Code::Unavailable => {
                    let address = Client::handed_on(headers).address;
                    return Ok(counted(self.limits.admit(method, &Caller::Anonymous, address)?, None));
                }
                caller => caller?,
            };
            let caller = method.admit(caller.clone()).inspect_err(|_| {
                let (client, id) = (Client::handed_on(headers), kit::headers::request_id(headers));
                self.refusals.note(method, &caller, &client, &id, self.identity.time());
            })?;
            let who = access::is_wanted().then(|| Who::from(&caller));
            Ok(counted(self.limits.admit(method, &caller, Client::handed_on(headers).address)?, who))
        })
    }
}

/// A call that does not count.
fn uncounted() -> Admitted {
    Admitted { begin: Box::new(|| Ok(Box::new(()))), who: None }
}

/// A call that counts among those under way once it has begun.
fn counted(ticket: Ticket, who: Option<Who>) -> Admitted {
    Admitted { begin: Box::new(move || Ok(Box::new(ticket.begin()?))), who }
}

/// The REST interface. `pages` are the simulated payment provider's, where it has them.
pub fn edge(
    settings: &Settings,
    context: &Context,
    methods: &Methods,
    (limits, refusals): (Limiter, Refusals),
    pages: Option<Router>,
) -> Result<Router, Error> {
    let guard: Arc<dyn gateway::Guard> =
        Arc::new(Guard { identity: context.identity.clone(), methods: methods.clone(), limits, refusals });
    let upstream = |service: &str| Role::serving(service).map(|role| context.mesh.conn(Role::Gateway, role));
    let mount = pages.map(|pages| gateway::Mount::new(payment::PAGES_BELOW, pages));
    let page = Some(settings.page.clone());
    let extras = gateway::Extras { guard: Some(guard), mount, page, ..Default::default() };
    gateway::router(&settings.gateway, contracts::pool(), upstream, extras).map_err(Error::other)
}
