//! Roles that administrators make.

use contracts::{
    article::{CreateArticleRequest, GetStockRequest},
    user::{
        CreateRoleRequest, DeleteRoleRequest, DisableUserRequest, GetRoleRequest, GetUserRequest,
        ListRolesRequest, ListUsersRequest, RefreshRequest, Role, SetRolesRequest, StaffRole,
        UpdateRoleRequest,
    },
};

use crate::support::{Code, Mesh, Refused, Setup, Shopper, eur, shop::PASSWORD, until};

on_both_edges!(
    a_role_gives_what_it_says_and_a_change_counts_within_seconds,
    built_in_roles_are_there_and_stay,
    nobody_gives_or_takes_more_than_they_have,
);

fn role(name: &str, permissions: &[&str]) -> CreateRoleRequest {
    let permissions = permissions.iter().map(ToString::to_string).collect();
    CreateRoleRequest { role: Some(StaffRole { name: name.into(), permissions, ..Default::default() }) }
}

/// Somebody with a new role of these permissions, signed in, and the role.
async fn colleague(mesh: &Mesh, admin: &Shopper, name: &str, permissions: &[&str]) -> (Shopper, StaffRole) {
    let made = admin.create_role(role(name, permissions)).await.unwrap().body;
    let id = mesh.client().register(name).await.user.id;
    let request = SetRolesRequest { id, roles: vec![], role_ids: vec![made.id.clone()] };
    let user = admin.set_roles(request).await.unwrap();
    assert!(user.role_ids.len() == 1 && user.role_ids[0] == made.id);
    (mesh.client().sign_in_as(name, PASSWORD).await.unwrap(), made)
}

/// Covers: user.permissions, user.roles.
async fn a_role_gives_what_it_says_and_a_change_counts_within_seconds(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    let article = admin.stocked(eur(100), 5).await;
    let (mut clerk, made) = colleague(&mesh, &admin, "clerk", &["stock"]).await;
    assert_eq!((clerk.tokens.permissions.as_slice(), clerk.user.roles.len()), (&["stock".to_owned()][..], 0));
    let look = || GetStockRequest { article_id: article.id.clone() };
    clerk.get_stock(look()).await.unwrap();
    clerk.list_users(ListUsersRequest::default()).await.denied();
    let article = contracts::article::Article { name: "x".into(), code: "x-1".into(), ..Default::default() };
    clerk.create_article(CreateArticleRequest { article: Some(article) }).await.denied();
    // Who may not see customers sees oneself.
    assert_eq!(clerk.get_user(GetUserRequest { id: "me".into() }).await.unwrap().username, "clerk");
    clerk.get_user(GetUserRequest { id: admin.user.id.clone() }).await.missing();

    let change = |permissions: &[&str], etag: &str| {
        let permissions = permissions.iter().map(ToString::to_string).collect();
        let role = StaffRole { id: made.id.clone(), permissions, etag: etag.into(), ..Default::default() };
        admin.update_role(UpdateRoleRequest { role: Some(role), update_mask: None })
    };
    let changed = change(&["customers"], &made.etag).await.unwrap();
    assert_eq!(changed.permissions, ["customers"]);
    change(&["stock"], &made.etag).await.refused(Code::Aborted, "ETAG_MISMATCH");
    until("the old token stops working", || async {
        clerk.get_user(GetUserRequest { id: "me".into() }).await.err()
    })
    .await;
    let refresh_token = clerk.tokens.refresh_token.clone();
    let tokens = mesh.client().refresh(RefreshRequest { refresh_token }).await.unwrap();
    assert_eq!(tokens.permissions, ["customers"]);
    clerk.client = mesh.client().signed_in(&tokens.access_token);
    clerk.list_users(ListUsersRequest::default()).await.unwrap();
    clerk.get_stock(look()).await.denied();

    admin.delete_role(DeleteRoleRequest { id: made.id.clone(), etag: changed.etag.clone() }).await.unwrap();
    until("nobody has it any more", || async { clerk.list_users(ListUsersRequest::default()).await.err() })
        .await;
    let again = mesh.client().sign_in_as("clerk", PASSWORD).await.unwrap();
    assert!(again.user.role_ids.is_empty());
    again.list_users(ListUsersRequest::default()).await.denied();
    admin.get_role(GetRoleRequest { id: made.id.clone() }).await.missing();
}

/// Covers: user.permissions.
async fn built_in_roles_are_there_and_stay(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    admin.create_role(role("Warehouse", &["stock", "fulfilment"])).await.unwrap();
    admin.create_role(role("wareHOUSE", &[])).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
    admin.create_role(role("Staff", &[])).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
    admin.create_role(role("x", &["everything"])).await.names("role.permissions[0]");
    let listed = admin.list_roles(ListRolesRequest::default()).await.unwrap().body.roles;
    let names: Vec<_> = listed.iter().map(|role| (role.name.as_str(), role.built_in)).collect();
    assert_eq!(names, [("CUSTOMER", true), ("STAFF", true), ("ADMIN", true), ("Warehouse", false)]);
    assert_eq!((listed[0].permissions.len(), listed[2].permissions.len()), (0, 10));
    assert!(listed[1].permissions.len() == 9 && !listed[1].permissions.contains(&"staff".to_owned()));
    let page = ListRolesRequest { page_size: 2, ..Default::default() };
    let first = admin.list_roles(page).await.unwrap();
    let next = ListRolesRequest { page_size: 2, page_token: first.next_page_token.clone() };
    assert_eq!(admin.list_roles(next).await.unwrap().roles, listed[2..]);
    let staff = listed[1].id.clone();
    assert_eq!(admin.get_role(GetRoleRequest { id: staff.clone() }).await.unwrap().name, "STAFF");
    let remove = DeleteRoleRequest { id: staff.clone(), ..Default::default() };
    admin.delete_role(remove).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let ada = mesh.shopper().await;
    let request = SetRolesRequest { id: ada.user.id.clone(), roles: vec![], role_ids: vec![staff] };
    assert_eq!(admin.set_roles(request).await.unwrap().roles, [i32::from(Role::Staff)]);
    let none = SetRolesRequest { id: ada.user.id.clone(), ..Default::default() };
    admin.set_roles(none).await.names("roles");
}

/// Covers: user.permissions.
async fn nobody_gives_or_takes_more_than_they_have(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    let (chief, own) = colleague(&mesh, &admin, "chief", &["staff", "stock", "customers"]).await;
    let ada = mesh.shopper().await;
    let give = |id: &str, roles: &[Role], role_ids: &[&str]| {
        let roles = roles.iter().map(|role| (*role).into()).collect();
        let role_ids = role_ids.iter().map(ToString::to_string).collect();
        chief.set_roles(SetRolesRequest { id: id.into(), roles, role_ids })
    };
    let small = chief.create_role(role("small", &["stock"])).await.unwrap().body;
    chief.create_role(role("large", &["stock", "refunds"])).await.denied();
    give(&ada.user.id, &[Role::Customer], &[&small.id]).await.unwrap();
    give(&ada.user.id, &[Role::Admin], &[]).await.denied();
    give(&ada.user.id, &[Role::Staff], &[]).await.denied();
    give(&chief.user.id, &[Role::Admin], &[&own.id]).await.denied();
    give(&admin.user.id, &[Role::Customer], &[]).await.denied();
    chief.disable_user(DisableUserRequest { id: admin.user.id.clone() }).await.denied();
    let colleague = mesh.client().register("colleague").await.user.id;
    admin
        .set_roles(SetRolesRequest {
            id: colleague.clone(),
            roles: vec![Role::Staff.into()],
            role_ids: vec![],
        })
        .await
        .unwrap();
    chief.disable_user(DisableUserRequest { id: colleague }).await.denied();
    let large = admin.create_role(role("large", &["refunds"])).await.unwrap().body;
    give(&ada.user.id, &[], &[&large.id]).await.denied();
    chief.delete_role(DeleteRoleRequest { id: large.id, ..Default::default() }).await.denied();
    assert!(mesh.admin().await.list_roles(ListRolesRequest::default()).await.is_ok());
}
