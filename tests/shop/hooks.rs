//! Webhooks that are sent: events brought to receivers that fail in every way.

mod care;
mod tries;

use contracts::{
    event::{
        CreateWebhookRequest, DeleteWebhookRequest, Delivery, DeliveryState, GetWebhookRequest,
        ListDeliveriesRequest, ListWebhooksRequest, RedeliverDeliveryRequest, ReplayWebhookRequest,
        RotateWebhookSecretRequest, TestWebhookRequest, UpdateWebhookRequest, Webhook,
    },
    order::OrderState,
};

use crate::support::{
    Client, Code, Refused, Setup, eur,
    receiver::{Receiver, Takes},
    until,
};

on_both_edges!(
    an_order_is_told_signed_and_in_its_order,
    a_webhook_is_changed_by_those_who_see_its_newest_version,
    a_test_says_what_came_of_it,
);
each!(in_six_processes: Setup::default().split(); an_order_is_told_signed_and_in_its_order);

pub fn setting(setup: Setup) -> Setup {
    setup.env("FEIRA_ALLOW_PRIVATE_WEBHOOKS", "true")
}

/// A webhook at a URL for some types.
pub async fn hook(staff: &Client, url: &str, types: &[&str]) -> Webhook {
    let types = types.iter().map(ToString::to_string).collect();
    let webhook = Webhook { url: url.into(), types, description: "a test".into(), ..Default::default() };
    staff.create_webhook(CreateWebhookRequest { webhook: Some(webhook) }).await.expect("a webhook").body
}

/// The deliveries of a webhook, the oldest first.
pub async fn deliveries(staff: &Client, webhook: &str) -> Vec<Delivery> {
    let request =
        ListDeliveriesRequest { webhook_id: webhook.into(), page_size: 1_000, ..Default::default() };
    let mut all = staff.list_deliveries(request).await.expect("deliveries").body.deliveries;
    all.reverse();
    all
}

/// Covers: mesh.webhooks.
async fn an_order_is_told_signed_and_in_its_order(setup: Setup) {
    let mesh = setting(setup).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let receiver = Receiver::start().await;
    let types = ["order.created", "order.paid", "order.shipped"];
    let made = hook(&staff, &receiver.url, &types).await;
    assert!(made.secret.starts_with("whsec_") && made.id.starts_with("whk_"), "{}", made.id);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    staff.ship(&order.id).await.unwrap();
    receiver.until("order.shipped", 1).await;
    let events = receiver.events();
    assert!(
        events.iter().all(|event| event.kind().starts_with("order.") && event.is_signed_by(&made.secret))
    );
    assert!(events.iter().all(|event| event.path == "/hook?of=test"));
    let told: Vec<_> = events.iter().map(|event| event.kind().to_owned()).collect();
    assert_eq!(told, types);
    let listed = staff.list_events(contracts::event::ListEventsRequest {
        r#type: types.map(str::to_owned).into(),
        ..Default::default()
    });
    for (event, known) in events.iter().zip(listed.await.unwrap().body.events) {
        let json = &event.json;
        let got =
            [&json["id"], &json["type"], &json["position"], &json["subject"]].map(|it| it.as_str().unwrap());
        let position = known.position.to_string();
        assert_eq!(got, [&known.id, &known.r#type, &position, &known.subject]);
        assert_eq!((&event.id, json["data"]["id"].as_str()), (&known.id, Some(order.id.as_str())));
        assert_eq!(json["data"]["@type"], "type.googleapis.com/feira.order.v1.Order");
        assert!(json["timestamp"].as_str().unwrap().ends_with('Z'));
    }
    let all = until("all are noted", || async {
        let all = deliveries(&staff, &made.id).await;
        all.iter().all(|one| one.state() == DeliveryState::Succeeded).then_some(all)
    })
    .await;
    assert_eq!(all.len(), events.len(), "each once");
    let last = all.last().unwrap();
    assert_eq!((last.attempts, last.status_code, last.r#type.as_str()), (1, 204, "order.shipped"));
    assert!(last.id.starts_with("dlv_") && last.next_try_time.is_none());
    // The secret is never shown again.
    let seen = staff.get_webhook(GetWebhookRequest { id: made.id.clone() }).await.unwrap().body;
    assert_eq!((seen.secret.as_str(), &seen.url), ("", &made.url));
    let listed = staff.list_webhooks(ListWebhooksRequest::default()).await.unwrap().body.webhooks;
    assert_eq!(listed, [seen]);
    let process = mesh.process(if mesh.setup.split { "mesh" } else { "feira-0" });
    assert!(!process.stderr().contains(&made.secret[6..]), "no secret in a log");
}

/// Covers: mesh.webhooks, etag.
async fn a_webhook_is_changed_by_those_who_see_its_newest_version(setup: Setup) {
    let mesh = setting(setup).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let receiver = Receiver::start().await;
    let webhook = Webhook { url: receiver.url.clone(), ..Default::default() };
    let create = CreateWebhookRequest { webhook: Some(webhook.clone()) };
    ada.create_webhook(create.clone()).await.denied();
    let made = staff.with_key("k").create_webhook(create.clone()).await.unwrap();
    let again = staff.with_key("k").create_webhook(create).await.unwrap();
    assert_eq!((&made.id, again.secret.as_str()), (&again.id, ""), "a repeat is answered without the secret");
    let change = |webhook: Webhook| UpdateWebhookRequest { webhook: Some(webhook), update_mask: None };
    let changed = Webhook {
        id: made.id.clone(),
        etag: made.etag.clone(),
        url: receiver.url.replace("hook", "other"),
        types: vec!["order.paid".into()],
        ..Default::default()
    };
    let changed = staff.update_webhook(change(changed)).await.unwrap().body;
    assert!(changed.url.contains("/other") && changed.types == ["order.paid"] && changed.etag != made.etag);
    let stale = Webhook { etag: made.etag.clone(), description: "x".into(), ..changed.clone() };
    staff.update_webhook(change(stale)).await.refused(Code::Aborted, "ETAG_MISMATCH");
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    let paid = receiver.until("order.paid", 1).await;
    assert!(paid[0].path.starts_with("/other") && paid[0].is_signed_by(&made.secret));

    let taken = until("it is noted", || async {
        // What happened just before it was made may have been told as well.
        let mut all = deliveries(&staff, &made.id).await.into_iter();
        all.find(|one| one.r#type == "order.paid" && one.state() == DeliveryState::Succeeded)
    })
    .await;
    let again = RedeliverDeliveryRequest { webhook_id: made.id.clone(), id: taken.id.clone() };
    assert_eq!(staff.redeliver_delivery(again).await.unwrap().state(), DeliveryState::Pending);
    assert_eq!(receiver.until("order.paid", 2).await[1].id, taken.event_id);

    // Both secrets sign for a while, or the new one alone.
    let rotate = |overlap| RotateWebhookSecretRequest { id: made.id.clone(), overlap };
    let second = staff.rotate_webhook_secret(rotate(None)).await.unwrap().body;
    assert!(second.secret.starts_with("whsec_") && second.secret != made.secret);
    staff.test_webhook(TestWebhookRequest { id: made.id.clone() }).await.unwrap();
    let test = receiver.until("webhook.test", 1).await.remove(0);
    assert!(test.is_signed_by(&second.secret) && test.is_signed_by(&made.secret));
    let none = prost_types::Duration { seconds: 0, nanos: 0 };
    let third = staff.rotate_webhook_secret(rotate(Some(none))).await.unwrap().body;
    staff.test_webhook(TestWebhookRequest { id: made.id.clone() }).await.unwrap();
    let test = receiver.until("webhook.test", 2).await.remove(1);
    assert!(test.is_signed_by(&third.secret) && !test.is_signed_by(&second.secret));
    let long = prost_types::Duration { seconds: 8 * 86_400, nanos: 0 };
    staff.rotate_webhook_secret(rotate(Some(long))).await.names("overlap");

    // Disabled, it is told nothing; what happened meanwhile is sent by a replay alone.
    let disabled = Webhook { id: made.id.clone(), disabled: true, ..Default::default() };
    let mask = || Some(prost_types::FieldMask { paths: vec!["disabled".into()] });
    let update = UpdateWebhookRequest { webhook: Some(disabled.clone()), update_mask: mask() };
    assert!(staff.update_webhook(update).await.unwrap().disabled);
    let replay = ReplayWebhookRequest { id: made.id.clone(), after_position: 0 };
    staff.replay_webhook(replay.clone()).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let second = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&second.id, OrderState::Paid).await;
    let enabled = Webhook { disabled: false, ..disabled };
    let update = UpdateWebhookRequest { webhook: Some(enabled), update_mask: mask() };
    assert!(!staff.update_webhook(update).await.unwrap().disabled);
    staff.replay_webhook(replay).await.unwrap();
    let paid = receiver.until("order.paid", 4).await;
    assert!(paid[2..].iter().any(|event| event.id == paid[0].id), "the same event again");
    assert!(paid[2..].iter().any(|event| event.subject() == second.id));
    assert!(paid[..2].iter().all(|event| event.subject() == order.id));

    staff.delete_webhook(DeleteWebhookRequest { id: made.id.clone(), etag: String::new() }).await.unwrap();
    staff.get_webhook(GetWebhookRequest { id: made.id.clone() }).await.missing();
    let list = ListDeliveriesRequest { webhook_id: made.id.clone(), ..Default::default() };
    staff.list_deliveries(list).await.missing();
    for (url, field) in [("ftp://example.com/", "webhook.url"), ("http://a:b@127.0.0.1/", "webhook.url")] {
        let webhook = Some(Webhook { url: url.into(), ..webhook.clone() });
        staff.create_webhook(CreateWebhookRequest { webhook }).await.names(field);
    }
}

/// Covers: mesh.webhooks.
async fn a_test_says_what_came_of_it(setup: Setup) {
    let mesh = setting(setup).start().await;
    let (staff, receiver) = (mesh.admin().await, Receiver::start().await);
    let made = hook(&staff, &receiver.url, &["order.*"]).await;
    let test = || staff.test_webhook(TestWebhookRequest { id: made.id.clone() });
    let taken = test().await.unwrap().body;
    assert_eq!((taken.state(), taken.status_code, taken.attempts), (DeliveryState::Succeeded, 204, 1));
    receiver.next([Takes::Says(500, ""), Takes::Cuts, Takes::Says(302, "location: http://127.0.0.1:9/\r\n")]);
    let refused = test().await.unwrap().body;
    assert_eq!((refused.state(), refused.status_code), (DeliveryState::Failed, 500));
    assert_eq!(refused.response, "said by the receiver");
    let cut = test().await.unwrap().body;
    assert_eq!((cut.state(), cut.status_code), (DeliveryState::Failed, 0));
    assert!(!cut.response.is_empty() && !cut.response.contains("of=test"), "{}", cut.response);
    let redirected = test().await.unwrap().body;
    assert_eq!((redirected.state(), redirected.status_code), (DeliveryState::Failed, 302), "not followed");
    let all = deliveries(&staff, &made.id).await;
    assert_eq!(all, [taken, refused, cut, redirected]);
    assert!(receiver.events().iter().all(|event| event.json["data"].is_null() && event.subject() == made.id));
}
