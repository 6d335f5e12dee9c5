//! Who runs: each role is asked for its instances. What a role answered before is remembered for a while,
//! for when it cannot be asked any more.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use contracts::mesh::{Instance, ListNodeInstancesRequest, node_service_client::NodeServiceClient};
use kit::{Call, Context, Fault, Mesh, Role, instance::Pace};

use crate::domain::place;

/// How long a role may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// The instances of all roles.
pub struct Directory {
    mesh: Mesh,
    pace: Pace,
    /// What each role said, and when it did.
    answers: Mutex<HashMap<Role, (Instant, Vec<Instance>)>>,
}

impl Directory {
    /// A directory that knows nobody yet.
    pub fn new(context: &Context, pace: Pace) -> Self {
        Self { mesh: context.mesh.clone(), pace, answers: Mutex::default() }
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
                self.answers().insert(role, (Instant::now(), instances.clone()));
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

    /// What is shown of a role that cannot be asked: those that were there, or where they should be. When they
    /// were goes by this process's own clock; theirs may be another.
    fn unreachable(&self, role: Role) -> Vec<Instance> {
        let mut answers = self.answers();
        if answers.get(&role).is_some_and(|(when, _)| when.elapsed() > self.pace.shown()) {
            answers.remove(&role);
        }
        match answers.get(&role) {
            Some((_, known)) if !known.is_empty() => {
                known.iter().map(|instance| Instance { healthy: false, ..instance.clone() }).collect()
            }
            _ => {
                let address = self.mesh.address(role).to_owned();
                vec![Instance { role: role.name().to_owned(), address, ..Default::default() }]
            }
        }
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<Role, (Instant, Vec<Instance>)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
