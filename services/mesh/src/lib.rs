//! The operator's service: what runs, and whether stock and money add up.

mod api;
mod audit;
mod directory;
pub mod domain;
mod migration;

use std::time::Duration;

use contracts::mesh::mesh_service_server::{MeshServiceServer, SERVICE_NAME};
use kit::{Context, Db, Role, Service, StartError, instance::Pace};

pub use migration::Migrator;

/// The settings of the mesh service.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Options {
    /// How long the audit waits before it reads again what did not agree: a difference counts if it is still
    /// there and nothing has changed
    #[arg(long, env = "FEIRA_AUDIT_SETTLE", value_name = "TIME", default_value = "1s", value_parser = kit::duration)]
    pub audit_settle: Duration,
}

/// Starts the service on an opened and migrated database. `pace` is that of the instances.
pub async fn start(options: &Options, db: Db, context: Context, pace: Pace) -> Result<Service, StartError> {
    let api = api::Api {
        db: db.clone(),
        directory: directory::Directory::new(&context, pace),
        auditor: audit::Auditor::new(&context, options.audit_settle),
    };
    let routes = tonic::service::Routes::new(kit::compressed!(MeshServiceServer::new(api)));
    Ok(Service { role: Role::Mesh, routes, names: vec![SERVICE_NAME], db, audit: None })
}
