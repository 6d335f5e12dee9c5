//! Which acts other roles may report to the audit log.

use kit::Role;

/// Whether acts of a kind are a role's to report. The user service's own acts are written where they are done, so nobody
/// reports a sign-in or a change of roles: a process of the mesh in somebody else's hands forges acts of its own role alone.
pub fn is_of(role: Role, kind: &str) -> bool {
    match kind.split_once('.').map_or("", |(about, _)| about) {
        // Every role refuses calls.
        "access" => true,
        "article" | "price" | "stock" => role == Role::Article,
        "order" => role == Role::Order,
        "payment" | "refund" | "dispute" => role == Role::Payment,
        "webhook" | "event" => role == Role::Mesh,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reports_its_own_acts() {
        assert!(is_of(Role::Article, "price.changed") && is_of(Role::Payment, "refund.requested"));
        assert!(!is_of(Role::Article, "refund.requested") && !is_of(Role::Payment, "stock.adjusted"));
        for role in [Role::User, Role::Article, Role::Order, Role::Payment, Role::Mesh, Role::Gateway] {
            assert!(is_of(role, "access.refused"));
            for own in ["user.erased", "sign_in.succeeded", "roles.changed", "", "accessed", "user"] {
                assert!(!is_of(role, own), "{role} {own}");
            }
        }
    }
}
