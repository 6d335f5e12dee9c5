//! Mails to users: confirming an e-mail, setting a forgotten password, and what is told of changes.

use contracts::user::{
    ApiKey, ChangePasswordRequest, ConfirmEmailRequest, ConfirmTotpRequest, CreateApiKeyRequest,
    DeleteUserRequest, GetUserRequest, RequestEmailConfirmationRequest, RequestPasswordResetRequest,
    ResetPasswordRequest, SignInRequest, StartTotpRequest, UpdateUserRequest, User,
};
use totp_rs::Totp;

use crate::{
    mail::{by, unconfirmed},
    support::{
        Client, Code, Mesh, Outcome, Refused, Setup, Shopper, eur, shop::PASSWORD, smtp::MailServer, until,
    },
};

on_both_edges!(
    an_address_is_confirmed_once_and_hears_nothing_else_before,
    a_forgotten_password_is_set_by_a_token_that_works_once,
    nobody_learns_by_a_reset_whose_address_is_known,
    the_old_address_hears_of_the_new_one,
    mails_to_one_address_are_limited,
    who_signed_in_long_ago_signs_in_again_first,
    who_has_an_account_hears_of_another_key_and_another_username,
    a_forgotten_password_is_no_way_around_the_second_factor,
);

pub(crate) const NEW: &str = "long enough 2";

pub(crate) async fn me(client: &Client) -> User {
    client.get_user(GetUserRequest { id: "me".into() }).await.expect("the caller").body
}

pub(crate) async fn confirm(mesh: &Mesh, token: &str) -> Outcome<()> {
    mesh.client().confirm_email(ConfirmEmailRequest { token: token.into() }).await
}

pub(crate) async fn reset(mesh: &Mesh, token: &str, new_password: &str) -> Outcome<()> {
    let (token, new_password) = (token.into(), new_password.into());
    mesh.client().reset_password(ResetPasswordRequest { token, new_password }).await
}

pub(crate) async fn forgot(mesh: &Mesh, email: &str) {
    let request = RequestPasswordResetRequest { email: email.into() };
    mesh.client().request_password_reset(request).await.expect("the same answer for every address");
}

pub(crate) async fn confirmed(mesh: &Mesh, server: &MailServer) -> Shopper {
    let ada = unconfirmed(&mesh.client(), "Ada").await;
    let token = server.take("confirm", &ada.user.email).await.token("fec_");
    confirm(mesh, &token).await.unwrap();
    ada
}

async fn move_to(client: &Client, id: &str, email: &str) -> Outcome<User> {
    let user = Some(User { id: id.into(), email: email.into(), ..Default::default() });
    client.update_user(UpdateUserRequest { user, update_mask: None }).await
}

/// Covers: user.reset, user.second-factor.
async fn a_forgotten_password_is_no_way_around_the_second_factor(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let ada = confirmed(&mesh, &server).await;
    let started = ada.start_totp(StartTotpRequest { user_id: "me".into() }).await.unwrap().body;
    let totp = Totp::from_url(&started.otpauth_uri).unwrap();
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let code = totp.generate(seconds - 30).to_string();
    ada.confirm_totp(ConfirmTotpRequest { user_id: "me".into(), code }).await.unwrap();
    server.take("second_factor_added", &ada.user.email).await;
    let anybody = mesh.client();
    let sign_in = |password: &str, code: &str| {
        let (login, password, code) = (ada.user.username.clone(), password.into(), code.into());
        anybody.sign_in(SignInRequest { login, password, code })
    };
    for _ in 0..9 {
        sign_in(PASSWORD, "000000x").await.unwrap_err();
    }
    forgot(&mesh, &ada.user.email).await;
    let token = server.take("reset", &ada.user.email).await.token("fpr_");
    reset(&mesh, &token, NEW).await.unwrap();
    sign_in(NEW, "").await.refused(Code::Unauthenticated, "CODE_REQUIRED");
    // Nor does it give more codes to try.
    sign_in(NEW, "000000x").await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    sign_in(NEW, "000000x").await.refused(Code::ResourceExhausted, "RATE_LIMITED");
}

/// Covers: user.api-keys, user.change.
async fn who_has_an_account_hears_of_another_key_and_another_username(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let ada = confirmed(&mesh, &server).await;
    let api_key = Some(ApiKey { name: "nightly".into(), ..Default::default() });
    ada.create_api_key(CreateApiKeyRequest { user_id: "me".into(), api_key }).await.unwrap();
    server.take("key_added", &ada.user.email).await;
    let username = format!("{}2", ada.user.username);
    let user = Some(User { id: "me".into(), username, ..Default::default() });
    ada.update_user(UpdateUserRequest { user, update_mask: None }).await.unwrap();
    server.take("username_changed", &ada.user.email).await;
}

/// Covers: user.confirm, order.mail.
async fn an_address_is_confirmed_once_and_hears_nothing_else_before(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let staff = mesh.admin().await;
    assert!(me(&staff).await.email_verified, "the first administrator's counts");
    let article = staff.stocked(eur(500), 9).await;
    let eve = unconfirmed(&mesh.client(), "Eve").await;
    eve.order(&article.id, 1, "sim_approve").await.unwrap();
    server.take("confirm", &eve.user.email).await;
    let ada = unconfirmed(&mesh.client(), "https://evil.test").await;
    assert!(!ada.user.email_verified);
    let mail = server.take("confirm", &ada.user.email).await;
    let token = mail.token("fec_");
    let raw = String::from_utf8(mail.raw.clone()).unwrap();
    assert!(!raw.contains("evil") && !raw.contains(&ada.user.username.to_uppercase()), "{raw}");
    for wrong in ["", "x", "fec_AAAA", &token[..token.len() - 1], &token.replace("fec_", "fpr_")] {
        let refused = confirm(&mesh, wrong).await.unwrap_err();
        let expected = if wrong.is_empty() { "VALIDATION" } else { "TOKEN_EXPIRED" };
        assert_eq!((refused.code, refused.reason.as_str()), (Code::InvalidArgument, expected), "{wrong}");
    }
    confirm(&mesh, &token).await.unwrap();
    assert!(me(&ada).await.email_verified);
    confirm(&mesh, &token).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    // Nothing is left to confirm.
    ada.request_email_confirmation(RequestEmailConfirmationRequest { id: "me".into() }).await.unwrap();
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    let mails = server.until(1).await;
    assert!(mails[0].text().contains(&order.number), "not that of Eve's order, which was first");
    assert_eq!(mails.len(), 1);
    ada.request_email_confirmation(RequestEmailConfirmationRequest { id: eve.user.id }).await.missing();
}

/// Covers: user.reset.
async fn a_forgotten_password_is_set_by_a_token_that_works_once(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let ada = confirmed(&mesh, &server).await;
    forgot(&mesh, &ada.user.email.to_uppercase()).await;
    forgot(&mesh, &ada.user.email).await;
    let mail = server.take("reset", &ada.user.email).await;
    let token = mail.token("fpr_");
    let other = server.take("reset", &ada.user.email).await.token("fpr_");
    assert_ne!(token, other);
    reset(&mesh, &token, "short").await.names("new_password");
    confirm(&mesh, &token).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    reset(&mesh, &token, NEW).await.unwrap();
    for used in [&token, &other] {
        reset(&mesh, used, NEW).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    }
    until("her sessions have ended", || async {
        ada.get_user(GetUserRequest { id: "me".into() }).await.err().map(|_| ())
    })
    .await;
    mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap_err();
    mesh.client().sign_in_as(&ada.user.username, NEW).await.unwrap();
    let told = server.take("password_changed", &ada.user.email).await;
    assert!(!told.text().contains("fpr_") && !told.text().contains(NEW), "{}", told.text());
}

/// Covers: user.reset, user.confirm.
async fn nobody_learns_by_a_reset_whose_address_is_known(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let eve = unconfirmed(&mesh.client(), "Eve").await;
    server.take("confirm", &eve.user.email).await;
    let ada = confirmed(&mesh, &server).await;
    forgot(&mesh, "nobody@home.test").await;
    forgot(&mesh, &eve.user.email).await;
    forgot(&mesh, &ada.user.email).await;
    server.take("reset", &ada.user.email).await;
    // Who has not confirmed is asked to again: then the account is whoever's who reads its mails.
    server.take("confirm", &eve.user.email).await;
    assert!(server.received().is_empty(), "none to nobody, and no more");
}

/// Covers: user.confirm, user.change.
async fn the_old_address_hears_of_the_new_one(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let ada = confirmed(&mesh, &server).await;
    let new = format!("new-{}", ada.user.email);
    forgot(&mesh, &ada.user.email).await;
    let of_old = server.take("reset", &ada.user.email).await.token("fpr_");
    let moved = move_to(&ada, &ada.user.id, &new).await.unwrap().body;
    assert!(!moved.email_verified);
    let told = server.take("email_changed", &ada.user.email).await;
    assert!(!told.text().contains(&new), "{}", told.text());
    reset(&mesh, &of_old, NEW).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    let token = server.take("confirm", &new).await.token("fec_");
    let newer = format!("newer-{}", ada.user.email);
    move_to(&ada, &ada.user.id, &newer).await.unwrap();
    confirm(&mesh, &token).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    confirm(&mesh, &server.take("confirm", &newer).await.token("fec_")).await.unwrap();
    ada.change_password(ChangePasswordRequest {
        id: "me".into(),
        old_password: PASSWORD.into(),
        new_password: NEW.into(),
    })
    .await
    .unwrap();
    server.take("password_changed", &newer).await;
    assert!(server.received().is_empty());
}

/// Covers: user.confirm, user.reset.
async fn mails_to_one_address_are_limited(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let eve = unconfirmed(&mesh.client(), "Eve").await;
    for _ in 0..4 {
        eve.request_email_confirmation(RequestEmailConfirmationRequest { id: "me".into() }).await.unwrap();
    }
    let refusal = eve
        .request_email_confirmation(RequestEmailConfirmationRequest { id: "me".into() })
        .await
        .refused(Code::ResourceExhausted, "RATE_LIMITED");
    assert!(refusal.retry);
    for _ in 0..5 {
        server.take("confirm", &eve.user.email).await;
    }
    let ada = confirmed(&mesh, &server).await;
    for _ in 0..20 {
        forgot(&mesh, &ada.user.email).await;
    }
    for _ in 0..3 {
        server.take("reset", &ada.user.email).await;
    }
    for _ in 0..10 {
        forgot(&mesh, "nobody@home.test").await;
    }
    let request = RequestPasswordResetRequest { email: "nobody@home.test".into() };
    mesh.client().request_password_reset(request).await.refused(Code::ResourceExhausted, "RATE_LIMITED");
    assert!(server.received().is_empty());
}

/// Covers: user.reauthentication.
async fn who_signed_in_long_ago_signs_in_again_first(setup: Setup) {
    let mesh = setup.env("FEIRA_REAUTHENTICATION_WINDOW", "1ms").start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let id = ada.user.id.clone();
    move_to(&ada, &id, &format!("x{}", ada.user.email))
        .await
        .refused(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    // The same e-mail is no other one.
    move_to(&ada, &id, &ada.user.email).await.unwrap();
    let erase = || DeleteUserRequest { id: "me".into(), ..Default::default() };
    ada.delete_user(erase()).await.refused(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    let key = || ApiKey { name: "prices".into(), ..Default::default() };
    let add = |user_id: &str| CreateApiKeyRequest { user_id: user_id.into(), api_key: Some(key()) };
    ada.create_api_key(add("me")).await.refused(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    // What changes nothing of that, an administrator, and who gives the old password, need not.
    let user = Some(User { id: id.clone(), first_name: "Bea".into(), ..Default::default() });
    ada.update_user(UpdateUserRequest { user, update_mask: None }).await.unwrap();
    move_to(&admin, &id, &format!("y{}", ada.user.email)).await.unwrap();
    // A key lets in whoever has it, for as long as it counts.
    admin.create_api_key(add(&id)).await.refused(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    ada.change_password(ChangePasswordRequest {
        id: "me".into(),
        old_password: PASSWORD.into(),
        new_password: NEW.into(),
    })
    .await
    .unwrap();
}
