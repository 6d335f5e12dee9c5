//! How a test wants its mesh.

use super::{client::Edge, databases::Databases, mesh::Mesh, servers};

/// The database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    #[default]
    Sqlite,
    Postgres,
    /// MySQL, MariaDB or TiDB.
    MySql,
}

/// By what processes know each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KnownBy {
    #[default]
    Secret,
    /// A secret in a file, `mesh.secret` in the mesh's folder.
    SecretFile,
    /// Certificates in its folder `certs`.
    Certificates,
}

/// What to start; by default one process on SQLite, called over gRPC.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub edge: Edge,
    pub backend: Backend,
    /// A process for each role.
    pub split: bool,
    /// So many processes more than one that each run every role on the same databases.
    pub more: usize,
    pub env: Vec<(String, String)>,
    /// The role of which a mesh of several processes has two, `ROLE` and `ROLE-2`.
    pub doubled: Option<&'static str>,
    /// Processes by name (a role, `feira-1`) whose clocks are so many seconds ahead of this machine's.
    pub clocks: Vec<(&'static str, i64)>,
    /// By what the processes know each other.
    pub known_by: KnownBy,
    /// Whether the statements that processes send to PostgreSQL are written down.
    pub tapped: bool,
}

impl Setup {
    #[must_use]
    pub fn over(mut self, edge: Edge) -> Self {
        self.edge = edge;
        self
    }

    #[must_use]
    pub fn on(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Six processes: user, article, payment, order, mesh, gateway.
    #[must_use]
    pub fn split(mut self) -> Self {
        self.split = true;
        self
    }

    /// Two processes of a role.
    #[must_use]
    pub fn doubled(mut self, role: &'static str) -> Self {
        self.doubled = Some(role);
        self
    }

    #[must_use]
    pub fn replicas(mut self, count: usize) -> Self {
        self.more = count - 1;
        self
    }

    /// Processes that know each other by this.
    #[must_use]
    pub fn known_by(mut self, what: KnownBy) -> Self {
        self.known_by = what;
        self
    }

    /// A setting of every process.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A process whose clock is so many seconds ahead of this machine's, or behind it.
    #[must_use]
    pub fn clock(mut self, process: &'static str, seconds: i64) -> Self {
        self.clocks.push((process, seconds));
        self
    }

    /// Writes down the statements that PostgreSQL executes.
    #[must_use]
    pub fn tapped(mut self) -> Self {
        self.tapped = true;
        self.on(Backend::Postgres)
    }

    /// The setup, unless this machine lacks what it needs, which it then says.
    pub fn possible(self) -> Option<Self> {
        if self.backend != Backend::Sqlite && Databases::server(self.backend).is_none() {
            eprintln!("SKIPPED: there is no {:?}; run the tests by ./tests/run", self.backend);
            return None;
        }
        if !self.clocks.is_empty() && servers::libfaketime().is_none() {
            eprintln!("SKIPPED: there is no libfaketime; run the tests by ./tests/run");
            return None;
        }
        Some(self)
    }

    /// Starts it.
    pub async fn start(self) -> Mesh {
        tokio::task::spawn_blocking(|| Mesh::start(self)).await.unwrap_or_else(|error| {
            std::panic::resume_unwind(error.into_panic());
        })
    }
}
