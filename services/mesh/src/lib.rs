//! The operator's service: what runs, whether stock and money add up, what happens in the shop, and who is told of it.

mod api;
mod audit;
mod directory;
mod domain;
mod error;
mod log;
mod migration;
mod options;
mod remote;
mod store;
mod webhooks;
mod work;

#[cfg(test)]
mod tests;

use contracts::{
    event::{
        event_service_server::{self, EventServiceServer},
        webhook_service_server::{self, WebhookServiceServer},
    },
    mesh::mesh_service_server::{self, MeshServiceServer},
};
use kit::{Context, Db, Role, Service, StartError, instance::Pace};

pub use migration::Migrator;
pub use options::Options;

/// Starts the service on an opened and migrated database. `pace` is that of the instances; `keys` encrypt the secrets of
/// webhooks, the first of them, and decrypt them.
pub async fn start(
    options: &Options,
    db: Db,
    context: Context,
    pace: Pace,
    keys: &[[u8; 32]],
) -> Result<Service, StartError> {
    let api = api::Api {
        db: db.clone(),
        directory: directory::Directory::new(&context, pace),
        auditor: audit::Auditor::new(&context, options.audit_settle),
        mesh: context.mesh.clone(),
        tasks: context.tasks.clone(),
        exports: api::Exports::default(),
    };
    let log = log::Log::new(db.clone(), &context);
    let receivers = remote::Receivers::new(options.allow_private_webhooks);
    let webhooks = webhooks::Webhooks::new(log.clone(), receivers, keys)?;
    work::start(&webhooks, options, &context).await?;
    let mut routes = tonic::service::Routes::new(kit::compressed!(MeshServiceServer::new(api)));
    routes = routes.add_service(kit::compressed!(EventServiceServer::new(api::EventApi(log))));
    routes = routes.add_service(kit::compressed!(WebhookServiceServer::new(api::WebhookApi(webhooks))));
    let names = vec![
        mesh_service_server::SERVICE_NAME,
        event_service_server::SERVICE_NAME,
        webhook_service_server::SERVICE_NAME,
    ];
    Ok(Service { role: Role::Mesh, routes, names, db, audit: None })
}
