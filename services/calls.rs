//! Which roles call which.

use kit::Role;

/// The roles that a role calls, so that they must run here or have a URL. All learn keys and revocations
/// from the user service.
pub fn calls(role: Role) -> &'static [Role] {
    match role {
        Role::User | Role::Operator => &[],
        Role::Article | Role::Payment => &[Role::User],
        Role::Order => &[Role::User, Role::Article, Role::Payment],
        Role::Mesh => &[Role::User, Role::Article, Role::Payment, Role::Order],
        // It calls the mesh too, but serves without: then only what the mesh does is missing.
        Role::Gateway => &[Role::User, Role::Article, Role::Payment, Role::Order],
    }
}
