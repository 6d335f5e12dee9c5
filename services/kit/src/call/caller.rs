//! Who calls, and whose things they may see.

use crate::{
    Role,
    id::{SessionId, UserId},
};

/// What a signed-in user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Roles {
    pub staff: bool,
    pub admin: bool,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody that we know.
    Anonymous,
    /// A signed-in user.
    User { id: UserId, roles: Roles, session: SessionId },
    /// Another service of the mesh, for itself or on behalf of a user.
    Service { role: Role, on_behalf_of: Option<UserId> },
}

impl Caller {
    /// The signed-in user's id; for a service, of the user on whose behalf it calls.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Caller::Anonymous => None,
            Caller::User { id, .. } => Some(*id),
            Caller::Service { on_behalf_of, .. } => *on_behalf_of,
        }
    }

    /// Staff or an administrator, by own identity.
    pub fn is_staff(&self) -> bool {
        matches!(self, Caller::User { roles, .. } if roles.staff || roles.admin)
    }

    /// An administrator, by own identity.
    pub fn is_admin(&self) -> bool {
        matches!(self, Caller::User { roles, .. } if roles.admin)
    }

    /// Another service of the mesh.
    pub fn is_service(&self) -> bool {
        matches!(self, Caller::Service { .. })
    }

    /// Who did it, for histories: a user's id or a service's name.
    pub fn actor(&self) -> String {
        match self {
            Caller::Anonymous => "anonymous".to_owned(),
            Caller::User { id, .. } => id.to_string(),
            Caller::Service { on_behalf_of: Some(id), .. } => id.to_string(),
            Caller::Service { role, on_behalf_of: None } => role.name().to_owned(),
        }
    }
}

/// Whose things a caller may see and touch. Every finder of an owned thing takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One user's own.
    Owner(UserId),
    /// Everybody's: staff, and other services.
    All,
}

impl Scope {
    /// Whether something of this owner is in sight.
    pub fn sees(&self, owner: UserId) -> bool {
        match self {
            Scope::All => true,
            Scope::Owner(user) => *user == owner,
        }
    }
}
