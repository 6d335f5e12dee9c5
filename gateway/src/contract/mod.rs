//! Contracts that are not built in: read from a file of descriptors, or asked of a server by reflection.

mod check;
mod edition;
mod files;
mod reflection;

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use prost_reflect::{DescriptorPool, ServiceDescriptor};
use tonic::Code;

pub use self::edition::says_closed;
use self::files::Files;

/// Services beside a contract's own, which every server may have: who asks the edge for them means the edge.
const OF_EVERY_SERVER: [&str; 2] = ["grpc.health.", "grpc.reflection."];

/// Why there is no contract.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// Nobody answers, or not in time.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It answers, but not to that.
    #[error("it has no server reflection, neither v1 nor v1alpha")]
    NoReflection,
    /// It does not answer this caller, or fails.
    #[error("its server reflection refuses with {code:?}: {message}")]
    Refused { code: Code, message: String },
    /// What it answers is none of the answers that there are.
    #[error("its server reflection answers with something else: {0}")]
    Malformed(String),
    /// More than is taken.
    #[error("its contract has more than {most} {what}")]
    TooLarge { most: usize, what: &'static str },
    /// A file that is imported is not there.
    #[error("{by} imports {file}, which is missing")]
    Missing { file: String, by: String },
    /// Files that import each other.
    #[error("files import each other in a circle: {0}")]
    Circle(String),
    /// Descriptors that contradict themselves.
    #[error("its descriptors are not valid: {0}")]
    Invalid(String),
    /// A contract without services.
    #[error("there is no service in it")]
    Empty,
}

impl ContractError {
    /// Whether it may be otherwise in a moment, without anybody's doing.
    pub fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { code, .. } => {
                matches!(code, Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded)
            }
            _ => false,
        }
    }
}

/// The services of a server, with all that their messages need.
#[derive(Debug, Clone)]
pub struct Contract {
    pool: DescriptorPool,
    services: BTreeSet<String>,
    stamp: u64,
}

impl Contract {
    /// Reads a `google.protobuf.FileDescriptorSet`, as `protoc --include_imports --descriptor_set_out` and
    /// `buf build` write it: all services in it.
    pub async fn read(set: Vec<u8>) -> Result<Self, ContractError> {
        apart(move || Self::of_set(&set)).await
    }

    /// The same where blocking does no harm. A large contract takes seconds.
    pub fn of_set(set: &[u8]) -> Result<Self, ContractError> {
        let files = Files::of_set(set)?;
        let pool = files.pool()?;
        let services = pool.services().map(|service| service.full_name().to_owned()).collect();
        Self::new(files, pool, services)
    }

    /// Asks a server by reflection (v1, else v1alpha) for all of its services. Bounded in time and size.
    pub async fn reflect(conn: &kit::Conn) -> Result<Self, ContractError> {
        let (files, services) = reflection::ask(conn).await?;
        apart(move || {
            let pool = files.pool()?;
            if let Some(missing) = services.iter().find(|name| pool.get_service_by_name(name).is_none()) {
                return Err(ContractError::Malformed(format!("it lists {missing} and does not describe it")));
            }
            Self::new(files, pool, services)
        })
        .await
    }

    fn new(
        files: Files,
        pool: DescriptorPool,
        mut services: BTreeSet<String>,
    ) -> Result<Self, ContractError> {
        services.retain(|name| is_of_contract(name));
        if services.is_empty() {
            return Err(ContractError::Empty);
        }
        check::all(&pool)?;
        let mut hasher = DefaultHasher::new();
        (&files, &services).hash(&mut hasher);
        Ok(Self { pool, services, stamp: hasher.finish() })
    }

    /// Its services whose full names, or whose packages, are among these; all of them where none is named. The
    /// error is a name that none has.
    pub fn services(&self, named: &[String]) -> Result<Vec<ServiceDescriptor>, String> {
        let is = |service: &str, name: &str| {
            service.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if let Some(nobody) = named.iter().find(|name| !self.services.iter().any(|service| is(service, name)))
        {
            return Err(nobody.clone());
        }
        let all = self
            .services
            .iter()
            .filter(|service| named.is_empty() || named.iter().any(|name| is(service, name)));
        Ok(all.filter_map(|name| self.pool.get_service_by_name(name)).collect())
    }

    /// All that it describes.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// Whether it says the same as another.
    pub fn is_same(&self, other: &Self) -> bool {
        self.stamp == other.stamp
    }
}

/// Reads descriptors on a thread of its own: that takes as long as their writer likes, and requests are not to wait for
/// it. What its reader panics at is an error as any other.
async fn apart(
    work: impl FnOnce() -> Result<Contract, ContractError> + Send + 'static,
) -> Result<Contract, ContractError> {
    let failed = |_| Err(ContractError::Invalid("they cannot be read at all".to_owned()));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(failed)
}

fn is_of_contract(service: &str) -> bool {
    !OF_EVERY_SERVER.iter().any(|prefix| service.starts_with(prefix))
}

#[cfg(test)]
mod tests;
