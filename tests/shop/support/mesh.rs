//! The real mesh: one process or several, on fresh databases.

use std::{collections::BTreeMap, path::Path};

use rustix::process::Signal;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use super::{
    address::free_address,
    client::{Addresses, Client},
    databases::{Databases, ROLES},
    process::{Process, Start},
    rest::Rest,
    servers,
    setup::Setup,
    tap::Tap,
};

/// The administrator's password in all tests.
pub const ADMIN_PASSWORD: &str = "correct horse battery";
pub const MESH_SECRET: &str = "a secret that the processes of a test share";
const KEY_FILE: &str = "signing.key";

/// Running processes. Dropping it audits and ends them: a test fails where something does not add up or end well.
#[derive(Debug)]
pub struct Mesh {
    // Dropped in this order: first the processes, then what they stand on.
    pub(super) processes: BTreeMap<String, Running>,
    databases: Option<Databases>,
    tap: Option<Tap>,
    folder: TempDir,
    pub setup: Setup,
}

#[derive(Debug)]
pub(super) struct Running {
    pub process: Process,
    pub start: Start,
    pub rest: String,
    pub grpc: String,
}

const PACKAGES: [&str; 6] = [
    "feira.user.v1",
    "feira.article.v1",
    "feira.order.v1",
    "feira.payment.v1",
    "feira.mesh.v1",
    "feira.event.v1",
];

/// The order in which the roles start: nobody calls upward.
const SPLIT: [&str; 6] = ["user", "article", "payment", "order", "mesh", "gateway"];

impl Mesh {
    /// Starts what a setup says. Blocks.
    pub fn start(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(KEY_FILE), "what wraps the signing keys of a test").unwrap();
        let databases = Databases::create(setup.backend);
        let server = Databases::server(setup.backend).filter(|_| setup.tapped);
        let tap = server.map(|server| Tap::before(&server));
        let mut mesh = Self { processes: BTreeMap::new(), databases, tap, folder, setup };
        mesh.make_known();
        if mesh.setup.split {
            for role in SPLIT {
                let start = mesh.role(role, role);
                mesh.run(role, start);
                if mesh.setup.doubled == Some(role) {
                    let name = format!("{role}-2");
                    let start = mesh.role(role, &name);
                    mesh.run(&name, start);
                }
            }
        } else {
            for replica in 0..=mesh.setup.more {
                let name = format!("feira-{replica}");
                let start = mesh.everything(&name);
                mesh.run(&name, start);
            }
        }
        mesh
    }

    /// What all processes are told.
    fn common(&self, name: &str) -> Start {
        let data = self.folder.path().join(name);
        let mut start = Start::of("serve")
            .env("FEIRA_DATA_DIR", data.to_str().unwrap())
            .env("FEIRA_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .env("FEIRA_PASSWORD_MEMORY_KIB", "8")
            .env("FEIRA_PASSWORD_ITERATIONS", "1")
            .env("FEIRA_REGISTRATIONS_PER_HOUR", "0")
            .env("FEIRA_SIMULATOR_SLOW", "300ms")
            .env("FEIRA_LOG_FORMAT", "text")
            .env("FEIRA_ALLOW_SIMULATED_PAYMENTS", "true");
        for (name, value) in &self.setup.env {
            start = start.env(name, value);
        }
        if let Some((_, seconds)) = self.setup.clocks.iter().find(|(process, _)| *process == name) {
            let library = servers::libfaketime().expect("the setup is possible");
            start = start
                .env("LD_PRELOAD", library.to_str().unwrap())
                .env("FAKETIME", &format!("{seconds:+}"))
                // Only what o'clock it is: time passes as it does everywhere.
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("FAKETIME_DISABLE_SHM", "1");
        }
        start
    }

    fn everything(&self, name: &str) -> Start {
        let mut start =
            self.common(name).arg("--rest-listen", "127.0.0.1:0").arg("--grpc-listen", "127.0.0.1:0");
        if let Some(databases) = &self.databases {
            for role in ROLES {
                let url = databases.url(role);
                let url = self.tap.as_ref().map_or(url.clone(), |tap| tap.url(&url));
                start = start.env(&format!("FEIRA_{}_DATABASE_URL", role.to_uppercase()), &url);
            }
        }
        if self.setup.more > 0 {
            start = self.shared(start);
        }
        start
    }

    /// What several processes share.
    fn shared(&self, start: Start) -> Start {
        let key = self.folder.path().join(KEY_FILE);
        start.env("FEIRA_MESH_SECRET", MESH_SECRET).env("FEIRA_KEY_FILE", key.to_str().unwrap())
    }

    /// One role in a process of its own.
    fn role(&self, role: &str, name: &str) -> Start {
        let start = self.known(self.common(name).arg("--role", role), role);
        let mut start = start.arg("--rest-listen", &free_address()).arg("--grpc-listen", &free_address());
        if let Some(databases) = self.databases.as_ref().filter(|_| ROLES.contains(&role)) {
            start = start.env("FEIRA_DATABASE_URL", &databases.url(role));
        }
        for other in self.processes.keys().filter(|other| SPLIT.contains(&other.as_str())) {
            let replicas = [other.clone(), format!("{other}-2")];
            let urls = replicas.iter().filter_map(|name| Some(self.processes.get(name)?.grpc.clone()));
            let urls = urls.collect::<Vec<_>>().join(",");
            start = start.env(&format!("FEIRA_{}_URL", other.to_uppercase()), &urls);
        }
        start
    }

    fn run(&mut self, name: &str, start: Start) {
        let process = Process::start(&start, self.folder.path());
        let (rest, grpc) = process.ready();
        self.processes.insert(name.to_owned(), Running { process, start, rest, grpc });
    }

    /// The process of a role, or of a replica (`feira-0`).
    pub fn process(&self, name: &str) -> &Process {
        &self.processes[name].process
    }

    pub fn main(&self) -> &Process {
        &self.processes.values().next().unwrap().process
    }

    /// Ends a process as an operator would.
    pub fn stop(&self, name: &str) {
        self.process(name).stop();
    }

    /// Kills a process as a power cut would.
    pub fn kill(&self, name: &str) {
        self.process(name).signal(Signal::KILL);
        self.process(name).ended();
        self.process(name).check();
    }

    /// Starts a process again that has ended: a role where the others look for it, all roles at new ports.
    pub fn restart(&mut self, name: &str) {
        let running = self.processes.remove(name).unwrap();
        assert!(!running.process.runs(), "{name} still runs");
        self.run(name, running.start);
    }

    /// What a process was told at its start.
    pub fn start_of(&self, name: &str) -> Start {
        self.processes[name].start.clone()
    }

    /// The same with another setting.
    pub fn restart_with(&mut self, name: &str, setting: &str, value: &str) {
        let running = self.processes.get_mut(name).unwrap();
        running.start = running.start.clone().env(setting, value);
        self.restart(name);
    }

    /// Cuts a role off from its database on a server, or lets it in again.
    pub fn admit(&self, role: &str, admitted: bool) {
        self.databases.as_ref().expect("a database server").admit(role, admitted);
    }

    /// Ends the sessions of all processes with their databases.
    pub async fn end_sessions(&self) {
        self.databases.as_ref().expect("a database server").end_sessions().await;
    }

    /// A setting of a role's database on PostgreSQL, for sessions that begin from now on.
    pub async fn set_of_database(&self, role: &str, setting: &str) {
        let name = self.database_url(role).rsplit_once('/').expect("a name").1.to_owned();
        // Such sessions may not be able to say so any more.
        let statement = format!("SET transaction_read_only = off; ALTER DATABASE {name} SET {setting}");
        self.databases.as_ref().expect("a database server").tell(role, &statement).await;
    }

    /// Where a role's database is, on a server.
    pub fn database_url(&self, role: &str) -> String {
        self.databases.as_ref().expect("a database server").url(role)
    }

    /// A statement in a role's database.
    pub async fn tell(&self, role: &str, statement: &str) {
        self.databases.as_ref().expect("a database server").tell(role, statement).await;
    }

    /// The first column of what a query finds in a role's database.
    pub async fn ask(&self, role: &str, query: &str) -> Vec<String> {
        self.databases.as_ref().expect("a database server").ask(role, query).await
    }

    /// What the processes have PostgreSQL execute.
    pub fn tap(&self) -> &Tap {
        self.tap.as_ref().expect("a tapped setup")
    }

    /// Stock and money add up, whatever the test did; where a role is down nobody can tell.
    fn adds_up(&self) {
        let runs = |running: &Running| running.process.runs();
        let Some(mesh) = self.processes.get("mesh").or_else(|| self.processes.values().next()) else {
            return;
        };
        if self.processes.values().all(runs) {
            let verify = self.as_operator(Start::of("verify").arg("--url", &mesh.grpc));
            let found = verify.run(self.folder.path());
            assert_eq!(found.code, Some(0), "feira verify:\n{}{}", found.stdout, found.stderr);
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The gRPC URL of a process.
    pub fn grpc_url(&self, name: &str) -> String {
        self.processes[name].grpc.clone()
    }

    /// A client without identity over the setup's edge.
    pub fn client(&self) -> Client {
        let replicas = if self.setup.split {
            let grpc = PACKAGES.into_iter().zip(["user", "article", "order", "payment", "mesh", "mesh"]);
            let grpc =
                grpc.map(|(package, role)| (package, self.channel(&self.processes[role].grpc))).collect();
            vec![Addresses { rest: Rest::new(&self.processes["gateway"].rest), grpc }]
        } else {
            let addresses = |running: &Running| {
                let channel = self.channel(&running.grpc);
                let grpc = PACKAGES.map(|package| (package, channel.clone()));
                Addresses { rest: Rest::new(&running.rest), grpc: grpc.into() }
            };
            self.processes.values().map(addresses).collect()
        };
        Client::new(self.setup.edge, replicas)
    }

    pub fn http(&self) -> Rest {
        self.client().http()
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.adds_up();
            // All at once; each then waits for its own end.
            self.processes.values().for_each(|running| running.process.ask_to_stop());
        }
    }
}

/// A client of one process that runs everything, over gRPC.
pub fn client_of(grpc: &str) -> Client {
    let channel = channel(grpc);
    let grpc = PACKAGES.map(|package| (package, channel.clone())).into();
    Client::new(super::Edge::Grpc, vec![Addresses { rest: Rest::new("http://127.0.0.1:0"), grpc }])
}

/// A way to a process.
pub fn channel(url: &str) -> Channel {
    Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy()
}
