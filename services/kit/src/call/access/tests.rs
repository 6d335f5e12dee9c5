//! Who is let in where, and as what.

use super::*;
use crate::{
    Role,
    call::Roles,
    id::{ApiKeyId, Id, SessionId, UserId},
    permissions::Scopes,
};

fn method(who: Who) -> Method {
    Method {
        path: Arc::from("/x"),
        who,
        parts: Vec::new(),
        permissions: Permissions::of(Permission::Stock),
        no_keys: false,
        takes_expired: false,
        takes_basic: false,
        read: false,
        streams: false,
        takes_stream: false,
        limit: Limit::Unspecified,
        priority: Priority::Unspecified,
        measured: Default::default(),
    }
}

fn user(roles: Roles) -> Caller {
    Caller::User { id: UserId::new(), roles, session: SessionId::new() }
}

fn key(roles: Roles, scopes: &[&str]) -> Caller {
    let scopes = Scopes::named(scopes.iter().copied()).unwrap();
    Caller::ApiKey { id: UserId::new(), roles, key: ApiKeyId::new(), scopes }
}

fn with(permission: Permission) -> Roles {
    Roles { admin: false, permissions: Permissions::of(permission) }
}

#[test]
fn every_method_of_the_contract_has_a_rule() {
    let methods = Methods::read(contracts::pool()).unwrap();
    assert!(methods.get("/feira.user.v1.UserService/CreateUser").is_some());
}

#[test]
fn each_rule_lets_in_whom_it_names_and_nobody_else() {
    let service = |role| Caller::Service { role, on_behalf_of: None };
    let callers = [
        Caller::Anonymous,
        user(Roles::default()),
        user(Roles::STAFF),
        user(Roles::ADMIN),
        user(with(Permission::Stock)),
        user(with(Permission::Refunds)),
        service(Role::Order),
        service(Role::Article),
    ];
    let order = || vec![Role::Order];
    for (who, parts, expected) in [
        (Who::Public, vec![], [true, true, true, true, true, true, false, false]),
        (Who::Public, order(), [true, true, true, true, true, true, true, false]),
        (Who::SignedIn, vec![], [false, true, true, true, true, true, false, false]),
        (Who::Self_, order(), [false, true, true, true, true, true, true, false]),
        (Who::Staff, vec![], [false, false, true, true, true, false, false, false]),
        (Who::Mesh, order(), [false, false, false, false, false, false, true, false]),
        (Who::Unspecified, vec![], [false, false, false, false, false, false, false, false]),
    ] {
        let method = Method { parts, ..method(who) };
        assert_eq!(
            callers.each_ref().map(|caller| method.admit(caller.clone()).is_ok()),
            expected,
            "{who:?}"
        );
    }
    let admin = Method { permissions: Permissions::STAFF, ..method(Who::Admin) };
    let let_in = callers.map(|caller| admin.admit(caller).is_ok());
    assert_eq!(let_in, [false, false, false, true, false, false, false, false]);
}

#[test]
fn a_key_may_do_what_its_scopes_and_its_user_may() {
    let (read, change) = (Method { read: true, ..method(Who::Staff) }, method(Who::Staff));
    for (roles, scopes, reads, changes) in [
        (Roles::STAFF, &[][..], true, true),
        (Roles::STAFF, &["read"], true, false),
        (Roles::STAFF, &["stock"], true, true),
        (Roles::STAFF, &["refunds"], false, false),
        (Roles::STAFF, &["read", "refunds"], true, false),
        (with(Permission::Refunds), &["stock"], false, false),
        (Roles::default(), &[], false, false),
        (Roles::default(), &["read", "stock"], false, false),
    ] {
        assert_eq!(read.admit(key(roles, scopes)).is_ok(), reads, "{roles:?} {scopes:?}");
        assert_eq!(change.admit(key(roles, scopes)).is_ok(), changes, "{roles:?} {scopes:?}");
    }
    // What everybody may with their own.
    let own = Method { permissions: Permissions::NONE, ..method(Who::Self_) };
    assert!(own.admit(key(Roles::default(), &[])).is_ok());
    assert!(own.admit(key(Roles::ADMIN, &["read", "stock"])).is_err());
    assert!(Method { read: true, ..own }.admit(key(Roles::default(), &["read"])).is_ok());
    let personal = Method { no_keys: true, ..method(Who::Public) };
    assert!(personal.admit(key(Roles::ADMIN, &[])).is_err() && personal.admit(user(Roles::ADMIN)).is_ok());
}

#[test]
fn who_has_none_of_a_methods_permissions_is_no_staff_there() {
    let own = method(Who::Self_);
    let staff = |caller: Caller| own.admit(caller).unwrap().is_staff();
    assert!(staff(user(Roles::STAFF)) && staff(user(with(Permission::Stock))));
    assert!(!staff(user(with(Permission::Refunds))) && !staff(user(Roles::default())));
    let read = Method { read: true, ..own.clone() };
    assert!(read.admit(key(Roles::STAFF, &["read"])).unwrap().is_staff());
    assert!(!read.admit(key(Roles::default(), &["read"])).unwrap().is_staff());
    // An administrator's key without the scope `staff` is no administrator's.
    assert!(own.admit(user(Roles::ADMIN)).unwrap().is_admin());
    assert!(own.admit(key(Roles::ADMIN, &[])).unwrap().is_admin());
    assert!(!own.admit(key(Roles::ADMIN, &["stock"])).unwrap().is_admin());
}
