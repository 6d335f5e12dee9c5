//! Mail servers that fail, and processes that die.

use contracts::order::OrderState;

use crate::support::{
    Backend, Mesh, Setup, at_once, eur,
    smtp::{Answer, MailServer},
    until,
};

use super::{about, by, customer, words};

tests!(
    what_the_server_puts_off_is_tried_again_and_what_it_refuses_is_given_up,
    a_lost_answer_repeats_the_same_mail,
    a_mail_server_that_is_down_blocks_no_orders_and_gets_everything_later,
    what_cannot_be_sent_for_too_long_is_given_up,
    a_shop_killed_while_it_sends_loses_no_mail,
);
each!(on_postgres: Setup::default().on(Backend::Postgres).replicas(2); several_replicas_send_each_mail_once);

/// Covers: order.mail.
async fn what_the_server_puts_off_is_tried_again_and_what_it_refuses_is_given_up(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(500), 10).await;
    server.next(&[Answer::Refused("451 later"), Answer::Refused("421 later")]);
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    let mails = server.until(1).await;
    assert_eq!(words(&order, &mails), ["placed"]);
    assert_eq!(server.answers_left(), 0);

    server.next(&[Answer::Refused("550 5.1.1 <ada@home.test> is nobody here")]);
    let refused = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    until("the mail is given up", || async {
        let history = ada.history(&refused.id).await;
        history.iter().any(|event| event.note == "A mail about it could not be sent to you.").then_some(())
    })
    .await;
    let log = until("the log says so", || async {
        let log = mesh.main().stderr();
        (log.contains("mail.given_up") && log.contains("is nobody here")).then_some(log)
    })
    .await;
    assert!(!log.contains("home.test"), "no addresses in the log: {log}");
    staff.ship(&refused.id).await.unwrap();
    assert_eq!(words(&refused, &server.until(2).await), ["shipped"]);
}

/// Covers: order.mail.
async fn a_lost_answer_repeats_the_same_mail(setup: Setup) {
    let server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(500), 10).await;
    server.next(&[Answer::Lost]);
    ada.order(&article.id, 1, "sim_approve").await.unwrap();
    let mails = server.until(2).await;
    assert_eq!(mails[0].id(), mails[1].id());
    assert_eq!(mails[0].parsed().date(), mails[1].parsed().date());
    assert_eq!(mails[0].raw, mails[1].raw);
}

/// Covers: order.mail.
async fn a_mail_server_that_is_down_blocks_no_orders_and_gets_everything_later(setup: Setup) {
    let mut server = MailServer::start().await;
    let mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(500), 100).await;
    server.down().await;
    let mut orders = Vec::new();
    for _ in 0..10 {
        let order = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
        assert_eq!(order.state(), OrderState::Paid);
        orders.push(order);
    }
    until("sending is tried", || async { mesh.main().stderr().contains("mail.postponed").then_some(()) })
        .await;
    server.up().await;
    let mails = server.until(10).await;
    for order in &orders {
        assert_eq!(words(order, &mails), ["placed"]);
    }
}

/// Covers: order.mail.
async fn what_cannot_be_sent_for_too_long_is_given_up(setup: Setup) {
    let mut server = MailServer::start().await;
    let mesh = by(&server, setup).env("FEIRA_MAIL_GIVE_UP", "2s").start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(500), 100).await;
    server.down().await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    until("the mail is given up", || async {
        let history = ada.history(&order.id).await;
        history.iter().any(|event| event.note.contains("could not be sent")).then_some(())
    })
    .await;
    until("the log says so", || async { mesh.main().stderr().contains("mail.given_up").then_some(()) }).await;
}

/// Covers: order.mail, mesh.crash.
async fn a_shop_killed_while_it_sends_loses_no_mail(setup: Setup) {
    let server = MailServer::start().await;
    let mut mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let article = staff.stocked(eur(500), 100).await;
    // Some are sent, some are being sent, some have not been looked at.
    let mut orders = vec![ada.order(&article.id, 1, "sim_approve").await.unwrap().body];
    server.until(1).await;
    server.shut();
    for _ in 0..12 {
        orders.push(ada.order(&article.id, 1, "sim_approve").await.unwrap().body);
    }
    mesh.kill("feira-0");
    server.open();
    mesh.restart("feira-0");
    let mails = until("every order is told", || async {
        let mails = server.received();
        orders.iter().all(|order| !about(order, &mails).is_empty()).then_some(mails)
    })
    .await;
    // Those that the server had already when the shop died may come twice, and then look the same.
    for order in &orders {
        let mut ids: Vec<String> = about(order, &mails).iter().map(|(_, mail)| mail.id()).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }
    assert_eq!(words(&orders[0], &mails), ["placed"], "what was sent before is not sent again");
}

/// Covers: order.mail.
async fn several_replicas_send_each_mail_once(setup: Setup) {
    const ORDERS: usize = 12;
    let server = MailServer::start().await;
    let mesh: Mesh = by(&server, setup).start().await;
    let (staff, ada) = (mesh.admin().await, customer(&mesh.client(), &server, "Ada").await);
    let mut articles = Vec::new();
    for _ in 0..ORDERS {
        articles.push(staff.stocked(eur(500), 10).await);
    }
    let orders = at_once(ORDERS, |number| {
        let (client, id) = (ada.client.at(number), articles[number].id.clone());
        async move { client.order(&id, 1, "sim_approve").await.unwrap().body }
    })
    .await;
    for (number, order) in orders.iter().enumerate() {
        ada.until(&order.id, OrderState::Paid).await;
        staff.client.at(number).ship(&order.id).await.unwrap();
    }
    let mails = server.until(2 * ORDERS).await;
    for order in &orders {
        let mut heard = words(order, &mails);
        heard.sort();
        assert_eq!(heard, ["placed", "shipped"], "{}", order.id);
    }
    // One more, so that there was time for a second try of any.
    let last = ada.order(&articles[0].id, 1, "sim_approve").await.unwrap().body;
    let mails = server.until(2 * ORDERS + 1).await;
    assert_eq!(words(&last, &mails), ["placed"]);
    assert_eq!(mails.len(), 2 * ORDERS + 1);
}
