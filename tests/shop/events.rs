//! Events: what happens in all services, in one order.

use std::time::Duration;

use contracts::{
    event::{Event, ListEventsRequest, StreamEventsRequest},
    order::{Order, OrderState},
    user::{ApiKey, CreateApiKeyRequest, DeleteUserRequest},
};
use prost::{Message, Name};
use serde_json::Value;

use crate::support::{Client, Code, Edge, Refused, Setup, Shopper, at_once, eur, until, wait::within};

on_both_edges!(
    an_orders_life_is_told_with_what_it_is_now,
    events_are_listed_by_type_and_page_by_page,
    events_are_for_who_operates_the_shop_and_its_programs,
    a_stream_tells_what_happens_and_goes_on_where_it_was,
    what_there_is_no_more_is_told_without_content,
);
on_every_database!(events_of_many_at_once_are_numbered_without_a_gap_and_told_once);
tests!(server_sent_events_carry_the_position_and_resume_after_it, nothing_is_lost_or_told_twice_by_a_kill);
each!(in_six_processes: Setup::default().split(); an_orders_life_is_told_with_what_it_is_now);

fn of(types: &[&str]) -> ListEventsRequest {
    let types = types.iter().map(ToString::to_string).collect();
    ListEventsRequest { r#type: types, page_size: 1_000, ..Default::default() }
}

async fn events(client: &Client, types: &[&str]) -> Vec<Event> {
    client.list_events(of(types)).await.expect("events").body.events
}

/// All events, once there is one of this type about this thing.
async fn until_told(client: &Client, kind: &str, subject: &str) -> Vec<Event> {
    until(&format!("{kind} of {subject} is told"), || async {
        let all = events(client, &[]).await;
        all.iter().any(|event| event.r#type == kind && event.subject == subject).then_some(all)
    })
    .await
}

fn types_of<'a>(events: &'a [Event], subject: &str) -> Vec<&'a str> {
    events.iter().filter(|event| event.subject == subject).map(|event| event.r#type.as_str()).collect()
}

fn content<M: Message + Name + Default>(event: &Event) -> M {
    let data = event.data.as_ref().expect("content");
    assert_eq!(data.type_url, format!("type.googleapis.com/{}", M::full_name()));
    M::decode(data.value.as_slice()).expect("content of its type")
}

/// Covers: mesh.events.
async fn an_orders_life_is_told_with_what_it_is_now(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 2, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    staff.ship(&order.id).await.unwrap();
    staff.deliver(&order.id).await.unwrap();
    let all = until_told(&staff, "order.delivered", &order.id).await;
    let told = types_of(&all, &order.id);
    let expected = ["order.paid", "order.shipped", "order.delivered"];
    assert_eq!(told[told.len() - 3..], expected, "{told:?}");
    for (event, position) in all.iter().zip(1..) {
        assert_eq!(event.position, position, "numbered without a gap");
        assert!(event.id.starts_with("evt_") && event.create_time.is_some(), "{event:?}");
    }
    let now = staff.see(&order.id).await;
    for event in all.iter().filter(|event| event.subject == order.id) {
        assert_eq!(content::<Order>(event), now, "as its own method answers it, whatever the event");
    }
    let payment = staff.payments(&order.id).await.remove(0);
    let told = until_told(&staff, "payment.captured", &payment.id).await;
    let event = told.iter().find(|event| event.r#type == "payment.captured").unwrap();
    assert_eq!(content::<contracts::payment::Payment>(event), payment);
}

/// Covers: mesh.events.
async fn events_are_listed_by_type_and_page_by_page(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    let all = until_told(&staff, "order.paid", &order.id).await;
    let of_orders: Vec<Event> =
        all.iter().filter(|event| event.r#type.starts_with("order.")).cloned().collect();
    assert_eq!(events(&staff, &["order.*"]).await, of_orders);
    let some = events(&staff, &["order.paid", "payment.*"]).await;
    assert!(some.iter().any(|event| event.r#type == "payment.captured"));
    assert!(some.iter().all(|it| it.r#type == "order.paid" || it.r#type.starts_with("payment.")), "{some:?}");
    assert!(events(&staff, &["shoe.*"]).await.is_empty());

    let first = of_orders[0].position;
    let behind = ListEventsRequest { after_position: first, ..of(&["order.*"]) };
    assert_eq!(staff.list_events(behind).await.unwrap().body.events, of_orders[1..]);
    let (mut request, mut seen) = (ListEventsRequest { page_size: 1, ..of(&["order.*"]) }, Vec::new());
    loop {
        let page = staff.list_events(request.clone()).await.unwrap().body;
        assert!(page.events.len() <= 1);
        seen.extend(page.events);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen, of_orders);
    let foreign = ListEventsRequest { page_token: request.page_token, ..of(&[]) };
    staff.list_events(foreign).await.names("page_token");
    staff.list_events(ListEventsRequest { after_position: -1, ..of(&[]) }).await.names("after_position");
    for wrong in ["order", "order.", ".*", "Order.paid", "order.*.x", "order.pa*"] {
        staff.list_events(of(&[wrong])).await.names("type[0]");
    }
}

/// Covers: mesh.events, user.api-keys.
async fn events_are_for_who_operates_the_shop_and_its_programs(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let key = |scope: &'static str| {
        let api_key = Some(ApiKey { name: "n".into(), scopes: vec![scope.into()], ..Default::default() });
        let (admin, client) = (admin.clone(), mesh.client());
        async move {
            let made = admin.create_api_key(CreateApiKeyRequest { user_id: "me".into(), api_key }).await;
            client.signed_in(&made.unwrap().secret)
        }
    };
    let article = admin.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    let all = until_told(&admin, "order.created", &order.id).await;
    assert!(!all.is_empty());
    let program = key("operations").await;
    let mut stream = program.stream_events(StreamEventsRequest::default()).await;
    assert_eq!(stream.next().await.unwrap().unwrap().position, 1);
    assert!(events(&program, &[]).await.len() >= all.len());
    for other in [key("fulfilment").await, ada.client.clone()] {
        other.list_events(of(&[])).await.denied();
        let refused = other.stream_events(StreamEventsRequest::default()).await.next().await.unwrap();
        assert_eq!(refused.unwrap_err().code, Code::PermissionDenied);
    }
}

/// Covers: mesh.events.
async fn a_stream_tells_what_happens_and_goes_on_where_it_was(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let first = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&first.id, OrderState::Paid).await;
    until_told(&staff, "order.paid", &first.id).await;
    let from_now_on = StreamEventsRequest { r#type: vec!["order.*".into()], after_position: -1 };
    let mut news = staff.stream_events(from_now_on).await;
    let mut all = staff.stream_events(StreamEventsRequest::default()).await;
    let second = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&second.id, OrderState::Paid).await;
    let mut last = 0;
    loop {
        let event = all.next().await.unwrap().unwrap();
        assert_eq!(event.position, last + 1);
        last = event.position;
        if (event.r#type.as_str(), &event.subject) == ("order.paid", &second.id) {
            break;
        }
    }
    let mut told = Vec::new();
    while told.last().is_none_or(|kind| kind != "order.paid") {
        let event = news.next().await.unwrap().unwrap();
        assert_eq!(event.subject, second.id, "{event:?}");
        told.push(event.r#type);
    }
    assert_eq!(told[0], "order.created", "{told:?}");
    let mut resumed =
        staff.stream_events(StreamEventsRequest { after_position: last - 1, ..Default::default() }).await;
    let event = resumed.next().await.unwrap().unwrap();
    assert_eq!((event.position, content::<Order>(&event).id), (last, second.id.clone()));
}

/// Covers: mesh.events.
async fn what_there_is_no_more_is_told_without_content(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    admin.delete_user(DeleteUserRequest { id: ada.user.id.clone(), ..Default::default() }).await.unwrap();
    let all = until_told(&admin, "user.deleted", &ada.user.id).await;
    let of_her = all.iter().filter(|event| event.subject == ada.user.id);
    assert!(of_her.clone().all(|event| event.data.is_none()), "{:?}", of_her.collect::<Vec<_>>());
}

/// Covers: mesh.events.
async fn server_sent_events_carry_the_position_and_resume_after_it(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    let all = until_told(&staff, "order.paid", &order.id).await;
    let first = staff.server_sent("/v1/events:stream", None, all.len()).await;
    for ((id, event, data), position) in first.iter().zip(1..) {
        assert_eq!((id.as_str(), event.as_str()), (position.to_string().as_str(), "message"));
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["position"], id.as_str());
    }
    let place = all.iter().position(|event| event.r#type == "order.paid").unwrap();
    let before = all[place].position - 1;
    let resumed = staff.server_sent("/v1/events:stream", Some(&before.to_string()), 1).await;
    let event: Value = serde_json::from_str(&resumed[0].2).unwrap();
    assert_eq!(event["type"], "order.paid");
    assert_eq!(event["data"]["@type"], "type.googleapis.com/feira.order.v1.Order");
    assert_eq!(event["data"]["id"], order.id.as_str());
}

/// Covers: mesh.events.
async fn events_of_many_at_once_are_numbered_without_a_gap_and_told_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, shoppers) = (mesh.admin().await, mesh.shoppers(6).await);
    let article = staff.stocked(eur(100), 1_000).await;
    let mut streams = Vec::new();
    for number in 0..=mesh.setup.more {
        streams.push(staff.at(number).stream_events(StreamEventsRequest::default()).await);
    }
    let orders = at_once(shoppers.len(), |number| {
        let (ada, article) = (shoppers[number].clone().patient(), article.id.clone());
        async move {
            let mut orders = Vec::new();
            for _ in 0..4 {
                let order = ada.at(number).order(&article, 1, "sim_approve").await.expect("an order");
                orders.push(ada.until(&order.id, OrderState::Paid).await.id);
            }
            orders
        }
    })
    .await;
    for id in orders.iter().flatten() {
        until_told(&staff, "order.paid", id).await;
    }
    let all = events(&staff, &[]).await;
    assert!(all.iter().map(|event| event.position).eq(1..=all.len() as i64));
    for id in orders.iter().flatten() {
        let told = types_of(&all, id);
        let once = |kind: &str| told.iter().filter(|it| **it == kind).count();
        assert_eq!((once("order.created"), once("order.paid")), (1, 1), "{told:?}");
    }
    for stream in &mut streams {
        for event in &all {
            let seen = stream.next().await.unwrap().unwrap();
            assert_eq!((seen.position, &seen.id), (event.position, &event.id), "whichever replica tells it");
        }
    }
}

/// Covers: mesh.events, mesh.crash.
async fn nothing_is_lost_or_told_twice_by_a_kill(setup: Setup) {
    let mut mesh = setup.split().start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 1_000).await;
    let mut orders = Vec::new();
    for round in 0..3 {
        let buying = tokio::spawn({
            let (ada, article): (Shopper, _) = (ada.clone().patient(), article.id.clone());
            async move {
                let mut orders = Vec::new();
                for _ in 0..6 {
                    orders.push(ada.order(&article, 1, "sim_approve").await.expect("an order").body.id);
                }
                orders
            }
        });
        tokio::time::sleep(Duration::from_millis(100 + 70 * round)).await;
        mesh.kill("mesh");
        orders.extend(buying.await.unwrap());
        mesh.restart("mesh");
    }
    for id in &orders {
        ada.until(id, OrderState::Paid).await;
    }
    let all = within(Duration::from_secs(30), "every order is told of", || async {
        let Ok(page) = staff.list_events(of(&[])).await else { return None };
        let all = page.body.events;
        orders.iter().all(|id| types_of(&all, id).contains(&"order.paid")).then_some(all)
    })
    .await;
    assert!(all.iter().map(|event| event.position).eq(1..=all.len() as i64));
    for id in &orders {
        let told = types_of(&all, id);
        let once = |kind: &str| told.iter().filter(|it| **it == kind).count();
        assert_eq!((once("order.created"), once("order.paid")), (1, 1), "{told:?}");
    }
}
