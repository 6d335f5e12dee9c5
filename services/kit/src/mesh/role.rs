//! The roles that a process can run.

use std::{fmt, str::FromStr};

/// A role: a service, or the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    User,
    Article,
    Order,
    Payment,
    Mesh,
    Gateway,
}

impl Role {
    /// All of them, in the order in which they start.
    pub const ALL: [Role; 6] =
        [Role::User, Role::Article, Role::Payment, Role::Order, Role::Mesh, Role::Gateway];
    /// Those that have a database.
    pub const SERVICES: [Role; 5] = [Role::User, Role::Article, Role::Payment, Role::Order, Role::Mesh];

    /// Its name in flags, tokens and logs.
    pub fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Article => "article",
            Role::Order => "order",
            Role::Payment => "payment",
            Role::Mesh => "mesh",
            Role::Gateway => "gateway",
        }
    }

    /// Which role serves a gRPC service, by the service's full name. What every process serves is no role's.
    pub fn serving(service: &str) -> Option<Role> {
        if service == contracts::mesh::node_service_server::SERVICE_NAME {
            return None;
        }
        let package = service.strip_prefix("feira.")?.split('.').next()?;
        Role::SERVICES.into_iter().find(|role| role.name() == package)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Role::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| {
            format!("there is no role {name:?}; there are {}", Role::ALL.map(Role::name).join(", "))
        })
    }
}
