//! The live stream of an order.

use contracts::{order::OrderState, user::SignOutRequest};
use serde_json::Value;

use crate::support::{Backend, Code, Edge, Refused, Setup, eur};

on_both_edges!(
    a_watcher_sees_every_change_as_it_happens,
    a_stream_of_a_final_order_ends_at_once,
    a_stream_ends_with_the_session_it_was_opened_in,
);
tests!(
    server_sent_events_carry_the_sequence_and_resume_after_it,
    a_stream_that_fails_says_so_in_its_last_line,
);
each!(on_postgres: Setup::default().on(Backend::Postgres).replicas(2); a_watcher_sees_what_another_replica_changed);
each!(on_mysql: Setup::default().on(Backend::MySql).replicas(2); a_watcher_sees_what_another_replica_changed);

/// Covers: order.history.
async fn a_watcher_sees_every_change_as_it_happens(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.add(&article.id, 1).await.unwrap();
    let mut watch = ada.watch(&order.id, 0).await;
    let mut late = staff.watch(&order.id, 1).await;
    let first = watch.next().await.unwrap().unwrap();
    assert_eq!((first.sequence, first.state()), (1, OrderState::Open));
    ada.pay(&order.id, "sim_approve").await.unwrap();
    let mut last = first;
    while last.state() != OrderState::Paid {
        let event = watch.next().await.unwrap().unwrap();
        assert_eq!(event.sequence, last.sequence + 1);
        last = event;
    }
    staff.ship(&order.id).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), OrderState::Shipped);
    staff.deliver(&order.id).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), OrderState::Delivered);
    assert!(watch.next().await.is_none(), "it ends after a final state");
    assert_eq!(late.rest().await, ada.history(&order.id).await[1..]);
}

/// Covers: order.history.
async fn a_stream_of_a_final_order_ends_at_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.add(&article.id, 1).await.unwrap();
    ada.cancel(&order.id).await.unwrap();
    let history = ada.history(&order.id).await;
    assert_eq!(ada.watch(&order.id, 0).await.rest().await, history);
    assert!(ada.watch(&order.id, history.len() as i64).await.rest().await.is_empty());
}

async fn a_stream_ends_with_the_session_it_was_opened_in(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.add(&article.id, 1).await.unwrap();
    let mut watch = ada.watch(&order.id, 0).await;
    watch.next().await.unwrap().unwrap();
    ada.sign_out(SignOutRequest {}).await.unwrap();
    let refusal = watch.next().await.unwrap().unwrap_err();
    assert_eq!(refusal.code, Code::Unauthenticated, "{refusal:?}");
}

/// Covers: order.history.
async fn server_sent_events_carry_the_sequence_and_resume_after_it(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    let seen = ada.history(&order.id).await.len();
    let first = ada.events(&order.id, None, seen).await;
    assert_eq!(first.len(), seen);
    for (number, (id, event, data)) in first.iter().enumerate() {
        assert_eq!((id, event.as_str()), (&(number + 1).to_string(), "message"));
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["orderId"], order.id.as_str());
        assert_eq!(data["sequence"], id.as_str());
    }
    let resumed = tokio::spawn({
        let (ada, id) = (ada.clone(), order.id.clone());
        async move { ada.events(&id, Some(seen as i64), usize::MAX).await }
    });
    staff.ship(&order.id).await.unwrap();
    staff.deliver(&order.id).await.unwrap();
    let states = resumed.await.unwrap().into_iter().map(|(_, _, data)| {
        let data: Value = serde_json::from_str(&data).unwrap();
        data["state"].as_str().unwrap().to_owned()
    });
    assert_eq!(states.collect::<Vec<_>>(), ["ORDER_STATE_SHIPPED", "ORDER_STATE_DELIVERED"]);
}

/// Covers: order.history.
async fn a_stream_that_fails_says_so_in_its_last_line(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.add(&article.id, 1).await.unwrap();
    let headers = [("grpc-timeout", "500m")];
    let path = format!("/v1/orders/{}:watch", order.id);
    let lines = ada.lines(&path, &headers).await.unwrap();
    let lines = futures::StreamExt::collect::<Vec<String>>(lines).await;
    let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(last["error"]["status"], "DEADLINE_EXCEEDED", "{lines:?}");
    assert!(lines[0].starts_with("{\"result\":"), "{lines:?}");
    ada.get_order(contracts::order::GetOrderRequest { id: "ord_01h455vb4pex5vsknk084sn02q".into() })
        .await
        .missing();
}

/// Covers: order.history.
async fn a_watcher_sees_what_another_replica_changed(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.add(&article.id, 1).await.unwrap();
    let mut watch = ada.at(1).watch(&order.id, 1).await;
    ada.at(0).cancel(&order.id).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().state(), OrderState::Cancelled);
    assert!(watch.next().await.is_none());
}
