//! Where nothing is sent: to whom it must not be, and to who wants nothing.

use contracts::{
    event::{
        CreateWebhookRequest, DeliveryState, GetWebhookRequest, ReplayWebhookRequest, TestWebhookRequest,
        UpdateWebhookRequest, Webhook,
    },
    user::{ListAuditEventsRequest, Role, SetRolesRequest},
};

use super::{deliveries, hook, setting};
use crate::mail::{by, customer};
use crate::support::{
    Client, Code, Edge, Mesh, Refused, Setup, Shopper, eur,
    process::{Process, serve},
    receiver::{Receiver, Takes},
    smtp::MailServer,
    until,
};

each!(three_days_later: Setup::default().clock("feira-0", 0); a_receiver_that_takes_nothing_for_three_days_is_told_nothing_more);
tests!(
    nothing_is_sent_into_the_shops_own_network,
    a_receiver_that_is_gone_is_told_nothing_more,
    there_are_only_so_many_webhooks,
    a_type_that_is_asked_for_later_is_told_from_then_on,
    a_receiver_with_a_certificate_that_nobody_knows_gets_nothing,
);

/// Covers: mesh.webhooks.
async fn nothing_is_sent_into_the_shops_own_network(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, receiver) = (mesh.admin().await, Receiver::start().await);
    let create =
        |url: &str| CreateWebhookRequest { webhook: Some(Webhook { url: url.into(), ..Default::default() }) };
    for url in [
        receiver.url.as_str(),
        "http://example.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[fd00:ec2::254]/",
        "https://192.168.1.1/",
    ] {
        staff.create_webhook(create(url)).await.names("webhook.url");
    }
    // A name can lead anywhere: that is seen when it is connected to.
    let port = receiver.url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    let made = staff.create_webhook(create(&format!("https://localhost:{port}/"))).await.unwrap().body;
    let sent = staff.test_webhook(TestWebhookRequest { id: made.id }).await.unwrap().body;
    assert_eq!((sent.state(), sent.status_code), (DeliveryState::Failed, 0));
    assert!(sent.response.contains("no public address"), "{}", sent.response);
    assert!(receiver.events().is_empty());
}

/// An administrator who gets mail.
async fn administrator(mesh: &Mesh, mails: &MailServer) -> Shopper {
    let other = customer(&mesh.client(), mails, "Eva").await;
    let roles = vec![Role::Admin.into()];
    let request = SetRolesRequest { id: other.user.id.clone(), roles, role_ids: vec![] };
    mesh.admin().await.set_roles(request).await.unwrap();
    other
}

/// Waits until a webhook is disabled and the audit log has it, for this reason.
async fn until_disabled(staff: &Client, webhook: &Webhook, reason: &str) {
    let gone = until("it is disabled", || async {
        let webhook = staff.get_webhook(GetWebhookRequest { id: webhook.id.clone() }).await.unwrap().body;
        webhook.disabled.then_some(webhook)
    })
    .await;
    assert_eq!(gone.disabled_reason, reason);
    assert!(deliveries(staff, &webhook.id).await.iter().all(|one| one.state() == DeliveryState::Failed));
    let detail = format!("reason={reason}");
    until("it is in the audit log", || async {
        let request = ListAuditEventsRequest { kind: vec!["webhook.disabled".into()], ..Default::default() };
        let found = staff.list_audit_events(request).await.unwrap().body.audit_events;
        found.iter().any(|event| event.target == webhook.id && event.detail == detail).then_some(())
    })
    .await;
}

/// Three days pass by the clock of the process, which is what a receiver's silence is measured by.
///
/// Covers: mesh.webhooks, user.audit-log.
async fn a_receiver_that_takes_nothing_for_three_days_is_told_nothing_more(setup: Setup) {
    let mails = MailServer::start().await;
    let mut mesh = setting(by(&mails, setup)).start().await;
    let other = administrator(&mesh, &mails).await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let receiver = Receiver::start().await;
    let made = hook(&staff, &receiver.url, &["order.paid"]).await;
    receiver.always("order.paid", Takes::Says(500, ""));
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    let tried = |staff: Shopper, times: i32| {
        let webhook = made.id.clone();
        async move {
            until(&format!("it was tried {times} times"), || async {
                let all = deliveries(&staff, &webhook).await;
                all.first().is_some_and(|one| one.attempts >= times).then_some(())
            })
            .await;
        }
    };
    tried(staff, 1).await;

    mesh.stop("feira-0");
    mesh.restart_with("feira-0", "FAKETIME", "+71h");
    let staff = mesh.admin().await;
    tried(staff.clone(), 2).await;
    let webhook = staff.get_webhook(GetWebhookRequest { id: made.id.clone() }).await.unwrap().body;
    assert!(!webhook.disabled, "an hour is left");
    assert_eq!(deliveries(&staff, &made.id).await[0].state(), DeliveryState::Pending);

    mesh.stop("feira-0");
    mesh.restart_with("feira-0", "FAKETIME", "+73h");
    let staff = mesh.admin().await;
    until_disabled(&staff, &made, "failing").await;
    let last = deliveries(&staff, &made.id).await.remove(0);
    assert_eq!((last.status_code, last.response.as_str()), (500, "said by the receiver"));
    let mail = mails.take("webhook_disabled", &other.user.email).await;
    assert!(mail.subject().contains("webhook") && !mail.text().contains(&receiver.url), "{}", mail.text());
    assert!(mesh.main().stderr().contains("webhook.disabled"));

    // Whoever has mended it is told what was missed.
    receiver.always("order.paid", Takes::Says(204, ""));
    let webhook = Some(Webhook { id: made.id.clone(), disabled: false, ..Default::default() });
    let update_mask = Some(prost_types::FieldMask { paths: vec!["disabled".into()] });
    staff.update_webhook(UpdateWebhookRequest { webhook, update_mask }).await.unwrap();
    let before = receiver.events().len();
    staff.replay_webhook(ReplayWebhookRequest { id: made.id.clone(), after_position: 0 }).await.unwrap();
    until("it is told at last", || async {
        receiver.events()[before..].iter().any(|event| event.subject() == order.id).then_some(())
    })
    .await;
    // Its clock is too far from this machine's for an audit by the operator's command.
    mesh.stop("feira-0");
}

/// Covers: mesh.webhooks, user.audit-log.
async fn a_receiver_that_is_gone_is_told_nothing_more(setup: Setup) {
    let mails = MailServer::start().await;
    let mesh = setting(by(&mails, setup)).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let other = administrator(&mesh, &mails).await;
    let receiver = Receiver::start().await;
    let made = hook(&staff, &receiver.url, &["order.*"]).await;
    receiver.always("order.created", Takes::Says(410, ""));
    let article = staff.stocked(eur(100), 10).await;
    ada.order(&article.id, 1, "sim_approve").await.unwrap();
    until_disabled(&staff, &made, "gone").await;
    assert_eq!(receiver.events().len(), 1);
    let mail = mails.take("webhook_disabled", &other.user.email).await;
    assert!(mail.subject().contains("webhook") && !mail.text().contains(&receiver.url), "{}", mail.text());
}

/// Covers: mesh.webhooks.
async fn there_are_only_so_many_webhooks(setup: Setup) {
    let mesh = setting(setup).start().await;
    let staff = mesh.admin().await;
    for _ in 0..50 {
        hook(&staff, "http://127.0.0.1:9/", &["shoe.*"]).await;
    }
    let webhook = Some(Webhook { url: "http://127.0.0.1:9/".into(), ..Default::default() });
    let refused = staff.create_webhook(CreateWebhookRequest { webhook }).await;
    let refused = refused.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED");
    assert_eq!((refused.info("limit"), refused.info("value")), ("webhooks", "50"));
}

/// Covers: mesh.webhooks.
async fn a_type_that_is_asked_for_later_is_told_from_then_on(setup: Setup) {
    let mesh = setting(setup).start().await;
    let (staff, receiver, other) = (mesh.admin().await, Receiver::start().await, Receiver::start().await);
    let made = hook(&staff, &receiver.url, &["order.paid"]).await;
    hook(&staff, &other.url, &["article.created"]).await;
    let before = staff.stocked(eur(100), 10).await;
    other.until("article.created", 1).await;
    // By the second one, both have looked at the first.
    staff.stocked(eur(100), 10).await;
    other.until("article.created", 2).await;
    let types = vec!["article.created".into()];
    let webhook = Some(Webhook { id: made.id.clone(), types, ..Default::default() });
    let update_mask = Some(prost_types::FieldMask { paths: vec!["types".into()] });
    staff.update_webhook(UpdateWebhookRequest { webhook, update_mask }).await.unwrap();
    let after = staff.stocked(eur(100), 10).await;
    let told = until("what happens from then on is told", || async {
        let events = receiver.events();
        events.iter().any(|event| event.subject() == after.id).then_some(events)
    })
    .await;
    assert!(told.iter().all(|event| event.subject() != before.id), "{told:?}");
}

/// Covers: mesh.webhooks.
async fn a_receiver_with_a_certificate_that_nobody_knows_gets_nothing(setup: Setup) {
    let mesh = setting(setup).start().await;
    let staff = mesh.admin().await;
    // Another shop, with a certificate of its own making.
    let folder = tempfile::tempdir().unwrap();
    crate::tls::certificate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let start = serve(&folder.path().join("data"))
        .env("FEIRA_TLS_CERT", &path("cert.pem"))
        .env("FEIRA_TLS_KEY", &path("key.pem"))
        .env("FEIRA_ADMIN_PASSWORD", "correct horse battery");
    let other = Process::start(&start, folder.path());
    let (rest, _) = other.ready();
    let made = hook(&staff, &format!("{rest}/v1/articles"), &[]).await;
    let sent = staff.test_webhook(TestWebhookRequest { id: made.id.clone() }).await.unwrap().body;
    assert_eq!((sent.state(), sent.status_code), (DeliveryState::Failed, 0), "{}", sent.response);
    assert!(sent.response.contains("certificate"), "{}", sent.response);
}
