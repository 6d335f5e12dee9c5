//! The operator's service: what runs, and whether stock and money add up.

mod api;
mod audit;
mod directory;
mod domain;
mod error;
mod migration;
mod options;

use contracts::mesh::mesh_service_server::{MeshServiceServer, SERVICE_NAME};
use kit::{Context, Db, Role, Service, StartError, instance::Pace};

pub use migration::Migrator;
pub use options::Options;

/// Starts the service on an opened and migrated database. `pace` is that of the instances.
pub async fn start(options: &Options, db: Db, context: Context, pace: Pace) -> Result<Service, StartError> {
    let api = api::Api {
        db: db.clone(),
        directory: directory::Directory::new(&context, pace),
        auditor: audit::Auditor::new(&context, options.audit_settle),
        mesh: context.mesh.clone(),
        tasks: context.tasks.clone(),
        exports: api::Exports::default(),
    };
    let routes = tonic::service::Routes::new(kit::compressed!(MeshServiceServer::new(api)));
    Ok(Service { role: Role::Mesh, routes, names: vec![SERVICE_NAME], db, audit: None })
}
