//! Mails to shoppers: each once, none lost, whatever becomes of the mail server or of the shop.

mod failures;

use contracts::{
    Money,
    order::{CheckoutRequest, Order, OrderState, ShipOrderRequest},
    payment::RefundPaymentRequest,
    user::{ConfirmEmailRequest, CreateUserRequest, DeleteUserRequest},
};

use crate::support::{
    Client, Setup, Shopper, eur,
    shop::{self, PASSWORD, act, unique},
    smtp::{MailServer, Received},
    until,
};

tests!(
    a_shopper_hears_of_each_step_once,
    an_order_that_waits_for_its_payment_is_told_how_to_pay,
    a_declined_payment_is_not_told_but_the_one_after_it_is,
    every_refund_is_told_with_its_amount,
    a_name_cannot_write_headers_or_recipients,
    erased_users_and_demo_addresses_get_none,
    without_a_server_the_log_says_what_would_be_sent,
    wrong_settings_are_refused_at_the_start,
);

/// A setup that sends by this server.
pub fn by(server: &MailServer, setup: Setup) -> Setup {
    setup.env("FEIRA_SMTP_URL", &server.url()).env("FEIRA_MAIL_FROM", "Loja da Inês <loja@shop.test>")
}

/// A shopper whose address could be real, and is confirmed.
pub async fn customer(client: &Client, server: &MailServer, first_name: &str) -> Shopper {
    let ada = unconfirmed(client, first_name).await;
    let token = server.take("confirm", &ada.user.email).await.token("fec_");
    client.confirm_email(ConfirmEmailRequest { token }).await.expect("confirmation");
    ada
}

/// A shopper whose address could be anybody's.
pub async fn unconfirmed(client: &Client, first_name: &str) -> Shopper {
    let username = format!("customer-{}", unique());
    let request = CreateUserRequest {
        email: format!("{username}@home.test"),
        first_name: first_name.into(),
        ..shop::registration(&username)
    };
    client.create_user(request).await.expect("registration");
    client.sign_in_as(&username, PASSWORD).await.expect("sign-in")
}

/// The mails about an order, by the first word of their ids.
fn about<'a>(order: &Order, mails: &'a [Received]) -> Vec<(String, &'a Received)> {
    let mine = mails.iter().filter(|mail| mail.text().contains(&order.number));
    mine.map(|mail| (mail.id().split('.').next().unwrap().to_owned(), mail)).collect()
}

fn words(order: &Order, mails: &[Received]) -> Vec<String> {
    about(order, mails).into_iter().map(|(word, _)| word).collect()
}

/// Covers: order.mail.
async fn a_shopper_hears_of_each_step_once(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(1299), 10).await;

    let basket = ada.add(&article.id, 2).await.unwrap().body;
    let order = ada.pay(&basket.id, "sim_approve").await.unwrap().body;
    let mails = server.until(1).await;
    let placed = &mails[0];
    assert_eq!(placed.subject(), format!("Your order {}", order.number));
    let text = placed.text();
    assert!(text.contains("Hello Ada,") && text.contains("It is paid"), "{text}");
    assert!(text.contains("25.98 EUR") && text.contains("Rua Augusta 1"), "{text}");
    assert!(placed.from.contains("<loja@shop.test>") && placed.to.len() == 1, "{placed:?}");
    assert!(placed.to[0].contains(&format!("<{}>", ada.user.email)), "{placed:?}");

    staff.ship(&order.id).await.unwrap();
    let shipped = server.until(2).await[1].text();
    assert!(shipped.contains("with CTT") && shipped.contains("Tracking code: RR123456785PT"), "{shipped}");
    staff.deliver(&order.id).await.unwrap();

    let other = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    server.until(3).await;
    ada.cancel(&other.id).await.unwrap();
    let mails = server.until(5).await;
    assert_eq!(words(&order, &mails), ["placed", "shipped"]);
    let mut heard = words(&other, &mails);
    heard.sort();
    assert_eq!(heard, ["cancelled", "placed", "refunded"]);

    // A basket that ends, and an order that was refused, were never placed.
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    ada.cancel(&basket.id).await.unwrap();
    ada.order(&article.id, 900, "sim_approve").await.expect_err("too many");
    let last = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    let mails = server.until(6).await;
    assert_eq!(words(&last, &mails), ["placed"]);
    assert_eq!(mails.len(), 6);
    // As the pages name it.
    for mail in &mails {
        assert!(!mail.subject().contains("ord_") && !mail.text().contains("ord_"), "{}", mail.text());
    }
}

/// Covers: order.mail.
async fn an_order_that_waits_for_its_payment_is_told_how_to_pay(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(500), 10).await;
    let order = ada.order(&article.id, 1, "sim_action").await.unwrap().body;
    let text = server.until(1).await[0].text();
    assert!(text.contains(&order.payment_action_url) && !text.contains("It is paid"), "{text}");
    act(&ada, &order, "approve").await;
    ada.until(&order.id, OrderState::Paid).await;
    staff.ship(&order.id).await.unwrap();
    assert_eq!(words(&order, &server.until(2).await), ["placed", "shipped"]);
}

/// Covers: order.mail.
async fn a_declined_payment_is_not_told_but_the_one_after_it_is(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(500), 10).await;
    let declined = ada.order(&article.id, 1, "sim_decline").await.unwrap().body;
    assert_eq!(declined.payment_failure, "DECLINED");
    // What comes after it overtakes it.
    let other = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    assert_eq!(words(&other, &server.until(1).await), ["placed"]);
    let request = CheckoutRequest {
        id: declined.id.clone(),
        payment_method: "sim_approve".into(),
        ..Default::default()
    };
    ada.checkout(request).await.unwrap();
    let mails = server.until(2).await;
    let text = about(&declined, &mails)[0].1.text();
    assert!(text.contains("It is paid"), "{text}");
}

/// Covers: order.mail.
async fn every_refund_is_told_with_its_amount(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    server.until(1).await;
    let refund = async |amount: Option<Money>| {
        let id = order.payment_id.clone();
        staff.refund_payment(RefundPaymentRequest { id, amount, reason: String::new() }).await.unwrap();
    };
    refund(Some(eur(250))).await;
    refund(Some(eur(125))).await;
    refund(None).await;
    let mails = server.until(4).await;
    let told: Vec<String> = mails[1..].iter().map(Received::text).collect();
    for amount in ["2.50 EUR", "1.25 EUR", "6.25 EUR"] {
        let times = told.iter().filter(|text| text.contains(&format!("refunded {amount} for"))).count();
        assert_eq!(times, 1, "{amount}: {told:#?}");
    }
}

/// Covers: order.mail, bad-input.
async fn a_name_cannot_write_headers_or_recipients(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(500), 10).await;
    // Nor a link: what would be one is broken up.
    for (count, (name, greeted)) in [
        ("\"Eve\" <eve@other.test>, \"", "\"Eve\" <eve@ other. test>, \""),
        ("Inês Ñuñez 日本", "Inês Ñuñez 日本"),
        ("a@b.test, c", "a@ b. test, c"),
        ("=?utf-8?q?x?=", "=?utf-8?q?x?="),
        ("Won! https://evil.com", "Won! https: //evil. com"),
        ("evil\u{2024}com", "evil\u{2024} com"),
    ]
    .into_iter()
    .enumerate()
    {
        let ada = customer(&mesh.client(), &server, name).await;
        ada.order(&article.id, 1, "sim_approve").await.unwrap();
        let mails = server.until(count + 1).await;
        let mail = &mails[count];
        assert_eq!(mail.to.len(), 1, "{mail:?}");
        let parsed = mail.parsed();
        let to: Vec<_> = parsed.to().unwrap().iter().collect();
        assert_eq!(to.len(), 1, "{to:?}");
        assert_eq!(to[0].address().unwrap(), ada.user.email);
        assert_eq!(to[0].name(), Some(&*format!("{greeted} Lovelace")), "as in the text: no link");
        assert!(mail.text().contains(&format!("Hello {greeted},")), "{}", mail.text());
    }
}

/// Covers: order.mail, user.erase.
async fn erased_users_and_demo_addresses_get_none(setup: Setup) {
    let mut server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(500), 100).await;
    server.down().await;
    let erased = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    until("sending is tried", || async { mesh.main().stderr().contains("mail.postponed").then_some(()) })
        .await;
    staff.delete_user(DeleteUserRequest { id: ada.user.id.clone(), ..Default::default() }).await.unwrap();
    let demo = {
        let username = format!("demo-{}", unique());
        let email = format!("{username}@feira.example");
        mesh.client()
            .create_user(CreateUserRequest { email, ..shop::registration(&username) })
            .await
            .unwrap();
        mesh.client().sign_in_as(&username, PASSWORD).await.unwrap()
    };
    let nowhere = demo.order(&article.id, 1, "sim_approve").await.unwrap().body;
    server.up().await;
    let bob = customer(&mesh.client(), &server, "Bob").await;
    let last = bob.order(&article.id, 1, "sim_approve").await.unwrap().body;
    until("the last one hears", || async { (!about(&last, &server.received()).is_empty()).then_some(()) })
        .await;
    let request = ShipOrderRequest { id: last.id.clone(), ..Default::default() };
    staff.ship_order(request).await.unwrap();
    let mails = server.until(2).await;
    assert!(about(&erased, &mails).is_empty() && about(&nowhere, &mails).is_empty(), "{mails:#?}");
}

/// Covers: order.mail.
async fn without_a_server_the_log_says_what_would_be_sent(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, unconfirmed(&mesh.client(), "Ada").await);
    let article = staff.stocked(eur(500), 100).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    until("the log says so", || async {
        let log = mesh.main().stderr();
        log.lines().any(|line| line.contains("mail.only_logged") && line.contains(&order.id)).then_some(())
    })
    .await;
    assert!(!mesh.main().stderr().contains("home.test"), "no addresses in the log");
}

/// Covers: order.mail, bad-input, mesh.program.
async fn wrong_settings_are_refused_at_the_start(_: Setup) {
    let folder = tempfile::tempdir().unwrap();
    let refused = |env: &[(&str, &str)]| {
        let mut start = crate::support::process::Start::of(
            "serve --rest-listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0 --data-dir d",
        );
        for (name, value) in env {
            start = start.env(name, value);
        }
        let ended = start.run(folder.path());
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(!ended.stderr.contains("hunter22"), "{}", ended.stderr);
        ended.stderr
    };
    assert!(refused(&[("FEIRA_SMTP_URL", "smtp://localhost")]).contains("--mail-from"));
    let from = ("FEIRA_MAIL_FROM", "shop@shop.test");
    assert!(refused(&[("FEIRA_SMTP_URL", "localhost:25"), from]).contains("--smtp-url"));
    assert!(refused(&[("FEIRA_SMTP_URL", "smtps://me:hunter22@localhost"), from]).contains("--smtp-user"));
    let login = [("FEIRA_SMTP_USER", "me"), ("FEIRA_SMTP_PASSWORD", "hunter22")];
    let in_clear = [("FEIRA_SMTP_URL", "smtp://mail.test"), from, login[0], login[1]];
    assert!(refused(&in_clear).contains("for all to read"));
}
