//! How soon what ends access ends it, in every role: each verifies tokens and keys by itself, and learns by a feed.

use std::time::{Duration, Instant};

use contracts::{
    article::GetStockRequest,
    mesh::ListInstancesRequest,
    order::ListOrdersRequest,
    payment::ListPaymentsRequest,
    user::{
        ApiKey, ChangePasswordRequest, CreateApiKeyRequest, DisableUserRequest, EnableUserRequest,
        GetUserRequest, RevokeApiKeyRequest, RevokeSessionsRequest, Role, SetRolesRequest, SignOutRequest,
    },
};
use tokio::time::sleep;

use crate::support::{Client, Mesh, Refusal, Setup, Shopper, eur, shop::PASSWORD};

each!(in_six_processes: Setup::default().split(); what_ends_access_ends_it_in_every_role_within_seconds);

const ROLES: [&str; 5] = ["user", "article", "order", "payment", "mesh"];

async fn call(client: &Client, role: &str, article_id: &str) -> Result<(), Refusal> {
    match role {
        "user" => client.get_user(GetUserRequest { id: "me".into() }).await.map(drop),
        "article" => client.get_stock(GetStockRequest { article_id: article_id.into() }).await.map(drop),
        "order" => client.list_orders(ListOrdersRequest::default()).await.map(drop),
        "payment" => client.list_payments(ListPaymentsRequest::default()).await.map(drop),
        _ => client.list_instances(ListInstancesRequest::default()).await.map(drop),
    }
}

/// Milliseconds until a role refuses.
async fn refused_after(client: &Client, role: &str, article_id: &str, since: Instant) -> u128 {
    while call(client, role, article_id).await.is_ok() {
        assert!(since.elapsed() < Duration::from_secs(5), "{role} still takes it");
        sleep(Duration::from_millis(2)).await;
    }
    since.elapsed().as_millis()
}

async fn clerk(mesh: &Mesh, admin: &Shopper, name: &str) -> Shopper {
    let user = mesh.client().register(name).await.user;
    let set = SetRolesRequest { id: user.id, roles: vec![Role::Staff.into()], role_ids: vec![] };
    admin.set_roles(set).await.unwrap();
    mesh.client().sign_in_as(name, PASSWORD).await.unwrap()
}

/// Covers: user.sessions, user.roles, user.api-keys, access.
async fn what_ends_access_ends_it_in_every_role_within_seconds(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    let article = admin.stocked(eur(100), 5).await;
    for what in ["signed out", "sessions ended", "password changed", "disabled", "key revoked", "roles taken"]
    {
        let clerk = clerk(&mesh, &admin, &what.replace(' ', "-")).await;
        let id = clerk.user.id.clone();
        let mut client = clerk.client.clone();
        let mut key_id = String::new();
        if what == "key revoked" {
            let api_key = Some(ApiKey { name: "nightly".into(), ..Default::default() });
            let key =
                clerk.create_api_key(CreateApiKeyRequest { user_id: "me".into(), api_key }).await.unwrap();
            (client, key_id) = (mesh.client().signed_in(&key.secret), key.id.clone());
        }
        for role in ROLES {
            call(&client, role, &article.id)
                .await
                .unwrap_or_else(|refusal| panic!("{what}, {role}: {refusal:?}"));
        }
        let begun = Instant::now();
        match what {
            "signed out" => drop(clerk.sign_out(SignOutRequest {}).await.unwrap()),
            "sessions ended" => {
                let all = RevokeSessionsRequest { user_id: id.clone(), keep_current: false };
                admin.revoke_sessions(all).await.unwrap();
            }
            "password changed" => {
                let other = mesh.client().sign_in_as(&clerk.user.username, PASSWORD).await.unwrap();
                let (old_password, new_password) = (PASSWORD.into(), "long enough 2".into());
                let change = ChangePasswordRequest { id: "me".into(), old_password, new_password };
                other.change_password(change).await.unwrap();
            }
            "disabled" => drop(admin.disable_user(DisableUserRequest { id: id.clone() }).await.unwrap()),
            "key revoked" => {
                let revoke = RevokeApiKeyRequest { user_id: "me".into(), id: key_id };
                clerk.revoke_api_key(revoke).await.unwrap();
            }
            _ => {
                let set =
                    SetRolesRequest { id: id.clone(), roles: vec![Role::Customer.into()], role_ids: vec![] };
                admin.set_roles(set).await.unwrap();
            }
        }
        let answered = Instant::now();
        let after = ROLES.map(|role| refused_after(&client, role, &article.id, answered));
        let after = futures::future::join_all(after).await;
        let took = (answered - begun).as_millis();
        let after: Vec<_> = ROLES.iter().zip(after).map(|(role, ms)| format!("{role} {ms}")).collect();
        println!("{what} (in {took} ms), refused so many ms after the answer: {}", after.join(", "));
        if what == "disabled" {
            admin.enable_user(EnableUserRequest { id }).await.unwrap();
            call(&client, "order", &article.id).await.expect_err("what ended once is not given back");
        }
    }
}
