//! Users, their sessions and addresses.

use contracts::user::{
    CreateAddressRequest, CreateUserRequest, ListAddressesRequest, ListUsersRequest, RefreshRequest, Role,
    SetRolesRequest,
};

use super::{winner, winners};
use crate::support::{
    Code, Refused, Setup, at_once,
    shop::{address, registration},
};

on_every_database!(
    a_username_is_given_to_one_of_thirty,
    an_email_is_given_to_one_of_thirty,
    one_key_thirty_times_at_once_registers_once,
    the_last_administrator_stays_one,
    a_refresh_token_used_ten_times_at_once_gives_one_next_token,
    an_address_book_never_has_more_than_fifty_entries,
);

/// Covers: user.register.
async fn a_username_is_given_to_one_of_thirty(setup: Setup) {
    let mesh = setup.start().await;
    let client = mesh.client();
    let outcomes = at_once(30, |number| {
        let client = client.at(number);
        let username = if number % 2 == 0 { "Ada" } else { "aDA" }.into();
        let request = CreateUserRequest { username, ..registration(&format!("ada-{number}")) };
        async move { client.create_user(request).await }
    })
    .await;
    for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!((refusal.code, refusal.info("field")), (Code::AlreadyExists, "username"));
    }
    winner(outcomes, &["ALREADY_EXISTS"]);
}

async fn an_email_is_given_to_one_of_thirty(setup: Setup) {
    let mesh = setup.start().await;
    let client = mesh.client();
    let outcomes = at_once(30, |number| {
        let client = client.at(number);
        let email = if number % 2 == 0 { "ada@example.com" } else { "ADA@example.com" }.into();
        let request = CreateUserRequest { email, ..registration(&format!("ada-{number}")) };
        async move { client.create_user(request).await }
    })
    .await;
    winner(outcomes, &["ALREADY_EXISTS"]);
}

async fn one_key_thirty_times_at_once_registers_once(setup: Setup) {
    let mesh = setup.start().await;
    let client = mesh.client();
    let outcomes = at_once(30, |number| {
        let client = client.at(number).with_key("registration-1");
        async move { client.create_user(registration("ada")).await }
    })
    .await;
    let users = winners(outcomes, &["IDEMPOTENCY_IN_PROGRESS"]);
    assert!(!users.is_empty() && users.iter().all(|user| user.id == users[0].id));
    let listed = mesh.admin().await.list_users(ListUsersRequest::default()).await.unwrap();
    assert_eq!(listed.users.len(), 2, "she and the administrator");
}

async fn the_last_administrator_stays_one(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    let mut admins = vec![admin.clone()];
    let roles =
        |id: &str, role: Role| SetRolesRequest { id: id.into(), roles: vec![role.into()], role_ids: vec![] };
    for number in 0..3 {
        let name = format!("admin-{number}");
        let user = mesh.client().register(&name).await.user;
        admin.set_roles(roles(&user.id, Role::Admin)).await.unwrap();
        admins.push(mesh.client().sign_in_as(&name, crate::support::shop::PASSWORD).await.unwrap());
    }
    // Each demotes the next one.
    let outcomes = at_once(4, |number| {
        let (one, next) = (admins[number].at(number), admins[(number + 1) % 4].user.id.clone());
        async move { one.set_roles(roles(&next, Role::Customer)).await }
    })
    .await;
    // Who was demoted before her turn came can no longer demote.
    winners(outcomes, &["LAST_ADMIN", "UNAUTHENTICATED", "PERMISSION_DENIED"]);
    let mut left = 0;
    for admin in &admins {
        let again =
            mesh.client().sign_in_as(&admin.user.username, password(&admin.user.username)).await.unwrap();
        left += usize::from(again.user.roles.contains(&Role::Admin.into()));
    }
    assert!(left >= 1, "somebody is left");
}

fn password(username: &str) -> &'static str {
    if username == "admin" { crate::support::mesh::ADMIN_PASSWORD } else { crate::support::shop::PASSWORD }
}

/// Covers: user.sign-in.
async fn a_refresh_token_used_ten_times_at_once_gives_one_next_token(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let outcomes = at_once(10, |number| {
        let (client, refresh_token) = (ada.at(number).anonymous(), ada.tokens.refresh_token.clone());
        async move { client.refresh(RefreshRequest { refresh_token }).await }
    })
    .await;
    let next: Vec<String> =
        winners(outcomes, &[]).into_iter().map(|tokens| tokens.body.refresh_token).collect();
    assert_eq!(next.len(), 10);
    assert!(next.iter().all(|token| *token == next[0]));
    let client = mesh.client();
    let refresh = |token: &str| client.refresh(RefreshRequest { refresh_token: token.into() });
    let last = refresh(&next[0]).await.unwrap().body.refresh_token;
    // The next one was used, so nobody can have missed the answer.
    refresh(&ada.tokens.refresh_token).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    refresh(&last).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
}

/// Covers: user.addresses.
async fn an_address_book_never_has_more_than_fifty_entries(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let outcomes = at_once(60, |number| {
        let ada = ada.at(number);
        let request = CreateAddressRequest { user_id: "me".into(), address: Some(address()) };
        async move { ada.create_address(request).await }
    })
    .await;
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(made, 49, "one came with the registration");
    for refusal in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(refusal.code, Code::FailedPrecondition, "{refusal:?}");
    }
    let request = ListAddressesRequest { user_id: "me".into(), page_size: 1000, ..Default::default() };
    assert_eq!(ada.list_addresses(request).await.unwrap().addresses.len(), 50);
}
