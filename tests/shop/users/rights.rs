//! Who may do what.

use contracts::{
    mesh::ExportUserRequest,
    user::{
        DeleteUserRequest, DisableUserRequest, EnableUserRequest, GetUserRequest, ListApiKeysRequest,
        ListSessionsRequest, ListUsersRequest, RefreshRequest, Role, SetRolesRequest, User,
    },
};

use crate::support::{Code, Refused, Setup, shop::PASSWORD, until};

use super::{change, me, with_roles};

on_both_edges!(
    a_customer_can_do_nothing_that_is_for_staff_or_administrators,
    staff_see_users_and_change_customers_but_not_administrators,
    changed_roles_count_at_once_and_after_a_refresh,
    a_disabled_user_is_locked_out_at_once_until_enabled,
    the_last_administrator_stays,
);

/// Covers: access.
async fn a_customer_can_do_nothing_that_is_for_staff_or_administrators(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let id = ada.user.id.clone();
    ada.list_users(ListUsersRequest::default()).await.denied();
    ada.set_roles(SetRolesRequest { id: id.clone(), roles: vec![Role::Admin.into()], role_ids: vec![] })
        .await
        .denied();
    ada.disable_user(DisableUserRequest { id: id.clone() }).await.denied();
    ada.enable_user(EnableUserRequest { id: id.clone() }).await.denied();
    let nobody = mesh.client();
    nobody.list_users(ListUsersRequest::default()).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    nobody.get_user(GetUserRequest { id }).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
}

/// Covers: user.roles, access.
async fn staff_see_users_and_change_customers_but_not_administrators(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let clerk = with_roles(&mesh, "clerk", &[Role::Staff]).await;
    let by_clerk = |id: &str| User { id: id.into(), last_name: "King".into(), ..Default::default() };
    assert_eq!(
        clerk.get_user(GetUserRequest { id: ada.user.id.clone() }).await.unwrap().username,
        ada.user.username
    );
    assert_eq!(change(&clerk, by_clerk(&ada.user.id), None).await.unwrap().last_name, "King");
    change(&clerk, by_clerk(&admin.user.id), None).await.denied();
    clerk
        .set_roles(SetRolesRequest {
            id: clerk.user.id.clone(),
            roles: vec![Role::Admin.into()],
            role_ids: vec![],
        })
        .await
        .denied();
    clerk.disable_user(DisableUserRequest { id: ada.user.id.clone() }).await.denied();
    // Where colleagues sign in from, and by which keys, is not theirs to see; nor to take along.
    let sessions = |id: &str| ListSessionsRequest { user_id: id.into(), ..Default::default() };
    let keys = |id: &str| ListApiKeysRequest { user_id: id.into(), ..Default::default() };
    clerk.list_sessions(sessions(&ada.user.id)).await.unwrap();
    clerk.list_sessions(sessions(&admin.user.id)).await.denied();
    clerk.list_api_keys(keys(&ada.user.id)).await.unwrap();
    clerk.list_api_keys(keys(&admin.user.id)).await.denied();
    let copy = clerk.export_user(ExportUserRequest { id: admin.user.id.clone() }).await.next().await;
    assert_eq!(copy.expect("an answer").unwrap_err().code, Code::PermissionDenied);
    assert_eq!(clerk.list_users(ListUsersRequest::default()).await.unwrap().users.len(), 3);
}

/// Covers: user.roles.
async fn changed_roles_count_at_once_and_after_a_refresh(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let roles = vec![Role::Customer.into(), Role::Staff.into()];
    let user = admin
        .set_roles(SetRolesRequest { id: ada.user.id.clone(), roles: roles.clone(), role_ids: vec![] })
        .await
        .unwrap();
    assert_eq!(user.roles, roles);
    until("the old token stops working", || async { me(&ada).await.err() }).await;
    let refresh_token = ada.tokens.refresh_token.clone();
    let tokens = mesh.client().refresh(RefreshRequest { refresh_token }).await.unwrap();
    let promoted = ada.client.anonymous().signed_in(&tokens.access_token);
    assert!(promoted.list_users(ListUsersRequest::default()).await.is_ok());
}

/// Covers: user.roles.
async fn a_disabled_user_is_locked_out_at_once_until_enabled(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let id = ada.user.id.clone();
    assert!(admin.disable_user(DisableUserRequest { id: id.clone() }).await.unwrap().disabled);
    let again = admin.disable_user(DisableUserRequest { id: id.clone() }).await.unwrap();
    assert!(again.disabled);
    until("her token stops working", || async { me(&ada).await.err() }).await;
    let refusal = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap_err();
    let unknown = mesh.client().sign_in_as("nobody-at-all", PASSWORD).await.unwrap_err();
    assert_eq!((refusal.code, refusal.message), (unknown.code, unknown.message));
    let refresh_token = ada.tokens.refresh_token.clone();
    mesh.client()
        .refresh(RefreshRequest { refresh_token })
        .await
        .refused(Code::Unauthenticated, "UNAUTHENTICATED");
    assert!(!admin.enable_user(EnableUserRequest { id }).await.unwrap().disabled);
    mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap();
}

/// Covers: user.roles.
async fn the_last_administrator_stays(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    let id = admin.user.id.clone();
    let roles = vec![Role::Staff.into()];
    admin
        .set_roles(SetRolesRequest { id: id.clone(), roles, role_ids: vec![] })
        .await
        .refused(Code::FailedPrecondition, "LAST_ADMIN");
    admin
        .disable_user(DisableUserRequest { id: id.clone() })
        .await
        .refused(Code::FailedPrecondition, "LAST_ADMIN");
    let request = DeleteUserRequest { id, ..Default::default() };
    admin.delete_user(request).await.refused(Code::FailedPrecondition, "LAST_ADMIN");
    assert!(me(&admin).await.is_ok());
}
