//! One mailbox is one account, and one password one password, however they are spelled.

use contracts::user::{
    ChangePasswordRequest, CheckUsernameRequest, CreateAddressRequest, ListUsersRequest,
    RequestPasswordResetRequest, User,
};

use super::change;
use crate::support::{
    Code, Refused, Setup,
    shop::{address, registration},
};

on_both_edges!(
    a_mailbox_in_another_spelling_is_taken_and_lets_in,
    what_hides_something_is_no_name,
    a_password_lets_in_from_every_keyboard,
);

/// Covers: user.identity, user.register, user.sign-in, user.search, user.username.
async fn a_mailbox_in_another_spelling_is_taken_and_lets_in(setup: Setup) {
    let mesh = setup.start().await;
    let mut request = registration("jo.b");
    request.email = "Jo@bücher.de".into();
    let password = request.password.clone();
    let jo = mesh.client().create_user(request).await.unwrap().body;
    assert_eq!(jo.email, "Jo@xn--bcher-kva.de");
    mesh.client().register("kim").await;
    for (place, email) in
        ["jo@xn--bcher-kva.de", "JO@bu\u{308}cher.de", "\u{212a}im@example.com", "ｋｉｍ@example.com"]
            .iter()
            .enumerate()
    {
        let mut other = registration(&format!("other{place}"));
        other.email = (*email).into();
        let refusal = mesh.client().create_user(other).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
        assert_eq!(refusal.info("field"), "email", "{email}");
    }
    let mut kelvin = registration("\u{212a}im");
    kelvin.email = "kelvin@example.com".into();
    mesh.client().create_user(kelvin).await.names("username");
    let free = mesh.client().check_username(CheckUsernameRequest { username: "KIM".into() }).await.unwrap();
    assert!(!free.available);
    for login in ["jo@bücher.de", " JO@XN--BCHER-KVA.DE", "jo@bücher。de", "Jo.B\t", "ｊｏ.ｂ"] {
        let shopper = mesh.client().sign_in_as(login, &password).await.unwrap();
        assert_eq!(shopper.user.id, jo.id, "{login}");
    }
    let staff = mesh.admin().await;
    for query in ["jo@bücher.de", "bücher", "bucher", "JO@XN--bcher-kva.de", " jo.b"] {
        let found = staff.list_users(ListUsersRequest { query: query.into(), ..Default::default() }).await;
        let found = found.unwrap().body.users;
        assert_eq!(found.iter().map(|user| &user.id).collect::<Vec<_>>(), [&jo.id], "{query}");
    }
    for email in ["jo@bücher.de", "jo@xn--bcher-kva.de"] {
        mesh.client()
            .request_password_reset(RequestPasswordResetRequest { email: email.into() })
            .await
            .unwrap();
    }
}

/// Covers: user.identity, user.register, user.change, user.addresses.
async fn what_hides_something_is_no_name(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let hidden = "A\u{200b}da";
    let mut request = registration("other");
    request.first_name = hidden.into();
    mesh.client().create_user(request).await.names("first_name");
    for email in [
        "o\u{200b}ther@example.com",
        "other@exa\u{ad}mple.com",
        "\u{202e}other@example.com",
        "o@xn--99999999.com",
    ] {
        let mut request = registration("other");
        request.email = email.into();
        mesh.client().create_user(request).await.names("email");
    }
    let renamed = User { id: "me".into(), last_name: "\u{2066}King".into(), ..Default::default() };
    change(&ada, renamed, None).await.names("user.last_name");
    for (field, mut bad) in
        [("address.recipient", address()), ("address.city", address()), ("address.lines[0]", address())]
    {
        match field {
            "address.recipient" => bad.recipient = hidden.into(),
            "address.city" => bad.city = "Lis\u{ad}boa".into(),
            _ => bad.lines[0] = "Rua \u{202e}1".into(),
        }
        let request = CreateAddressRequest { user_id: "me".into(), address: Some(bad) };
        ada.create_address(request).await.names(field);
    }
    // A name of Persian with its non-joiner is one.
    let persian = User { id: "me".into(), first_name: "محمد\u{200c}رضا".into(), ..Default::default() };
    assert_eq!(change(&ada, persian, None).await.unwrap().first_name, "محمد\u{200c}رضا");
}

/// Covers: user.identity, user.password, user.sign-in.
async fn a_password_lets_in_from_every_keyboard(setup: Setup) {
    let mesh = setup.start().await;
    let mut request = registration("ada");
    request.password = "pa\u{308}ssword\u{a0}für Ada".into();
    mesh.client().create_user(request.clone()).await.unwrap();
    for spelled in [&*request.password, "pässword für Ada", "pässword\u{3000}fu\u{308}r Ada"] {
        mesh.client().sign_in_as("ada", spelled).await.unwrap();
    }
    let other_case = mesh.client().sign_in_as("ada", "PÄSSWORD für Ada").await.unwrap_err();
    assert_eq!(other_case.reason, "UNAUTHENTICATED");
    let ada = mesh.client().sign_in_as("ada", "pässword für Ada").await.unwrap();
    let new = |new_password: &str| ChangePasswordRequest {
        id: "me".into(),
        old_password: "pa\u{308}ssword fu\u{308}r Ada".into(),
        new_password: new_password.into(),
    };
    for bad in ["zero\u{200b}width one", "o\u{308}a\u{308}o\u{308}a\u{308}u"] {
        ada.change_password(new(bad)).await.names("new_password");
    }
    ada.change_password(new("ein schönes Pferd")).await.unwrap();
    mesh.client().sign_in_as("ada", "ein scho\u{308}nes Pferd").await.unwrap();
}
