//! What users may do, and to whom.
//!
//! | caller | their own | a customer | staff, administrators |
//! |---|---|---|---|
//! | customer | yes | not visible | not visible |
//! | staff | yes | yes | no |
//! | administrator | yes | yes | yes, but the last one stays |

use kit::{Caller, id::UserId};

/// What a user may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Customer,
    Staff,
    Admin,
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoleSet {
    pub customer: bool,
    pub staff: bool,
    pub admin: bool,
}

/// A colleague is an administrator's business.
#[derive(Debug, PartialEq, Eq)]
pub struct NotYours;

/// Somebody must be left who can let others in.
#[derive(Debug, PartialEq, Eq)]
pub struct LastAdministrator;

impl RoleSet {
    /// What everybody has who registers.
    pub const CUSTOMER: Self = Self { customer: true, staff: false, admin: false };
    /// What the first administrator has.
    pub const FIRST_ADMINISTRATOR: Self = Self { customer: false, staff: true, admin: true };

    /// Neither staff nor administrator.
    pub fn is_customer(self) -> bool {
        !self.staff && !self.admin
    }
}

/// Whether a caller, who sees the user already, may change that user or what belongs to it.
pub fn may_act(caller: &Caller, user: UserId, roles: RoleSet) -> Result<(), NotYours> {
    let own = matches!(caller, Caller::User { id, .. } if *id == user);
    if own || caller.is_admin() || caller.is_service() || (caller.is_staff() && roles.is_customer()) {
        Ok(())
    } else {
        Err(NotYours)
    }
}

/// Whether an enabled administrator is left without `user`; `administrators` are all that there are, each
/// with whether it is enabled.
pub fn without(user: UserId, administrators: &[(UserId, bool)]) -> Result<(), LastAdministrator> {
    let counts = administrators.contains(&(user, true));
    let others = administrators.iter().any(|(id, enabled)| *id != user && *enabled);
    if counts && !others { Err(LastAdministrator) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use kit::{
        call::Roles,
        id::{Id, SessionId},
    };

    use super::*;

    const STAFF: RoleSet = RoleSet { customer: true, staff: true, admin: false };
    const ADMIN: RoleSet = RoleSet { customer: false, staff: false, admin: true };

    fn caller(id: UserId, roles: RoleSet) -> Caller {
        let roles = Roles { staff: roles.staff, admin: roles.admin };
        Caller::User { id, roles, session: SessionId::new() }
    }

    #[test]
    fn staff_act_on_customers_and_themselves_and_administrators_on_everybody() {
        for (roles, on_customer, on_staff, on_admin) in
            [(RoleSet::CUSTOMER, false, false, false), (STAFF, true, false, false), (ADMIN, true, true, true)]
        {
            let (me, other) = (UserId::new(), UserId::new());
            let caller = caller(me, roles);
            assert!(may_act(&caller, me, roles).is_ok());
            assert_eq!(may_act(&caller, other, RoleSet::CUSTOMER).is_ok(), on_customer);
            assert_eq!(may_act(&caller, other, STAFF).is_ok(), on_staff);
            assert_eq!(may_act(&caller, other, ADMIN).is_ok(), on_admin);
        }
        assert!(may_act(&Caller::Anonymous, UserId::new(), RoleSet::CUSTOMER).is_err());
    }

    #[test]
    fn the_last_enabled_administrator_stays() {
        let (a, b) = (UserId::new(), UserId::new());
        assert_eq!(without(a, &[(a, true)]), Err(LastAdministrator));
        assert_eq!(without(a, &[(a, true), (b, false)]), Err(LastAdministrator));
        assert_eq!(without(a, &[(a, true), (b, true)]), Ok(()));
        assert_eq!(without(b, &[(a, true), (b, false)]), Ok(()));
        assert_eq!(without(b, &[(a, true)]), Ok(()));
    }
}
