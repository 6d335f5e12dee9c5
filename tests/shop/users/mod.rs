//! UserService.

mod addresses;
mod export;
mod identity;
mod rights;

use contracts::{
    order::OrderState,
    user::{
        ChangePasswordRequest, CreateAddressRequest, DeleteAddressRequest, DeleteUserRequest,
        DisableUserRequest, GetAddressRequest, GetUserRequest, ListAddressesRequest, ListUsersRequest,
        RefreshRequest, Role, SetRolesRequest, UpdateUserRequest, User,
    },
};
use prost_types::FieldMask;

use crate::support::{
    Code, Mesh, Outcome, Refused, Setup, Shopper, eur,
    shop::{PASSWORD, address, registration},
    until,
};

on_both_edges!(
    a_username_and_an_email_are_unique_without_regard_to_case,
    a_user_changes_what_the_mask_names_or_what_is_set,
    a_stale_user_is_not_changed,
    somebody_else_looks_like_nobody,
    users_are_listed_page_by_page_and_filtered,
    a_new_password_ends_the_other_sessions,
    an_erased_user_is_gone_and_her_open_orders_are_cancelled,
);

async fn me(client: &Shopper) -> Outcome<User> {
    client.get_user(GetUserRequest { id: "me".into() }).await
}

async fn change(client: &Shopper, user: User, mask: Option<&[&str]>) -> Outcome<User> {
    let update_mask = mask.map(|paths| FieldMask { paths: paths.iter().map(ToString::to_string).collect() });
    client.update_user(UpdateUserRequest { user: Some(user), update_mask }).await
}

/// A user with roles, signed in with them.
pub async fn with_roles(mesh: &Mesh, name: &str, roles: &[Role]) -> Shopper {
    let user = mesh.client().register(name).await.user;
    let roles = roles.iter().map(|role| (*role).into()).collect();
    mesh.admin().await.set_roles(SetRolesRequest { id: user.id, roles, role_ids: vec![] }).await.unwrap();
    mesh.client().sign_in_as(name, PASSWORD).await.unwrap()
}

/// Covers: user.register, user.username.
async fn a_username_and_an_email_are_unique_without_regard_to_case(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.client().register("Ada").await;
    let bob = mesh.client().register("bob").await;
    let mut same_name = registration("aDa");
    same_name.email = "other@example.com".into();
    let refusal = mesh.client().create_user(same_name).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
    assert_eq!(refusal.info("field"), "username");
    let mut same_email = registration("other");
    same_email.email = "ADA@Example.com".into();
    let refusal = mesh.client().create_user(same_email).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
    assert_eq!(refusal.info("field"), "email");
    let taken = User { id: bob.user.id.clone(), username: "ADA".into(), ..Default::default() };
    change(&bob, taken, None).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
    let louder = User { id: "me".into(), username: "ADA".into(), ..Default::default() };
    assert_eq!(change(&ada, louder, None).await.unwrap().username, "ADA");
}

/// Covers: user.change.
async fn a_user_changes_what_the_mask_names_or_what_is_set(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let id = ada.user.id.clone();
    let renamed = User { id: id.clone(), last_name: "King".into(), ..Default::default() };
    let user = change(&ada, renamed.clone(), None).await.unwrap().body;
    assert_eq!((user.first_name.as_str(), user.last_name.as_str()), ("Ada", "King"));
    assert_ne!(user.etag, ada.user.etag);
    let user = change(&ada, renamed, Some(&["first_name"])).await.unwrap().body;
    assert_eq!((user.first_name.as_str(), user.last_name.as_str()), ("", "King"));
    let roles = vec![Role::Admin.into()];
    let grab = User { id: id.clone(), roles, disabled: true, first_name: "Eve".into(), ..Default::default() };
    let user = change(&ada, grab, None).await.unwrap().body;
    assert_eq!((user.roles, user.disabled), (ada.user.roles.clone(), false), "output only");
    let unknown = User { id, ..Default::default() };
    change(&ada, unknown, Some(&["password"])).await.names("update_mask");
    assert_eq!(me(&ada).await.unwrap().first_name, "Eve");
}

/// Covers: etag.
async fn a_stale_user_is_not_changed(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let named = |name: &str| User {
        id: "me".into(),
        etag: ada.user.etag.clone(),
        first_name: name.into(),
        ..Default::default()
    };
    change(&ada, named("Augusta"), None).await.unwrap();
    change(&ada, named("Byron"), None).await.refused(Code::Aborted, "ETAG_MISMATCH");
    let request = DeleteUserRequest { id: "me".into(), etag: ada.user.etag.clone() };
    ada.delete_user(request).await.refused(Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(me(&ada).await.unwrap().first_name, "Augusta");
}

/// Covers: access.
async fn somebody_else_looks_like_nobody(setup: Setup) {
    let mesh = setup.start().await;
    let (ada, eve) = (mesh.shopper().await, mesh.shopper().await);
    let home = ada.list_addresses(ListAddressesRequest { user_id: "me".into(), ..Default::default() }).await;
    let home = home.unwrap().addresses[0].id.clone();
    let nobody = "usr_01h455vb4pex5vsknk084sn02q";
    for user_id in [ada.user.id.as_str(), nobody] {
        let (user_id, id) = (user_id.to_owned(), home.clone());
        let get = eve.get_user(GetUserRequest { id: user_id.clone() }).await.missing();
        let named = User { id: user_id.clone(), first_name: "Eve".into(), ..Default::default() };
        let update = change(&eve, named, None).await.missing();
        let delete =
            eve.delete_user(DeleteUserRequest { id: user_id.clone(), ..Default::default() }).await.missing();
        let (old_password, new_password) = (PASSWORD.into(), "another password".into());
        let password = ChangePasswordRequest { id: user_id.clone(), old_password, new_password };
        let password = eve.change_password(password).await.missing();
        let refusals = [get, update, delete, password].map(|refusal| refusal.message);
        assert_eq!(refusals, ["user not found"; 4]);
        eve.list_addresses(ListAddressesRequest { user_id: user_id.clone(), ..Default::default() })
            .await
            .missing();
        eve.get_address(GetAddressRequest { user_id: user_id.clone(), id: id.clone() }).await.missing();
        let request = DeleteAddressRequest { user_id: user_id.clone(), id, ..Default::default() };
        eve.delete_address(request).await.missing();
        eve.create_address(CreateAddressRequest { user_id, address: Some(address()) }).await.missing();
    }
    // Also by her own id.
    eve.get_address(GetAddressRequest { user_id: "me".into(), id: home }).await.missing();
}

/// Covers: user.list.
async fn users_are_listed_page_by_page_and_filtered(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    for number in 0..7 {
        mesh.client().create_user(registration(&format!("user-{number}"))).await.unwrap();
    }
    let mut request = ListUsersRequest { page_size: 3, ..Default::default() };
    let (mut names, mut pages) = (Vec::new(), 0);
    loop {
        let page = admin.list_users(request.clone()).await.unwrap().body;
        names.extend(page.users.into_iter().map(|user| user.username));
        pages += 1;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let expected = ["user-6", "user-5", "user-4", "user-3", "user-2", "user-1", "user-0", "admin"];
    assert_eq!((names, pages), (expected.map(str::to_owned).to_vec(), 3), "the newest first");

    let list = async |request: ListUsersRequest| {
        let users = admin.list_users(request).await.unwrap().body.users;
        users.into_iter().map(|user| user.username).collect::<Vec<_>>()
    };
    assert_eq!(list(ListUsersRequest { query: "USER-3".into(), ..Default::default() }).await, ["user-3"]);
    assert_eq!(list(ListUsersRequest { query: "lovel".into(), ..Default::default() }).await.len(), 7);
    assert_eq!(
        list(ListUsersRequest { role: Some(Role::Admin.into()), ..Default::default() }).await,
        ["admin"]
    );
    let found =
        admin.list_users(ListUsersRequest { query: "user-2".into(), ..Default::default() }).await.unwrap();
    let id = found.users[0].id.clone();
    admin.disable_user(DisableUserRequest { id }).await.unwrap();
    assert_eq!(list(ListUsersRequest { disabled: Some(true), ..Default::default() }).await, ["user-2"]);
    assert_eq!(list(ListUsersRequest { disabled: Some(false), ..Default::default() }).await.len(), 7);

    // A token belongs to its list and its arguments.
    let first = admin.list_users(ListUsersRequest { page_size: 2, ..Default::default() }).await.unwrap();
    let page_token = first.next_page_token.clone();
    let other =
        ListUsersRequest { page_token: page_token.clone(), query: "user".into(), ..Default::default() };
    admin.list_users(other).await.names("page_token");
    let list = ListAddressesRequest { user_id: "me".into(), page_token, ..Default::default() };
    admin.list_addresses(list).await.names("page_token");
    for page_token in ["x", "AAAA", "%", "x.y"] {
        let request = ListUsersRequest { page_token: page_token.into(), ..Default::default() };
        admin.list_users(request).await.names("page_token");
    }
    admin.list_users(ListUsersRequest { page_size: -1, ..Default::default() }).await.names("page_size");
    let most = admin.list_users(ListUsersRequest { page_size: 5000, ..Default::default() }).await.unwrap();
    assert_eq!(most.users.len(), 8);
}

/// Covers: user.change.
async fn a_new_password_ends_the_other_sessions(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let phone = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap();
    let request = |old: &str| ChangePasswordRequest {
        id: "me".into(),
        old_password: old.into(),
        new_password: "a better password".into(),
    };
    ada.change_password(request("wrong password")).await.names("old_password");
    ada.change_password(request(PASSWORD)).await.unwrap();
    me(&phone).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let refresh_token = phone.tokens.refresh_token.clone();
    mesh.client()
        .refresh(RefreshRequest { refresh_token })
        .await
        .refused(Code::Unauthenticated, "UNAUTHENTICATED");
    assert!(mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.is_err());
    mesh.client().sign_in_as(&ada.user.username, "a better password").await.unwrap();
    let tokens =
        mesh.client().refresh(RefreshRequest { refresh_token: ada.tokens.refresh_token.clone() }).await;
    assert!(tokens.is_ok(), "her own session goes on");

    // An administrator is not asked for somebody else's.
    let by_admin = ChangePasswordRequest { id: ada.user.id.clone(), ..request("") };
    mesh.admin().await.change_password(by_admin).await.unwrap();
}

/// Covers: user.erase.
async fn an_erased_user_is_gone_and_her_open_orders_are_cancelled(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let paid = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&paid.id, OrderState::Paid).await;
    let waiting = ada.order(&article.id, 2, "sim_decline").await.unwrap();
    ada.at_rest(&waiting.id).await;
    let basket = ada.add(&article.id, 3).await.unwrap();
    assert_eq!(staff.stock(&article.id).await, (7, 2, 1));

    ada.delete_user(DeleteUserRequest { id: "me".into(), ..Default::default() }).await.unwrap();
    until("her token stops working", || async { me(&ada).await.err() }).await;
    assert!(mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.is_err());
    staff.get_user(GetUserRequest { id: ada.user.id.clone() }).await.missing();
    for id in [&waiting.id, &basket.id] {
        staff.until(id, OrderState::Cancelled).await;
    }
    staff.until_stock(&article.id, (9, 0, 1)).await;
    let kept = staff.see(&paid.id).await;
    assert_eq!((kept.state(), &kept.user_id), (OrderState::Paid, &ada.user.id));
    until("the address of the cancelled order is wiped", || async {
        let address = staff.see(&waiting.id).await.address.unwrap_or_default();
        (address.recipient.is_empty() && address.lines.is_empty()).then_some(())
    })
    .await;
    // Her name is free again, and no stored answer speaks of her.
    let keyed = mesh.client().with_key("register");
    let first = keyed.create_user(registration(&ada.user.username)).await.unwrap();
    staff.delete_user(DeleteUserRequest { id: first.body.id.clone(), ..Default::default() }).await.unwrap();
    let again = keyed.create_user(registration(&ada.user.username)).await.unwrap();
    assert!(!again.replayed() && again.body.id != first.body.id);
}
