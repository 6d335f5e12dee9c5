//! The second factor: codes of an authenticator, and codes for recovery.

use contracts::user::{
    ConfirmTotpRequest, GetUserRequest, ListAuditEventsRequest, ListUsersRequest, RemoveTotpRequest, Role,
    SetRolesRequest, SignInRequest, StartTotpRequest, Tokens,
};
use totp_rs::Totp;

use crate::support::{Code, Mesh, Outcome, Refused, Setup, Shopper, shop::PASSWORD, until};

on_both_edges!(
    a_code_is_asked_for_and_works_once,
    codes_for_recovery_work_once_each_and_a_factor_is_removed_by_one,
    only_its_user_sets_it_up_and_an_administrator_removes_it,
    wrong_codes_are_throttled,
    staff_without_a_second_factor_are_not_staff_where_it_is_required,
);

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

async fn sign_in(mesh: &Mesh, login: &str, code: &str) -> Outcome<Tokens> {
    let (login, password, code) = (login.into(), PASSWORD.into(), code.into());
    mesh.client().sign_in(SignInRequest { login, password, code }).await
}

fn me() -> StartTotpRequest {
    StartTotpRequest { user_id: "me".into() }
}

/// Sets one up; its authenticator and the codes for recovery.
async fn set_up(user: &Shopper) -> (Totp, Vec<String>) {
    let started = user.start_totp(me()).await.unwrap().body;
    assert!(started.otpauth_uri.contains(&started.secret));
    let totp = Totp::from_url(&started.otpauth_uri).unwrap();
    // The step before this one counts as well, which leaves this one and the next for the test.
    let code = totp.generate(now() - 30).to_string();
    let confirmed = user.confirm_totp(ConfirmTotpRequest { user_id: "me".into(), code }).await.unwrap();
    (totp, confirmed.body.recovery_codes)
}

/// Covers: user.second-factor, user.sign-in.
async fn a_code_is_asked_for_and_works_once(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let login = ada.user.username.clone();
    let unconfirmed = ada.start_totp(me()).await.unwrap().body;
    sign_in(&mesh, &login, "").await.expect("it does not count before a code was right");
    let me_now = || ada.get_user(GetUserRequest { id: "me".into() });
    assert!(!me_now().await.unwrap().second_factor);
    let other = mesh.client().sign_in_as(&login, PASSWORD).await.unwrap();
    let (totp, codes) = set_up(&ada).await;
    assert!(me_now().await.expect("who set it up stays signed in").second_factor);
    let who = GetUserRequest { id: "me".into() };
    until("whoever was in by the password alone is out", || async {
        other.get_user(who.clone()).await.err()
    })
    .await;
    assert!(!totp.to_url().unwrap().contains(&unconfirmed.secret), "another one");
    assert_eq!(codes.len(), 10);
    sign_in(&mesh, &login, "").await.refused(Code::Unauthenticated, "CODE_REQUIRED");
    sign_in(&mesh, &login, "000000x").await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let wrong = mesh.client().sign_in_as(&login, "wrong password").await.unwrap_err();
    assert_eq!(wrong.reason, "UNAUTHENTICATED", "who has not the password does not learn of it");
    let code = totp.generate(now()).to_string();
    sign_in(&mesh, &login, &code).await.unwrap();
    sign_in(&mesh, &login, &code).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    sign_in(&mesh, &login, &totp.generate(now() + 30).to_string()).await.unwrap();
    ada.start_totp(me()).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
}

/// Covers: user.second-factor.
async fn codes_for_recovery_work_once_each_and_a_factor_is_removed_by_one(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let login = ada.user.username.clone();
    let (_, codes) = set_up(&ada).await;
    sign_in(&mesh, &login, &codes[0].to_uppercase()).await.unwrap();
    sign_in(&mesh, &login, &codes[0]).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let remove = |code: &str| ada.remove_totp(RemoveTotpRequest { user_id: "me".into(), code: code.into() });
    remove("").await.names("code");
    remove("123").await.names("code");
    remove(&codes[1]).await.unwrap();
    sign_in(&mesh, &login, "").await.unwrap();
    remove(&codes[2]).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let admin = mesh.admin().await;
    let request = ListAuditEventsRequest { user_id: ada.user.id.clone(), ..Default::default() };
    let events = admin.list_audit_events(request).await.unwrap().body.audit_events;
    for kind in ["second_factor.added", "recovery_code.used", "second_factor.removed"] {
        assert!(events.iter().any(|event| event.kind == kind), "{kind}: {events:?}");
    }
}

/// Covers: user.second-factor, access.
async fn only_its_user_sets_it_up_and_an_administrator_removes_it(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada, eve) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let hers = || StartTotpRequest { user_id: ada.user.id.clone() };
    eve.start_totp(hers()).await.missing();
    admin.start_totp(hers()).await.missing();
    mesh.client().start_totp(hers()).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    set_up(&ada).await;
    let remove = || RemoveTotpRequest { user_id: ada.user.id.clone(), ..Default::default() };
    eve.remove_totp(RemoveTotpRequest { code: "123456".into(), ..remove() }).await.missing();
    admin.remove_totp(remove()).await.unwrap();
    sign_in(&mesh, &ada.user.username, "").await.unwrap();
}

/// Covers: user.second-factor, user.throttle.
async fn wrong_codes_are_throttled(setup: Setup) {
    let mesh = setup.env("FEIRA_SIGN_IN_ATTEMPTS", "3").start().await;
    let ada = mesh.shopper().await;
    let (totp, _) = set_up(&ada).await;
    for _ in 0..3 {
        sign_in(&mesh, &ada.user.username, "wrong").await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    }
    let code = totp.generate(now()).to_string();
    sign_in(&mesh, &ada.user.username, &code).await.refused(Code::ResourceExhausted, "RATE_LIMITED");
}

/// Covers: user.second-factor, access.
async fn staff_without_a_second_factor_are_not_staff_where_it_is_required(setup: Setup) {
    let mesh = setup.env("FEIRA_REQUIRE_SECOND_FACTOR", "staff").start().await;
    let admin = mesh.admin().await;
    admin.list_users(ListUsersRequest::default()).await.denied();
    let started = admin.start_totp(me()).await.unwrap().body;
    let totp = Totp::from_url(&started.otpauth_uri).unwrap();
    let code = totp.generate(now() - 30).to_string();
    admin.confirm_totp(ConfirmTotpRequest { user_id: "me".into(), code }).await.unwrap();
    let request = SignInRequest {
        login: "admin".into(),
        password: crate::support::mesh::ADMIN_PASSWORD.into(),
        code: totp.generate(now()).to_string(),
    };
    let tokens = mesh.client().sign_in(request).await.unwrap().body;
    assert!(tokens.permissions.contains(&"staff".to_owned()), "{:?}", tokens.permissions);
    let admin = mesh.client().signed_in(&tokens.access_token);
    admin.list_users(ListUsersRequest::default()).await.unwrap();
    let ada = mesh.shopper().await;
    let roles = vec![Role::Customer.into(), Role::Staff.into()];
    admin.set_roles(SetRolesRequest { id: ada.user.id.clone(), roles, role_ids: vec![] }).await.unwrap();
    let ada = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.expect("she can set one up");
    assert_eq!(
        (ada.tokens.permissions.len(), ada.user.roles.len()),
        (0, 2),
        "she is staff, and may do nothing as such"
    );
    ada.list_users(ListUsersRequest::default()).await.denied();
}
