//! The roles that a process can run, and the operator, who calls them.

use std::{fmt, str::FromStr};

use contracts::access::Part;

/// A role: a service, the edge, or the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    User,
    Article,
    Order,
    Payment,
    Mesh,
    Gateway,
    /// Whoever runs the shop, by commands: no process runs it.
    Operator,
}

impl Role {
    /// All that a process can run, in the order in which they start.
    pub const ALL: [Role; 6] =
        [Role::User, Role::Article, Role::Payment, Role::Order, Role::Mesh, Role::Gateway];
    /// Those that have a database.
    pub const SERVICES: [Role; 5] = [Role::User, Role::Article, Role::Payment, Role::Order, Role::Mesh];

    /// All that can call another.
    pub const PARTS: [Role; 7] =
        [Role::User, Role::Article, Role::Payment, Role::Order, Role::Mesh, Role::Gateway, Role::Operator];

    /// Its name in flags, tokens and logs.
    pub fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Article => "article",
            Role::Order => "order",
            Role::Payment => "payment",
            Role::Mesh => "mesh",
            Role::Gateway => "gateway",
            Role::Operator => "operator",
        }
    }

    /// The one of this name that can call another.
    pub fn part(name: &str) -> Option<Role> {
        Role::PARTS.into_iter().find(|role| role.name() == name)
    }

    /// The one that an access rule names.
    pub fn of_part(part: Part) -> Option<Role> {
        Some(match part {
            Part::Unspecified => return None,
            Part::User => Role::User,
            Part::Article => Role::Article,
            Part::Order => Role::Order,
            Part::Payment => Role::Payment,
            Part::Mesh => Role::Mesh,
            Part::Gateway => Role::Gateway,
            Part::Operator => Role::Operator,
        })
    }

    /// Whether it may follow another's feed: everybody follows that of users (ended sessions, keys), order those of what
    /// it needs, and each role its own.
    pub fn may_follow(self, feed: Role) -> bool {
        feed == Role::User || self == feed || matches!(self, Role::Order | Role::Mesh)
    }

    /// Which role serves a gRPC service, by the service's full name. What every process serves is no role's.
    pub fn serving(service: &str) -> Option<Role> {
        if service == contracts::mesh::node_service_server::SERVICE_NAME {
            return None;
        }
        match service.strip_prefix("feira.")?.split('.').next()? {
            // What happens in all of them is told by one.
            "event" => Some(Role::Mesh),
            package => Role::SERVICES.into_iter().find(|role| role.name() == package),
        }
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
