//! Where somebody is signed in, and how that ends.

use contracts::user::{
    GetUserRequest, ListAuditEventsRequest, ListSessionsRequest, RefreshRequest, RevokeSessionRequest,
    RevokeSessionsRequest, Session, SignInRequest,
};

use crate::support::{Client, Code, Refused, Setup, shop::PASSWORD, until};

on_both_edges!(
    sessions_are_listed_and_ended_by_their_owner,
    an_administrator_ends_all_sessions_of_somebody,
    the_oldest_session_ends_where_there_are_too_many,
    a_lost_refresh_is_repeated,
);

async fn sessions(client: &Client) -> Vec<Session> {
    let request = ListSessionsRequest { user_id: "me".into(), ..Default::default() };
    client.list_sessions(request).await.unwrap().body.sessions
}

async fn is_refused(client: &Client) -> Option<()> {
    client.get_user(GetUserRequest { id: "me".into() }).await.err().map(|_| ())
}

/// Covers: user.sessions.
async fn sessions_are_listed_and_ended_by_their_owner(setup: Setup) {
    let mesh = setup.start().await;
    let (ada, bob) = (mesh.shopper().await, mesh.shopper().await);
    let browser = mesh.client().with("user-agent", "a browser/1");
    let request =
        SignInRequest { login: ada.user.username.clone(), password: PASSWORD.into(), ..Default::default() };
    let tokens = browser.sign_in(request).await.unwrap();
    let phone = mesh.client().signed_in(&tokens.access_token);
    let listed = sessions(&ada).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed.iter().map(|it| it.current).collect::<Vec<_>>(), [false, true], "the newest first");
    assert!(listed.iter().all(|it| it.user_id == ada.user.id && it.ip_address == "127.0.0.1"), "{listed:?}");
    assert!(listed[0].user_agent.contains("a browser/1"), "{listed:?}");

    let id = listed[0].id.clone();
    let theirs = RevokeSessionRequest { user_id: ada.user.id.clone(), id: id.clone() };
    bob.revoke_session(theirs.clone()).await.missing();
    let not_theirs = RevokeSessionRequest { user_id: "me".into(), id: id.clone() };
    bob.revoke_session(not_theirs).await.missing();
    let list = ListSessionsRequest { user_id: ada.user.id.clone(), ..Default::default() };
    bob.list_sessions(list).await.missing();
    ada.revoke_session(theirs.clone()).await.unwrap();
    ada.revoke_session(theirs).await.missing();
    until("the ended session's token stops working", || async { is_refused(&phone).await }).await;
    let refresh_token = tokens.refresh_token.clone();
    mesh.client()
        .refresh(RefreshRequest { refresh_token })
        .await
        .refused(Code::Unauthenticated, "UNAUTHENTICATED");
    assert_eq!(sessions(&ada).await.len(), 1);
    let kinds = vec!["session.revoked".to_owned()];
    let request = ListAuditEventsRequest { user_id: ada.user.id.clone(), kind: kinds, ..Default::default() };
    let recorded = mesh.admin().await.list_audit_events(request).await.unwrap().body.audit_events;
    let told: Vec<_> = recorded.iter().map(|it| (it.actor.as_str(), it.target.as_str())).collect();
    assert_eq!(told, [(ada.user.id.as_str(), id.as_str())]);
}

/// Covers: user.sessions.
async fn an_administrator_ends_all_sessions_of_somebody(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let request = RevokeSessionsRequest { user_id: ada.user.id.clone(), keep_current: true };
    admin.revoke_sessions(request).await.unwrap();
    until("her token stops working", || async { is_refused(&ada).await }).await;
    let again = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap();
    let other = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap();
    again.revoke_sessions(RevokeSessionsRequest { user_id: "me".into(), keep_current: true }).await.unwrap();
    until("the other session ends", || async { is_refused(&other).await }).await;
    assert_eq!(sessions(&again).await.len(), 1, "her own goes on");
}

/// Covers: user.sessions.
async fn the_oldest_session_ends_where_there_are_too_many(setup: Setup) {
    let mesh = setup.env("FEIRA_SESSIONS_PER_USER", "2").start().await;
    let ada = mesh.shopper().await;
    let second = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap();
    let third = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap();
    until("the oldest ends", || async { is_refused(&ada).await }).await;
    assert!(is_refused(&second).await.is_none());
    assert_eq!(sessions(&third).await.len(), 2);
}

/// Covers: user.sessions.
async fn a_lost_refresh_is_repeated(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let refresh = |token: &str| {
        let client = mesh.client().patient();
        let refresh_token = token.to_owned();
        async move { client.refresh(RefreshRequest { refresh_token }).await }
    };
    let first = refresh(&ada.tokens.refresh_token).await.unwrap();
    let again = refresh(&ada.tokens.refresh_token).await.unwrap();
    assert_eq!(first.refresh_token, again.refresh_token);
    refresh(&again.refresh_token).await.unwrap();
    refresh(&ada.tokens.refresh_token).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
}
