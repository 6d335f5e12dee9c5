//! Who runs: each role is asked for its instances. What was heard of a role before is remembered for a while,
//! for when it cannot be asked any more.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use contracts::mesh::{Instance, ListNodeInstancesRequest, node_service_client::NodeServiceClient};
use kit::{Call, Clock, Context, Fault, Mesh, Role, Time, instance::Pace};

use crate::domain::place;

/// How long a role may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// The instances of all roles.
pub struct Directory {
    mesh: Mesh,
    clock: Clock,
    pace: Pace,
    heard: Mutex<HashMap<Role, Vec<Instance>>>,
}

impl Directory {
    /// A directory that has heard of nobody yet.
    pub fn new(context: &Context, pace: Pace) -> Self {
        let (mesh, clock) = (context.mesh.clone(), context.clock.clone());
        Self { mesh, clock, pace, heard: Mutex::default() }
    }

    /// All instances, in their order.
    pub async fn list(&self, call: &Call) -> Vec<Instance> {
        let roles = Role::SERVICES.map(|role| self.of(call, role));
        let mut all: Vec<Instance> = futures::future::join_all(roles).await.into_iter().flatten().collect();
        all.sort_by_key(place);
        all
    }

    async fn of(&self, call: &Call, role: Role) -> Vec<Instance> {
        match self.ask(call, role).await {
            Ok(instances) => {
                self.heard().insert(role, instances.clone());
                instances
            }
            Err(fault) => {
                tracing::debug!(%role, problem = fault.message, "a role cannot be asked for its instances");
                self.unreachable(role)
            }
        }
    }

    async fn ask(&self, call: &Call, role: Role) -> Result<Vec<Instance>, Fault> {
        let request = call.within(ANSWER).request(ListNodeInstancesRequest { role: role.name().to_owned() });
        let mut client = NodeServiceClient::new(self.mesh.conn(Role::Mesh, role));
        let answer = client.list_node_instances(request).await.map_err(|status| Fault::of(&status))?;
        Ok(answer.into_inner().instances)
    }

    /// What is shown of a role that cannot be asked: those that were there, or where they should be.
    fn unreachable(&self, role: Role) -> Vec<Instance> {
        let now = self.clock.now();
        let mut heard = self.heard();
        let known = heard.entry(role).or_default();
        known.retain(|instance| {
            let last = instance.last_seen_time.map_or(Time(0), Time::from);
            !self.pace.is_forgotten(last, now)
        });
        if known.is_empty() {
            let address = self.mesh.address(role).to_owned();
            return vec![Instance { role: role.name().to_owned(), address, ..Default::default() }];
        }
        known.iter().map(|instance| Instance { healthy: false, ..instance.clone() }).collect()
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, HashMap<Role, Vec<Instance>>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
