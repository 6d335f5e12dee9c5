//! Page tokens: made by the shop for one list, its arguments and its caller, and by nobody else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::{
    article::ListArticlesRequest,
    user::{ListAddressesRequest, ListUsersRequest, Role, SetRolesRequest},
};

use crate::support::{Backend, Refused, Setup, eur};

on_both_edges!(
    a_page_token_is_of_its_list_its_arguments_and_its_caller,
    who_signs_in_meanwhile_goes_on_reading
);
each!(in_two_replicas: Setup::default().on(Backend::Postgres).replicas(2);
    a_page_token_counts_at_every_replica_and_after_a_restart);

fn users(page_token: &str) -> ListUsersRequest {
    ListUsersRequest { page_size: 1, page_token: page_token.into(), ..Default::default() }
}

/// Covers: user.list.
async fn a_page_token_is_of_its_list_its_arguments_and_its_caller(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, bob) = (mesh.admin().await, mesh.shopper().await);
    let token = admin.list_users(users("")).await.unwrap().body.next_page_token;
    let next = admin.list_users(users(&token)).await.unwrap().body;
    assert_eq!(next.users.len(), 1);
    // Another session of the same user.
    mesh.admin().await.list_users(users(&token)).await.unwrap();
    let roles = vec![Role::Staff as i32];
    admin.set_roles(SetRolesRequest { id: bob.user.id.clone(), roles, role_ids: vec![] }).await.unwrap();
    let bob = mesh.client().sign_in_as(&bob.user.username, crate::support::shop::PASSWORD).await.unwrap();
    bob.list_users(users("")).await.unwrap();
    bob.list_users(users(&token)).await.names("page_token");
    let queried = ListUsersRequest { query: "shopper".into(), ..users(&token) };
    admin.list_users(queried).await.names("page_token");
    let addresses =
        ListAddressesRequest { user_id: "me".into(), page_token: token.clone(), ..Default::default() };
    admin.list_addresses(addresses).await.names("page_token");
    // One that looks like it, for a row of the caller's choice.
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    let mut forged = bytes.clone();
    let last = forged.len() - 2;
    forged[last] = if forged[last] == b'0' { b'1' } else { b'0' };
    admin.list_users(users(&URL_SAFE_NO_PAD.encode(forged))).await.names("page_token");
    let mut flipped = bytes;
    flipped[0] ^= 1;
    admin.list_users(users(&URL_SAFE_NO_PAD.encode(flipped))).await.names("page_token");
}

/// Covers: article.list.
async fn who_signs_in_meanwhile_goes_on_reading(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    for _ in 0..3 {
        admin.stocked(eur(100), 1).await;
    }
    let page = |page_token: &str| ListArticlesRequest {
        page_size: 1,
        page_token: page_token.into(),
        ..Default::default()
    };
    let token = mesh.client().list_articles(page("")).await.unwrap().body.next_page_token;
    let ada = mesh.shopper().await;
    let token = ada.list_articles(page(&token)).await.unwrap().body.next_page_token;
    assert_eq!(mesh.client().list_articles(page(&token)).await.unwrap().articles.len(), 1);
}

/// Covers: user.list, mesh.databases.
async fn a_page_token_counts_at_every_replica_and_after_a_restart(setup: Setup) {
    let mut mesh = setup.start().await;
    let admin = mesh.admin().await;
    for _ in 0..2 {
        mesh.shopper().await;
    }
    let token = admin.at(0).list_users(users("")).await.unwrap().body.next_page_token;
    let there = admin.at(1).list_users(users(&token)).await.unwrap().body;
    drop(admin);
    for name in ["feira-0", "feira-1"] {
        mesh.stop(name);
        mesh.restart(name);
    }
    let again = mesh.admin().await.list_users(users(&token)).await.unwrap().body;
    assert_eq!(again.users, there.users);
}
