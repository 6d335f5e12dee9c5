//! Who calls, and what they may do.

use crate::{
    Role,
    access::Method,
    id::{ApiKeyId, SessionId, UserId},
    permissions::{Permissions, Scopes},
};

/// What a user may do beyond what everybody may with their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles {
    pub admin: bool,
    pub permissions: Permissions,
}

impl Roles {
    /// The role STAFF.
    pub const STAFF: Self = Self { admin: false, permissions: Permissions::OF_STAFF };
    /// The role ADMIN.
    pub const ADMIN: Self = Self { admin: true, permissions: Permissions::ALL };

    /// Of the roles STAFF and ADMIN, and of one that an administrator made.
    pub fn new(staff: bool, admin: bool, made: Permissions) -> Self {
        let of = |has, permissions| if has { permissions } else { Permissions::NONE };
        let permissions = of(staff, Permissions::OF_STAFF).and(of(admin, Permissions::ALL)).and(made);
        Self { admin, permissions }
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody that we know.
    Anonymous,
    /// A signed-in user.
    User { id: UserId, roles: Roles, session: SessionId },
    /// A program with a user's API key; `roles` are the user's.
    ApiKey { id: UserId, roles: Roles, key: ApiKeyId, scopes: Scopes },
    /// Another service of the mesh, for itself or on behalf of a user.
    Service { role: Role, on_behalf_of: Option<UserId> },
}

impl Caller {
    /// The user's id; for a service, of the user on whose behalf it calls.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Caller::Anonymous => None,
            Caller::User { id, .. } | Caller::ApiKey { id, .. } => Some(*id),
            Caller::Service { on_behalf_of, .. } => *on_behalf_of,
        }
    }

    /// A user, signed in or by an API key.
    pub fn is_user(&self) -> bool {
        matches!(self, Caller::User { .. } | Caller::ApiKey { .. })
    }

    /// Whether this user acts as staff: has a permission that the method takes. Within a handler `roles` are what they
    /// are for its method (see [`Caller::within`]).
    pub fn is_staff(&self) -> bool {
        !self.permissions().is_empty()
    }

    /// An administrator, by own identity.
    pub fn is_admin(&self) -> bool {
        matches!(self, Caller::User { roles, .. } | Caller::ApiKey { roles, .. } if roles.admin)
    }

    /// What this user may do as staff.
    pub fn permissions(&self) -> Permissions {
        match self {
            Caller::User { roles, .. } | Caller::ApiKey { roles, .. } => roles.permissions,
            Caller::Anonymous | Caller::Service { .. } => Permissions::NONE,
        }
    }

    /// Another service of the mesh.
    pub fn is_service(&self) -> bool {
        matches!(self, Caller::Service { .. })
    }

    /// The caller as a method takes it: who has none of its permissions is no staff there, and an API key has what
    /// its scopes leave of its user's.
    #[must_use]
    pub fn within(mut self, method: &Method) -> Self {
        let scopes = match &self {
            Caller::ApiKey { scopes, .. } if !(scopes.are_all() || (scopes.read && method.read)) => {
                scopes.permissions
            }
            _ => Permissions::ALL,
        };
        if let Caller::User { roles, .. } | Caller::ApiKey { roles, .. } = &mut self {
            roles.permissions = roles.permissions.within(scopes);
            roles.admin &= Permissions::STAFF.are_within(scopes);
            if !roles.permissions.meets(method.permissions) {
                *roles = Roles::default();
            }
        }
        self
    }

    /// Who did it, for histories: a user's id or a service's name.
    pub fn actor(&self) -> String {
        match self {
            Caller::Anonymous => "anonymous".to_owned(),
            Caller::User { id, .. } | Caller::ApiKey { id, .. } => id.to_string(),
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
