//! How often signing in, registering and asking may fail, and which passwords are refused.

use contracts::user::{
    ChangePasswordRequest, CheckUsernameRequest, CreateUserRequest, SignInRequest, UpdateUserRequest, User,
};

use crate::support::{
    Code, Edge, Mesh, Refusal, Refused, Setup,
    mesh::ADMIN_PASSWORD,
    shop::{PASSWORD, registration},
};

each!(behind_a_proxy: Setup::default().over(Edge::Rest).env("FEIRA_TRUSTED_PROXIES", "127.0.0.0/8");
    a_known_network_of_ipv6_gets_in_by_another_of_its_addresses);
on_both_edges!(
    one_password_on_many_accounts_meets_a_limit_and_a_known_source_gets_in,
    an_account_is_one_by_whichever_name_it_is_called,
    somebody_with_a_session_signs_in_whatever_others_do,
    passwords_that_are_tried_first_are_refused,
    registrations_and_checks_of_one_source_are_limited,
    other_emails_are_limited,
);

async fn wrong(mesh: &Mesh, login: &str) -> Refusal {
    mesh.client().sign_in_as(login, "wrong password").await.unwrap_err()
}

/// Covers: user.throttle.
async fn one_password_on_many_accounts_meets_a_limit_and_a_known_source_gets_in(setup: Setup) {
    let setup = setup.env("FEIRA_SIGN_IN_ATTEMPTS_PER_SOURCE", "20");
    let mesh = setup.start().await;
    // Has had a session from here; the other has not.
    let ada = mesh.shopper().await;
    mesh.client().create_user(registration("bob")).await.unwrap();
    for number in 0..20 {
        assert_eq!(wrong(&mesh, &format!("nobody-{number}")).await.reason, "UNAUTHENTICATED");
    }
    let refusal = wrong(&mesh, "nobody-20").await;
    assert_eq!((refusal.reason.as_str(), refusal.retry), ("RATE_LIMITED", true));
    let refusal = mesh.client().sign_in_as("bob", PASSWORD).await.unwrap_err();
    assert_eq!(refusal.reason, "RATE_LIMITED", "its right password is not told from a wrong one");
    mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap();
}

/// Covers: user.throttle.
async fn an_account_is_one_by_whichever_name_it_is_called(setup: Setup) {
    let mesh = setup.env("FEIRA_SIGN_IN_ATTEMPTS", "4").start().await;
    let ada = mesh.shopper().await;
    let names = [&ada.user.username, &ada.user.email, &ada.user.username.to_uppercase(), &ada.user.email];
    for name in names {
        assert_eq!(wrong(&mesh, name).await.reason, "UNAUTHENTICATED");
    }
    for name in [&ada.user.username, &ada.user.email] {
        assert_eq!(wrong(&mesh, name).await.reason, "RATE_LIMITED");
    }
}

/// Covers: user.throttle.
async fn somebody_with_a_session_signs_in_whatever_others_do(setup: Setup) {
    let mesh = setup.env("FEIRA_SIGN_IN_ATTEMPTS", "3").start().await;
    let admin = mesh.admin().await;
    for _ in 0..3 {
        wrong(&mesh, "admin").await;
    }
    assert_eq!(wrong(&mesh, "admin").await.reason, "RATE_LIMITED");
    let request =
        SignInRequest { login: "admin".into(), password: ADMIN_PASSWORD.into(), ..Default::default() };
    admin.sign_in(request).await.expect("by the session that is there");
}

/// Covers: user.password.
async fn passwords_that_are_tried_first_are_refused(setup: Setup) {
    let mesh = setup.env("FEIRA_SHOP_NAME", "Loja da Ines").start().await;
    let ada = mesh.shopper().await;
    let with =
        |password: &str| CreateUserRequest { password: password.into(), ..registration("maria.silva") };
    for bad in
        ["password", "Iloveyou1", "maria.silva", "MARIA.SILVA2024", "maria.silva@example.com", "lojadaines!"]
    {
        let bad = if bad == "lojadaines!" { "Loja da Ines!" } else { bad };
        let refusal = mesh.client().create_user(with(bad)).await.unwrap_err();
        assert_eq!(
            (refusal.code, refusal.reason.as_str()),
            (Code::InvalidArgument, "PASSWORD_TOO_COMMON"),
            "{bad}"
        );
        assert_eq!(refusal.fields, ["password"]);
    }
    mesh.client().create_user(with("maria likes old cheese")).await.unwrap();
    let change = ChangePasswordRequest {
        id: "me".into(),
        old_password: PASSWORD.into(),
        new_password: "qwertyuiop".into(),
    };
    ada.change_password(change).await.refused(Code::InvalidArgument, "PASSWORD_TOO_COMMON");
}

/// Covers: user.register, user.username.
async fn registrations_and_checks_of_one_source_are_limited(setup: Setup) {
    let setup = setup.env("FEIRA_REGISTRATIONS_PER_HOUR", "3").env("FEIRA_USERNAME_CHECKS_PER_SECOND", "1");
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    for number in 0..3 {
        // Who finds out whether names are taken is counted as well.
        let taken = if number == 0 { "admin".to_owned() } else { format!("new-{number}") };
        let _ = mesh.client().create_user(registration(&taken)).await;
    }
    mesh.client().create_user(registration("late")).await.refused(Code::ResourceExhausted, "RATE_LIMITED");
    admin.create_user(registration("by-staff")).await.expect("staff make as many as they need");
    let check = || CheckUsernameRequest { username: "ada".into() };
    let mut refused = None;
    for _ in 0..30 {
        if let Err(refusal) = mesh.client().check_username(check()).await {
            refused = Some(refusal);
        }
    }
    assert_eq!(refused.expect("too many at once").reason, "RATE_LIMITED");
}

/// Covers: user.change.
async fn other_emails_are_limited(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let change = |email: String| {
        let user = Some(User { id: "me".into(), email, ..Default::default() });
        ada.update_user(UpdateUserRequest { user, update_mask: None })
    };
    for _ in 0..10 {
        // Taken: whether an address is known is told ten times a day, and no more.
        change("admin@localhost.invalid".into()).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
    }
    change("free@example.com".into()).await.refused(Code::ResourceExhausted, "RATE_LIMITED");
}

/// Covers: user.throttle, mesh.client.
async fn a_known_network_of_ipv6_gets_in_by_another_of_its_addresses(setup: Setup) {
    let mesh = setup.env("FEIRA_SIGN_IN_ATTEMPTS_PER_SOURCE", "5").start().await;
    let sign_in = |address: &str, login: &str, password: &str| {
        let client = mesh.client().with("x-forwarded-for", address);
        let (login, password) = (login.to_owned(), password.to_owned());
        async move { client.sign_in(SignInRequest { login, password, ..Default::default() }).await }
    };
    for name in ["ada", "bob"] {
        mesh.client().create_user(registration(name)).await.unwrap();
    }
    sign_in("2001:db8::1", "ada", PASSWORD).await.unwrap();
    for number in 0..5 {
        let refusal = sign_in("2001:db8::bad", &format!("nobody-{number}"), "wrong password").await;
        assert_eq!(refusal.unwrap_err().reason, "UNAUTHENTICATED");
    }
    let refusal = sign_in("2001:db8::2", "bob", PASSWORD).await.unwrap_err();
    assert_eq!(refusal.reason, "RATE_LIMITED", "the whole network is one source");
    sign_in("2001:db8::3", "ada", PASSWORD).await.expect("she has had a session there");
    sign_in("2001:db8:0:1::3", "bob", PASSWORD).await.expect("another network is another source");
}
