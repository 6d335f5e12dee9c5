//! What users may do, and to whom.
//!
//! | caller | their own | a customer | staff, administrators |
//! |---|---|---|---|
//! | customer | yes | not visible | not visible |
//! | staff with the method's permission | yes | yes | no |
//! | with the permission `staff` | yes | yes | yes, if they may nothing that the caller may not |
//! | administrator | yes | yes | yes, but the last one stays |

use kit::{
    Caller,
    call::Roles,
    id::{RoleId, UserId},
    permissions::Permissions,
};

/// How many roles administrators can make.
pub const MOST: u64 = 100;

/// A role that is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    pub role: Role,
    pub name: &'static str,
    pub permissions: Permissions,
    number: u128,
}

/// Those there are. Their ids are before those of all others.
pub const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn { role: Role::Customer, name: "CUSTOMER", permissions: Permissions::NONE, number: 1 },
    BuiltIn { role: Role::Staff, name: "STAFF", permissions: Permissions::OF_STAFF, number: 2 },
    BuiltIn { role: Role::Admin, name: "ADMIN", permissions: Permissions::ALL, number: 3 },
];

impl BuiltIn {
    /// The role's id.
    pub fn id(self) -> RoleId {
        RoleId::numbered(self.number)
    }

    /// The role with this id, if it is a built-in one.
    pub fn of(id: RoleId) -> Option<Self> {
        BUILT_IN.into_iter().find(|role| role.id() == id)
    }
}

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
    /// Adds a role.
    pub fn add(&mut self, role: Role) {
        match role {
            Role::Customer => self.customer = true,
            Role::Staff => self.staff = true,
            Role::Admin => self.admin = true,
        }
    }

    /// What everybody has who registers.
    pub const CUSTOMER: Self = Self { customer: true, staff: false, admin: false };
    /// What the first administrator has.
    pub const FIRST_ADMINISTRATOR: Self = Self { customer: false, staff: true, admin: true };
}

/// Whether a caller, who sees the user already, may change that user, who has these rights, or what belongs to it.
pub fn may_act(caller: &Caller, user: UserId, rights: Roles) -> Result<(), NotYours> {
    let own = caller.is_user() && caller.user() == Some(user);
    let customer = !rights.admin && rights.permissions.is_empty();
    let above = caller.permissions().meets(Permissions::STAFF)
        && rights.permissions.are_within(caller.permissions())
        && !rights.admin;
    let may = own || caller.is_admin() || caller.is_service() || above || (customer && caller.is_staff());
    if may { Ok(()) } else { Err(NotYours) }
}

/// Whether a caller may be given the secret of a user's API key, which acts as that user from then on: nobody's but the own,
/// whatever permissions the caller has. Administrators may be anybody anyway.
pub fn may_hold_key(caller: &Caller, user: UserId) -> Result<(), NotYours> {
    let own = caller.is_user() && caller.user() == Some(user);
    if own || caller.is_admin() { Ok(()) } else { Err(NotYours) }
}

/// Whether a caller may change what a user with these rights signs in by, where it may act on that user: an API key only
/// what customers do. Who writes an account's e-mail can set its password, and so a key would become a session of staff.
pub fn may_rename(caller: &Caller, user: UserId, rights: Roles) -> bool {
    let customer = !rights.admin && rights.permissions.is_empty();
    !matches!(caller, Caller::ApiKey { .. }) || (customer && caller.user() != Some(user))
}

/// Whether a caller may give and take these rights: who is no administrator, no more than they have themselves.
pub fn may_give(caller: &Caller, rights: Roles) -> Result<(), NotYours> {
    let within = !rights.admin && rights.permissions.are_within(caller.permissions());
    if caller.is_admin() || caller.is_service() || within { Ok(()) } else { Err(NotYours) }
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
        id::{ApiKeyId, Id, SessionId},
        permissions::Scopes,
    };

    use super::*;

    const STAFF: RoleSet = RoleSet { customer: true, staff: true, admin: false };
    const ADMIN: RoleSet = RoleSet { customer: false, staff: false, admin: true };

    fn rights(roles: RoleSet) -> Roles {
        Roles::new(roles.staff, roles.admin, Permissions::NONE)
    }

    fn caller(id: UserId, roles: RoleSet) -> Caller {
        Caller::User { id, roles: rights(roles), session: SessionId::new() }
    }

    #[test]
    fn staff_act_on_customers_and_themselves_and_administrators_on_everybody() {
        for (roles, on_customer, on_staff, on_admin) in
            [(RoleSet::CUSTOMER, false, false, false), (STAFF, true, false, false), (ADMIN, true, true, true)]
        {
            let (me, other) = (UserId::new(), UserId::new());
            let caller = caller(me, roles);
            assert!(may_act(&caller, me, rights(roles)).is_ok());
            assert_eq!(may_act(&caller, other, Roles::default()).is_ok(), on_customer);
            assert_eq!(may_act(&caller, other, rights(STAFF)).is_ok(), on_staff);
            assert_eq!(may_act(&caller, other, rights(ADMIN)).is_ok(), on_admin);
        }
        assert!(may_act(&Caller::Anonymous, UserId::new(), Roles::default()).is_err());
    }

    #[test]
    fn a_key_changes_what_customers_sign_in_by_and_nobody_elses() {
        let (me, other) = (UserId::new(), UserId::new());
        let key =
            Caller::ApiKey { id: me, roles: rights(ADMIN), key: ApiKeyId::new(), scopes: Scopes::default() };
        assert!(may_rename(&key, other, Roles::default()));
        assert!(!may_rename(&key, me, Roles::default()));
        assert!(!may_rename(&key, other, rights(STAFF)));
        assert!(!may_rename(&key, other, rights(ADMIN)));
        assert!(may_rename(&caller(me, ADMIN), other, rights(STAFF)));
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
