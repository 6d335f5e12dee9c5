//! API keys: made, limited, changed, ended.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    article::{CreateArticleRequest, GetStockRequest, ListArticlesRequest},
    user::{
        ApiKey, CreateApiKeyRequest, DisableUserRequest, GetUserRequest, ListApiKeysRequest,
        ListAuditEventsRequest, ListSessionsRequest, RevokeApiKeyRequest, Role, RotateApiKeyRequest,
        SetRolesRequest, SignInRequest, SignOutRequest, UpdateUserRequest, User,
    },
};

use crate::support::{Client, Code, Mesh, Refused, Setup, Shopper, eur, shop::PASSWORD, until};

on_both_edges!(
    a_key_calls_as_its_user_by_bearer_and_by_basic,
    a_key_does_what_its_scopes_name_and_nothing_else,
    a_key_never_manages_what_makes_its_user,
    a_key_expires_and_is_revoked_within_seconds,
    a_key_of_a_disabled_user_counts_no_more,
    another_secret_replaces_the_old_one_at_once_or_later,
    a_user_has_so_many_keys_and_nobody_elses,
    a_login_and_a_password_are_for_signing_in,
);
each!(in_six_processes: Setup::default().split(); a_key_expires_and_is_revoked_within_seconds, a_key_does_what_its_scopes_name_and_nothing_else);

async fn make(owner: &Shopper, scopes: &[&str]) -> ApiKey {
    let scopes = scopes.iter().map(ToString::to_string).collect();
    let api_key = Some(ApiKey { name: "nightly".into(), scopes, ..Default::default() });
    owner.create_api_key(CreateApiKeyRequest { user_id: "me".into(), api_key }).await.unwrap().body
}

fn by_basic(mesh: &Mesh, user: &str, password: &str) -> Client {
    mesh.client().with("authorization", &format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

async fn who(client: &Client) -> Result<String, Code> {
    let user = client.get_user(GetUserRequest { id: "me".into() }).await;
    user.map(|user| user.body.id).map_err(|refusal| refusal.code)
}

/// Covers: user.api-keys.
async fn a_key_calls_as_its_user_by_bearer_and_by_basic(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let key = make(&ada, &[]).await;
    assert!(key.secret.starts_with(&format!("feira_{}_", key.prefix)), "{}", key.prefix);
    let bearer = mesh.client().signed_in(&key.secret);
    assert_eq!(who(&bearer).await, Ok(ada.user.id.clone()));
    assert_eq!(who(&by_basic(&mesh, &key.secret, "")).await, Ok(ada.user.id.clone()));
    for wrong in [
        by_basic(&mesh, &key.secret, "x"),
        by_basic(&mesh, &ada.user.username, PASSWORD),
        mesh.client().signed_in(&key.secret[..key.secret.len() - 1]),
        mesh.client().signed_in(&key.secret.replace(&key.prefix, "00000000")),
    ] {
        assert_eq!(who(&wrong).await, Err(Code::Unauthenticated));
    }
    let list = || ListApiKeysRequest { user_id: "me".into(), ..Default::default() };
    let listed = ada.list_api_keys(list()).await.unwrap().body.api_keys;
    assert_eq!((listed.len(), listed[0].secret.as_str()), (1, ""));
    assert!(listed[0].last_used_time.is_some(), "{listed:?}");

    // A repeat is answered without the secret.
    let api_key = Some(ApiKey { name: "repeated".into(), ..Default::default() });
    let request = CreateApiKeyRequest { user_id: "me".into(), api_key };
    let first = ada.with_key("k").create_api_key(request.clone()).await.unwrap();
    let again = ada.with_key("k").create_api_key(request).await.unwrap();
    assert_eq!((first.id.as_str(), again.secret.as_str()), (again.id.as_str(), ""));
    assert!(!first.secret.is_empty());
}

/// Covers: user.api-keys, user.permissions.
async fn a_key_does_what_its_scopes_name_and_nothing_else(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = admin.stocked(eur(100), 5).await;
    let as_one = |key: &ApiKey| mesh.client().signed_in(&key.secret);
    let (read, stock, all) =
        (make(&admin, &["read"]).await, make(&admin, &["stock"]).await, make(&admin, &[]).await);
    let look = || GetStockRequest { article_id: article.id.clone() };
    let create = || CreateArticleRequest {
        article: Some(contracts::article::Article {
            name: "x".into(),
            code: "x-1".into(),
            ..Default::default()
        }),
    };
    for key in [&read, &stock, &all] {
        as_one(key).get_stock(look()).await.unwrap();
    }
    as_one(&read).create_article(create()).await.denied();
    as_one(&stock).create_article(create()).await.denied();
    assert_eq!(who(&as_one(&stock)).await, Err(Code::PermissionDenied));
    assert!(who(&as_one(&read)).await.is_ok());
    as_one(&stock).list_articles(ListArticlesRequest::default()).await.unwrap();
    as_one(&all).create_article(create()).await.unwrap();
    // A scope gives nobody what its user may not.
    let hers = make(&ada, &["stock", "read"]).await;
    as_one(&hers).get_stock(look()).await.denied();
}

/// Covers: user.api-keys.
async fn a_key_never_manages_what_makes_its_user(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let key = make(&ada, &[]).await;
    let client = mesh.client().signed_in(&key.secret);
    let api_key = Some(ApiKey { name: "another".into(), ..Default::default() });
    client.create_api_key(CreateApiKeyRequest { user_id: "me".into(), api_key }).await.denied();
    let list = ListApiKeysRequest { user_id: "me".into(), ..Default::default() };
    client.list_api_keys(list).await.denied();
    let revoke = RevokeApiKeyRequest { user_id: "me".into(), id: key.id.clone() };
    client.revoke_api_key(revoke).await.denied();
    let sessions = ListSessionsRequest { user_id: "me".into(), ..Default::default() };
    client.list_sessions(sessions).await.denied();
    client.sign_out(SignOutRequest {}).await.denied();
    assert!(who(&client).await.is_ok());
    // Nor what staff sign in by, whatever its user may: who can write an e-mail can set the password.
    let admin = mesh.admin().await;
    let key = make(&admin, &[]).await;
    let client = mesh.client().signed_in(&key.secret);
    let colleague = mesh.client().register("colleague").await;
    let (id, roles) = (colleague.user.id.clone(), vec![Role::Staff.into()]);
    admin.set_roles(SetRolesRequest { id, roles, role_ids: vec![] }).await.unwrap();
    let to = |id: &str, username: &str| {
        let user = User { id: id.into(), username: username.into(), ..Default::default() };
        client.update_user(UpdateUserRequest { user: Some(user), update_mask: None })
    };
    to(&colleague.user.id, "somebody.else").await.denied();
    to("me", "another.admin").await.denied();
    to(&ada.user.id, "ada.by.key").await.unwrap();
    // The log says by which key.
    let wanted = format!("key={}", key.id);
    until("it is in the log", || async {
        let request = ListAuditEventsRequest { user_id: ada.user.id.clone(), ..Default::default() };
        let events = admin.list_audit_events(request).await.unwrap().body.audit_events;
        events.into_iter().find(|event| event.kind == "username.changed" && event.detail == wanted)
    })
    .await;
}

/// Covers: user.api-keys.
async fn a_key_expires_and_is_revoked_within_seconds(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    let article = admin.stocked(eur(100), 5).await;
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(3);
    let mut api_key = ApiKey { name: "short".into(), expire_time: Some(soon.into()), ..Default::default() };
    let request =
        |api_key: &ApiKey| CreateApiKeyRequest { user_id: "me".into(), api_key: Some(api_key.clone()) };
    let short = admin.create_api_key(request(&api_key)).await.unwrap();
    let key = make(&admin, &[]).await;
    // The article service verifies it, and remembers it.
    let look = |secret: &str| {
        let client = mesh.client().signed_in(secret);
        let request = GetStockRequest { article_id: article.id.clone() };
        async move { client.get_stock(request).await }
    };
    look(&key.secret).await.unwrap();
    until("it expires", || async { look(&short.secret).await.err() }).await;
    api_key.expire_time = Some((std::time::SystemTime::now() - std::time::Duration::from_secs(60)).into());
    admin.create_api_key(request(&api_key)).await.names("api_key.expire_time");
    let begun = std::time::Instant::now();
    admin.revoke_api_key(RevokeApiKeyRequest { user_id: "me".into(), id: key.id.clone() }).await.unwrap();
    until("it counts no more", || async { look(&key.secret).await.err() }).await;
    println!("refused {} ms after it was revoked", begun.elapsed().as_millis());
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    let again = RevokeApiKeyRequest { user_id: "me".into(), id: key.id };
    admin.revoke_api_key(again).await.missing();
}

/// Covers: user.api-keys, user.roles.
async fn a_key_of_a_disabled_user_counts_no_more(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let client = mesh.client().signed_in(&make(&ada, &[]).await.secret);
    assert!(who(&client).await.is_ok());
    admin.disable_user(DisableUserRequest { id: ada.user.id.clone() }).await.unwrap();
    until("it counts no more", || async { (who(&client).await == Err(Code::Unauthenticated)).then_some(()) })
        .await;
}

/// Covers: user.api-keys.
async fn another_secret_replaces_the_old_one_at_once_or_later(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let first = make(&ada, &[]).await;
    let (id, as_one) = (first.id.clone(), |key: &ApiKey| mesh.client().signed_in(&key.secret));
    assert!(who(&as_one(&first)).await.is_ok());
    let rotate = |seconds: Option<i64>| {
        let overlap = seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        ada.rotate_api_key(RotateApiKeyRequest { user_id: "me".into(), id: id.clone(), overlap })
    };
    let second = rotate(Some(3)).await.unwrap().body;
    assert_eq!((&second.id, &second.prefix), (&first.id, &first.prefix));
    assert!(who(&as_one(&first)).await.is_ok() && who(&as_one(&second)).await.is_ok());
    until("the old secret ends", || async { who(&as_one(&first)).await.err() }).await;
    let third = rotate(None).await.unwrap().body;
    until("the second one ends at once", || async { who(&as_one(&second)).await.err() }).await;
    assert!(who(&as_one(&third)).await.is_ok());
    rotate(Some(8 * 24 * 3600)).await.names("overlap");
}

/// Covers: user.api-keys.
async fn a_user_has_so_many_keys_and_nobody_elses(setup: Setup) {
    let mesh = setup.start().await;
    let (ada, bob) = (mesh.shopper().await, mesh.shopper().await);
    let key = make(&ada, &[]).await;
    for _ in 1..50 {
        make(&ada, &[]).await;
    }
    let api_key = Some(ApiKey { name: "one more".into(), ..Default::default() });
    let request = CreateApiKeyRequest { user_id: "me".into(), api_key };
    let refusal = ada.create_api_key(request).await.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED");
    assert_eq!((refusal.info("limit"), refusal.info("value")), ("api_keys", "50"));
    let theirs = || ada.user.id.clone();
    bob.list_api_keys(ListApiKeysRequest { user_id: theirs(), ..Default::default() }).await.missing();
    bob.revoke_api_key(RevokeApiKeyRequest { user_id: theirs(), id: key.id.clone() }).await.missing();
    bob.revoke_api_key(RevokeApiKeyRequest { user_id: "me".into(), id: key.id }).await.missing();
}

/// Covers: user.sign-in.
async fn a_login_and_a_password_are_for_signing_in(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let basic = by_basic(&mesh, &ada.user.username, PASSWORD);
    let tokens = basic.sign_in(SignInRequest::default()).await.unwrap();
    assert!(who(&mesh.client().signed_in(&tokens.access_token)).await.is_ok());
    let wrong = by_basic(&mesh, &ada.user.username, "wrong password");
    wrong.sign_in(SignInRequest::default()).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    assert_eq!(who(&basic).await, Err(Code::Unauthenticated));
    mesh.client().sign_in(SignInRequest::default()).await.names("login");
}
