//! Passkeys: by an authenticator in software, which does wrong whatever can be done wrong.

use contracts::user::{
    ConfirmPasskeyRequest, CreateApiKeyRequest, DeletePasskeyRequest, DisableUserRequest,
    ListPasskeysRequest, ListUsersRequest, Passkey, SignInWithPasskeyRequest, StartPasskeyRequest,
    StartPasskeySignInRequest, StartPasskeySignInResponse, Tokens,
};

use crate::support::{
    Client, Code, Mesh, Outcome, Refused, Setup, authenticator::Authenticator, mesh::ADMIN_PASSWORD,
};

on_both_edges!(
    a_passkey_signs_in_without_a_password,
    what_is_forged_or_made_elsewhere_is_refused,
    a_passkey_that_was_not_made_here_is_not_added,
    an_answer_works_once,
    who_is_disabled_or_has_removed_the_passkey_stays_out,
    passkeys_are_their_users_own,
    failed_passkeys_are_throttled_as_passwords_are,
    a_passkey_makes_staff_where_two_factors_are_required,
    without_a_name_that_browsers_take_there_are_none,
    on_this_machine_they_belong_to_localhost,
);

/// Where the shop is reached.
pub const ORIGIN: &str = "https://shop.example";

async fn started(setup: Setup) -> Mesh {
    setup.env("FEIRA_PUBLIC_URL", &format!("{ORIGIN}/api")).start().await
}

/// What an authenticator makes for a user, ready to be sent.
pub async fn made(user: &Client, key: &mut Authenticator) -> ConfirmPasskeyRequest {
    let asked = user.start_passkey(StartPasskeyRequest { user_id: "me".into() }).await.unwrap().body;
    ConfirmPasskeyRequest {
        user_id: "me".into(),
        name: "my phone".into(),
        credential: key.create(&asked.options),
        challenge_token: asked.challenge_token,
    }
}

/// A new passkey of a user.
pub async fn passkey(user: &Client) -> (Authenticator, Passkey) {
    let mut key = Authenticator::p256(ORIGIN);
    let made = made(user, &mut key).await;
    let passkey = user.confirm_passkey(made).await.unwrap().body;
    (key, passkey)
}

pub async fn ask(client: &Client) -> StartPasskeySignInResponse {
    client.start_passkey_sign_in(StartPasskeySignInRequest {}).await.unwrap().body
}

/// An authenticator's answer.
pub fn answer(asked: &StartPasskeySignInResponse, key: &mut Authenticator) -> SignInWithPasskeyRequest {
    let challenge_token = asked.challenge_token.clone();
    SignInWithPasskeyRequest { challenge_token, credential: key.get(&asked.options) }
}

async fn sign_in(mesh: &Mesh, key: &mut Authenticator) -> Outcome<Tokens> {
    let client = mesh.client();
    let asked = ask(&client).await;
    client.sign_in_with_passkey(answer(&asked, key)).await
}

async fn listed(user: &Client) -> Vec<Passkey> {
    let request = ListPasskeysRequest { user_id: "me".into(), ..Default::default() };
    user.list_passkeys(request).await.unwrap().body.passkeys
}

/// Covers: user.passkeys, user.sign-in.
async fn a_passkey_signs_in_without_a_password(setup: Setup) {
    let mesh = started(setup).await;
    let ada = mesh.shopper().await;
    let (mut key, made) = passkey(&ada).await;
    assert_eq!((made.name.as_str(), &made.user_id, made.backed_up), ("my phone", &ada.user.id, false));
    assert!(made.id.starts_with("psk_") && made.last_used_time.is_none());
    let tokens = sign_in(&mesh, &mut key).await.unwrap().body;
    assert_eq!(tokens.user.as_ref().unwrap().id, ada.user.id);
    let again = mesh.client().signed_in(&tokens.access_token);
    let keys = listed(&again).await;
    assert_eq!((keys.len(), &keys[0].id), (1, &made.id));
    assert!(keys[0].last_used_time.is_some());
    let mut other = Authenticator::ed25519(ORIGIN);
    other.backed_up = true;
    let request = self::made(&again, &mut other).await;
    assert!(again.confirm_passkey(request).await.unwrap().backed_up);
    sign_in(&mesh, &mut other).await.unwrap();
}

/// Covers: user.passkeys.
async fn what_is_forged_or_made_elsewhere_is_refused(setup: Setup) {
    let mesh = started(setup.env("FEIRA_SIGN_IN_ATTEMPTS", "0")).await;
    let (ada, eve) = (mesh.shopper().await, mesh.shopper().await);
    let (mut hers, _) = passkey(&ada).await;
    let (mut key, _) = passkey(&eve).await;
    let refused = |outcome: Outcome<Tokens>| outcome.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    for origin in [
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://www.shop.example",
        "null",
    ] {
        hers.origin = origin.to_owned();
        refused(sign_in(&mesh, &mut hers).await);
    }
    hers.origin = ORIGIN.to_owned();
    hers.rp_id = Some("evil.example".to_owned());
    refused(sign_in(&mesh, &mut hers).await);
    hers.rp_id = None;
    hers.verifies = false;
    refused(sign_in(&mesh, &mut hers).await);
    hers.verifies = true;
    // Hers by name, by the other's key; and the other way round.
    let own = std::mem::replace(&mut key.credential_id, hers.credential_id.clone());
    refused(sign_in(&mesh, &mut key).await);
    let other = std::mem::replace(&mut key.user_handle, hers.user_handle.clone());
    refused(sign_in(&mesh, &mut key).await);
    key.credential_id = own;
    refused(sign_in(&mesh, &mut key).await);
    key.user_handle = other;
    refused(
        sign_in(&mesh, &mut Authenticator { user_handle: vec![7; 16], ..Authenticator::p256(ORIGIN) }).await,
    );
    let client = mesh.client();
    let asked = ask(&client).await;
    for bad in ["{}", "[]", "x", "{\"id\":1}"] {
        let challenge_token = asked.challenge_token.clone();
        let request = SignInWithPasskeyRequest { challenge_token, credential: bad.into() };
        client.sign_in_with_passkey(request).await.names("credential");
    }
    let long = SignInWithPasskeyRequest { credential: "x".repeat(16_385), ..answer(&asked, &mut hers) };
    client.sign_in_with_passkey(long).await.names("credential");
    let forged = SignInWithPasskeyRequest { challenge_token: "AAAA".into(), ..answer(&asked, &mut hers) };
    client.sign_in_with_passkey(forged).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    client.sign_in_with_passkey(answer(&asked, &mut hers)).await.expect("the right one, after all that");
    sign_in(&mesh, &mut key).await.unwrap();
}

/// Covers: user.passkeys.
async fn a_passkey_that_was_not_made_here_is_not_added(setup: Setup) {
    let mesh = started(setup).await;
    let (ada, eve) = (mesh.shopper().await, mesh.shopper().await);
    for wrong in [
        Authenticator { verifies: false, ..Authenticator::p256(ORIGIN) },
        Authenticator { rp_id: Some("evil.example".into()), ..Authenticator::p256(ORIGIN) },
        Authenticator::p256("https://evil.example"),
    ] {
        let mut wrong = wrong;
        let request = made(&ada, &mut wrong).await;
        ada.confirm_passkey(request).await.names("credential");
    }
    let mut key = Authenticator::p256(ORIGIN);
    let request = made(&ada, &mut key).await;
    let named = |name: &str| ConfirmPasskeyRequest { name: name.into(), ..request.clone() };
    ada.confirm_passkey(named("")).await.names("name");
    ada.confirm_passkey(named(&"x".repeat(101))).await.names("name");
    let other = ConfirmPasskeyRequest { credential: key.get(&ask(&ada).await.options), ..request.clone() };
    ada.confirm_passkey(other).await.names("credential");
    eve.confirm_passkey(request.clone()).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    let sign_in =
        ConfirmPasskeyRequest { challenge_token: ask(&ada).await.challenge_token, ..request.clone() };
    ada.confirm_passkey(sign_in).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    assert_eq!(listed(&ada).await, []);
    ada.confirm_passkey(request.clone()).await.unwrap();
    ada.confirm_passkey(request).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    // The same key once more, and for somebody else.
    for user in [&ada, &eve] {
        let request = made(user, &mut key).await;
        user.confirm_passkey(request).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
    }
}

/// Covers: user.passkeys.
async fn an_answer_works_once(setup: Setup) {
    let mesh = started(setup).await;
    let (mut key, _) = passkey(&mesh.shopper().await.client).await;
    let client = mesh.client();
    let asked = ask(&client).await;
    let request = answer(&asked, &mut key);
    client.sign_in_with_passkey(request.clone()).await.unwrap();
    client.sign_in_with_passkey(request).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    let again = answer(&asked, &mut key);
    client.sign_in_with_passkey(again).await.refused(Code::InvalidArgument, "TOKEN_EXPIRED");
    sign_in(&mesh, &mut key).await.unwrap();
}

/// Covers: user.passkeys.
async fn who_is_disabled_or_has_removed_the_passkey_stays_out(setup: Setup) {
    let mesh = started(setup).await;
    let (admin, ada, eve) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let (mut key, made) = passkey(&ada).await;
    let (mut hers, _) = passkey(&eve).await;
    let remove = || DeletePasskeyRequest { user_id: "me".into(), id: made.id.clone() };
    ada.delete_passkey(remove()).await.unwrap();
    ada.delete_passkey(remove()).await.missing();
    sign_in(&mesh, &mut key).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    admin.disable_user(DisableUserRequest { id: eve.user.id.clone() }).await.unwrap();
    sign_in(&mesh, &mut hers).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
}

/// Covers: user.passkeys, access.
async fn passkeys_are_their_users_own(setup: Setup) {
    let mesh = started(setup).await;
    let (admin, ada, eve) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let (_, made) = passkey(&ada).await;
    let hers = || StartPasskeyRequest { user_id: ada.user.id.clone() };
    eve.start_passkey(hers()).await.missing();
    admin.start_passkey(hers()).await.missing();
    mesh.client().start_passkey(hers()).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let list = || ListPasskeysRequest { user_id: ada.user.id.clone(), ..Default::default() };
    eve.list_passkeys(list()).await.missing();
    let remove = |user_id: &str| DeletePasskeyRequest { user_id: user_id.into(), id: made.id.clone() };
    eve.delete_passkey(remove(&ada.user.id)).await.missing();
    eve.delete_passkey(remove("me")).await.missing();
    let request = CreateApiKeyRequest { user_id: "me".into(), api_key: Some(Default::default()) };
    let mut request = request;
    request.api_key.as_mut().unwrap().name = "a program".into();
    let secret = ada.create_api_key(request).await.unwrap().body.secret;
    let program = mesh.client().signed_in(&secret);
    program.start_passkey(StartPasskeyRequest { user_id: "me".into() }).await.denied();
    program.list_passkeys(ListPasskeysRequest { user_id: "me".into(), ..Default::default() }).await.denied();
    program.delete_passkey(remove("me")).await.denied();
    assert_eq!(admin.list_passkeys(list()).await.unwrap().passkeys.len(), 1);
    admin.delete_passkey(remove(&ada.user.id)).await.unwrap();
    assert_eq!(listed(&ada).await, []);
}

/// Covers: user.passkeys, user.throttle.
async fn failed_passkeys_are_throttled_as_passwords_are(setup: Setup) {
    let mesh = started(setup.env("FEIRA_SIGN_IN_ATTEMPTS", "3")).await;
    let (ada, eve) = (mesh.shopper().await, mesh.shopper().await);
    let (mut key, _) = passkey(&ada).await;
    let (mut hers, _) = passkey(&eve).await;
    key.verifies = false;
    for _ in 0..3 {
        sign_in(&mesh, &mut key).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    }
    key.verifies = true;
    sign_in(&mesh, &mut key).await.refused(Code::ResourceExhausted, "RATE_LIMITED");
    let password = mesh.client().sign_in_as(&ada.user.username, crate::support::shop::PASSWORD).await;
    assert_eq!(password.unwrap_err().reason, "RATE_LIMITED", "they count together");
    sign_in(&mesh, &mut hers).await.unwrap();
}

/// Covers: user.passkeys, user.second-factor.
async fn a_passkey_makes_staff_where_two_factors_are_required(setup: Setup) {
    let mesh = started(setup.env("FEIRA_REQUIRE_SECOND_FACTOR", "staff")).await;
    let admin = mesh.admin().await;
    admin.list_users(ListUsersRequest::default()).await.denied();
    let (mut key, made) = passkey(&admin).await;
    let tokens = sign_in(&mesh, &mut key).await.unwrap().body;
    assert!(tokens.permissions.contains(&"staff".to_owned()), "{:?}", tokens.permissions);
    let strong = mesh.client().signed_in(&tokens.access_token);
    strong.list_users(ListUsersRequest::default()).await.unwrap();
    // Who has the password alone makes no other factor, and removes none.
    let bare = mesh.client().sign_in_as("admin", ADMIN_PASSWORD).await.unwrap();
    bare.list_users(ListUsersRequest::default()).await.denied();
    let start = StartPasskeyRequest { user_id: "me".into() };
    bare.start_passkey(start.clone()).await.refused(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    let remove = DeletePasskeyRequest { user_id: "me".into(), id: made.id };
    bare.delete_passkey(remove).await.refused(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    strong.start_passkey(start).await.unwrap();
}

/// Covers: user.passkeys.
async fn without_a_name_that_browsers_take_there_are_none(setup: Setup) {
    let mesh = setup.env("FEIRA_PUBLIC_URL", "http://shop.example").start().await;
    let ada = mesh.shopper().await;
    let off = ada.start_passkey(StartPasskeyRequest { user_id: "me".into() }).await;
    let off = off.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(off.infos[0]["state"], "PASSKEYS_OFF");
    let off = mesh.client().start_passkey_sign_in(StartPasskeySignInRequest {}).await;
    off.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let request = SignInWithPasskeyRequest { challenge_token: "x".into(), credential: "{}".into() };
    let off = mesh.client().sign_in_with_passkey(request).await;
    off.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(listed(&ada).await, []);
}

/// Covers: user.passkeys.
async fn on_this_machine_they_belong_to_localhost(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let (_, port) = mesh.http().base().rsplit_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let mut key = Authenticator::p256(&format!("http://localhost:{}", port.trim_end_matches('/')));
    let request = made(&ada, &mut key).await;
    ada.confirm_passkey(request).await.unwrap();
    let tokens = sign_in(&mesh, &mut key).await.unwrap().body;
    assert_eq!(tokens.user.unwrap().id, ada.user.id);
}
