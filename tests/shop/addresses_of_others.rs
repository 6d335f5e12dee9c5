//! Accounts with an address that is somebody else's, or was.

use contracts::user::{
    ApiKey, CreateApiKeyRequest, GetUserRequest, ListAuditEventsRequest, UpdateUserRequest, User,
};

use crate::{
    mail::{by, unconfirmed},
    recovery::{NEW, confirm, confirmed, forgot, me, reset},
    support::{Code, Refused, Setup, smtp::MailServer},
};

on_both_edges!(
    who_registered_with_a_strangers_address_keeps_nothing_once_the_stranger_has_it,
    a_token_confirms_the_address_that_it_was_sent_to,
);

/// Covers: user.confirm, user.reset, user.api-keys.
async fn who_registered_with_a_strangers_address_keeps_nothing_once_the_stranger_has_it(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let thief = unconfirmed(&mesh.client(), "Eve").await;
    let api_key = Some(ApiKey { name: "nightly".into(), ..Default::default() });
    let key = thief.create_api_key(CreateApiKeyRequest { user_id: "me".into(), api_key }).await.unwrap().body;
    let program = mesh.client().signed_in(&key.secret);
    program.get_user(GetUserRequest { id: "me".into() }).await.unwrap();
    let token = server.take("confirm", &thief.user.email).await.token("fec_");
    confirm(&mesh, &token).await.unwrap();
    let warned = server.take("already_set_up", &thief.user.email).await;
    assert!(warned.text().contains("API key"), "{}", warned.text());
    forgot(&mesh, &thief.user.email).await;
    let token = server.take("reset", &thief.user.email).await.token("fpr_");
    reset(&mesh, &token, NEW).await.unwrap();
    let refused = program.get_user(GetUserRequest { id: "me".into() }).await.unwrap_err();
    assert_eq!(refused.code, Code::Unauthenticated);
    let staff = mesh.admin().await;
    let kinds = staff.list_audit_events(ListAuditEventsRequest {
        user_id: thief.user.id.clone(),
        kind: vec!["api_key.revoked".into()],
        ..Default::default()
    });
    let events = kinds.await.unwrap().body.audit_events;
    assert_eq!(events.iter().map(|event| &event.target).collect::<Vec<_>>(), [&key.id]);
}

/// Covers: user.confirm.
async fn a_token_confirms_the_address_that_it_was_sent_to(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let ada = confirmed(&mesh, &server).await;
    let number = ada.user.username.clone();
    let moves_to = async |email: String| {
        let user = Some(User { id: "me".into(), email, ..Default::default() });
        ada.update_user(UpdateUserRequest { user, update_mask: None }).await.unwrap();
    };
    let first = format!("strasse-{number}@home.test");
    moves_to(first.clone()).await;
    server.take("email_changed", &ada.user.email).await;
    let token = server.take("confirm", &first).await.token("fec_");
    // The same account to us, and another mailbox where its mail server says so.
    moves_to(format!("stra\u{df}e-{number}@home.test")).await;
    confirm(&mesh, &token).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    assert!(!me(&ada).await.email_verified);
}
