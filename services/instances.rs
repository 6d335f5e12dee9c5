//! Saying which roles run in this process, and where.

use std::{net::SocketAddr, time::Duration};

use contracts::mesh::{AnnounceRequest, mesh_service_client::MeshServiceClient};
use kit::{
    Call, Context, Db, Role, Tasks,
    instance::{self, Instance, Instances, Pace},
};
use uuid::Uuid;

use crate::{roles, settings::Settings};

/// How long an announcement of the gateway to the mesh may take, and that of its end.
const ANNOUNCE: Duration = Duration::from_secs(2);
const LEAVE: Duration = Duration::from_millis(500);

/// The roles of this process.
pub fn of_this_process(
    settings: &Settings,
    tasks: &Tasks,
    here: &[Role],
    databases: &[Db],
    rest: Option<SocketAddr>,
    grpc: Option<SocketAddr>,
) -> Instances {
    let now = kit::Clock::system().now();
    let one = |role: &Role| {
        let db = databases.iter().find(|db| db.role() == *role);
        let port = if *role == Role::Gateway { rest } else { grpc };
        Instance {
            id: Uuid::now_v7(),
            role: role.name().to_owned(),
            version: crate::version::VERSION.to_owned(),
            address: port.map(reached_at).unwrap_or_default(),
            start_time: now,
            database_kind: db.map_or("", |db| instance::kind(db.backend())).to_owned(),
            database_location: db.map(|db| db.location().chars().take(500).collect()).unwrap_or_default(),
            schema_version: roles::known_migrations(*role).pop().unwrap_or_default(),
            beat_time: now,
            tasks: None,
        }
    };
    Instances::new(here.iter().map(one).collect(), tasks.clone(), Pace(settings.process.heartbeat_interval))
}

/// A port as others reach it: one that is open to all by this machine's name.
fn reached_at(address: SocketAddr) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{name}:{}", address.port())
}

/// Says so where others look: in the role's own database; of the gateway, which has none, in the mesh's.
pub fn announce(instances: &Instances, context: &Context, databases: &[Db]) {
    for db in databases {
        if let Some(own) = instances.own(db.role()) {
            instances.announce(&context.tasks, db.clone(), own.clone());
        }
    }
    let Some(gateway) = instances.own(Role::Gateway).cloned() else { return };
    match databases.iter().find(|db| db.role() == Role::Mesh) {
        Some(db) => instances.announce(&context.tasks, db.clone(), gateway),
        None if context.mesh.knows(Role::Mesh) => announce_to_mesh(context, instances.clone(), gateway),
        None => {}
    }
}

/// The gateway announces itself for as long as the process runs.
fn announce_to_mesh(context: &Context, instances: Instances, gateway: Instance) {
    let (tasks, conn) = (context.tasks.clone(), context.mesh.own_conn(Role::Gateway, Role::Mesh));
    let pace = instances.pace;
    context.tasks.keep("gateway.announce", async move {
        let announce = |leaving: bool| {
            let instance = instances.render_own(&gateway, gateway.start_time);
            let call = Call::of_service(Role::Gateway, "announce");
            let call = call.within(if leaving { LEAVE } else { ANNOUNCE });
            let mut client = MeshServiceClient::new(conn.clone());
            async move {
                let request = AnnounceRequest { instance: Some(instance), leaving };
                if let Err(status) = client.announce(call.request(request)).await {
                    tracing::debug!(code = ?status.code(), "the gateway could not announce itself to the mesh");
                }
            }
        };
        loop {
            announce(false).await;
            tokio::select! {
                () = tasks.draining() => break,
                () = tokio::time::sleep(pace.0) => {}
            }
        }
        // After the last heartbeat, never beside one: the mesh keeps what comes last.
        announce(true).await;
    });
}
