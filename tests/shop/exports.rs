//! Exporting orders, for the accountant.

use contracts::order::{AdjustmentType, ExportOrdersRequest, ListOrdersRequest, Order, OrderState};

use crate::{
    adjustments::adjustment,
    support::{Code, Edge, Refused, Setup, at_once, eur, money, shop::new_order},
};

on_both_edges!(
    an_export_has_every_order_whole_and_in_the_order_in_which_they_were_made,
    an_export_is_filtered,
    an_export_goes_on_after_the_last_order_received,
    an_export_is_for_staff_and_well_asked_for,
);
tests!(an_export_as_server_sent_events_resumes_by_itself, an_export_of_many_pages_is_whole,);

fn of(states: &[OrderState]) -> ExportOrdersRequest {
    ExportOrdersRequest { state: states.iter().map(|it| (*it).into()).collect(), ..Default::default() }
}

fn ids(orders: &[Order]) -> Vec<&str> {
    orders.iter().map(|order| order.id.as_str()).collect()
}

/// Covers: order.export.
async fn an_export_has_every_order_whole_and_in_the_order_in_which_they_were_made(setup: Setup) {
    let mesh = setup.env("FEIRA_SHIPPING", "4.99 EUR").start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 50).await;
    assert!(staff.export_orders(ExportOrdersRequest::default()).await.rest().await.is_empty());
    let basket = ada.add(&article.id, 2).await.unwrap();
    let paid = bob.order(&article.id, 1, "sim_approve").await.unwrap();
    bob.until(&paid.id, OrderState::Paid).await;
    staff.add_adjustment(adjustment(&basket.id, AdjustmentType::Discount, -700)).await.unwrap();
    let exported = staff.export_orders(ExportOrdersRequest::default()).await.rest().await;
    assert_eq!(exported, [staff.see(&basket.id).await, staff.see(&paid.id).await]);
    assert_eq!(exported[0].adjustments.len(), 2, "{exported:#?}");
    assert!(exported.iter().all(|order| order.tax_included.is_some() && !order.lines.is_empty()));
}

/// Covers: order.export.
async fn an_export_is_filtered(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 50).await;
    let yen = staff.stocked(money(1000, 0, "JPY"), 50).await;
    let mut paid = Vec::new();
    for _ in 0..3 {
        let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
        paid.push(ada.until(&order.id, OrderState::Paid).await);
    }
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    let other = bob.create_order(new_order(&yen.id, 1, "sim_approve")).await.unwrap();
    let other = bob.until(&other.id, OrderState::Paid).await;
    let export = async |request| staff.export_orders(request).await.rest().await;
    let all_paid = [&paid[0].id, &paid[1].id, &paid[2].id, &other.id];
    assert_eq!(ids(&export(of(&[OrderState::Paid])).await), all_paid);
    assert_eq!(ids(&export(of(&[OrderState::Open, OrderState::Shipped])).await), [&basket.id]);
    let owing = ExportOrdersRequest { owing: true, ..Default::default() };
    assert_eq!(export(owing).await, [], "nobody waits for money");
    let after = ExportOrdersRequest { placed_after: paid[1].place_time, ..Default::default() };
    assert_eq!(ids(&export(after).await), [&paid[1].id, &paid[2].id, &other.id], "a basket is not placed");
    let before = ExportOrdersRequest { placed_before: paid[1].place_time, ..Default::default() };
    assert_eq!(ids(&export(before).await), [&paid[0].id]);
    let hers = ExportOrdersRequest { user_id: bob.user.id.clone(), ..Default::default() };
    assert_eq!(ids(&export(hers).await), [&other.id]);
    let yen = ExportOrdersRequest { currency_code: "JPY".into(), ..of(&[OrderState::Paid]) };
    assert_eq!(ids(&export(yen).await), [&other.id]);
    let none = ExportOrdersRequest { currency_code: "USD".into(), ..Default::default() };
    assert!(export(none).await.is_empty());
}

/// Covers: order.export.
async fn an_export_goes_on_after_the_last_order_received(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 50).await;
    for _ in 0..5 {
        let order = ada.order(&article.id, 1, "sim_decline").await.unwrap();
        ada.at_rest(&order.id).await;
    }
    let all = staff.export_orders(ExportOrdersRequest::default()).await.rest().await;
    assert_eq!(all.len(), 5);
    let mut first = staff.export_orders(ExportOrdersRequest::default()).await;
    let mut received = Vec::new();
    for _ in 0..2 {
        received.push(first.next().await.unwrap().unwrap());
    }
    drop(first);
    let after_id = received.last().unwrap().id.clone();
    received.extend(
        staff.export_orders(ExportOrdersRequest { after_id, ..Default::default() }).await.rest().await,
    );
    assert_eq!(received, all);
    let after_id = all.last().unwrap().id.clone();
    assert!(
        staff
            .export_orders(ExportOrdersRequest { after_id, ..Default::default() })
            .await
            .rest()
            .await
            .is_empty()
    );
}

/// Covers: order.export, access, bad-input.
async fn an_export_is_for_staff_and_well_asked_for(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let refused = async |client: &crate::support::Client, request| {
        client.export_orders(request).await.next().await.expect("an error").unwrap_err()
    };
    assert_eq!(refused(&ada, ExportOrdersRequest::default()).await.code, Code::PermissionDenied);
    assert_eq!(refused(&mesh.client(), ExportOrdersRequest::default()).await.code, Code::Unauthenticated);
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    for (request, field) in [
        (ExportOrdersRequest { after_id: "42".into(), ..Default::default() }, "after_id"),
        (ExportOrdersRequest { user_id: "42".into(), ..Default::default() }, "user_id"),
        (ExportOrdersRequest { currency_code: "euro".into(), ..Default::default() }, "currency_code"),
        (ExportOrdersRequest { currency_code: "ABC".into(), ..Default::default() }, "currency_code"),
        (of(&[OrderState::Unspecified]), "state[0]"),
        (
            ExportOrdersRequest { placed_after: at(2), placed_before: at(1), ..Default::default() },
            "placed_after",
        ),
    ] {
        let refusal = refused(&staff, request.clone()).await;
        assert_eq!(refusal.code, Code::InvalidArgument, "{request:?}: {refusal:?}");
        assert!(refusal.fields.iter().any(|it| it == field), "{field}: {refusal:?}");
    }
    let upside_down = ListOrdersRequest { placed_after: at(2), placed_before: at(1), ..Default::default() };
    staff.list_orders(upside_down).await.names("placed_after");
}

/// Covers: order.export.
async fn an_export_as_server_sent_events_resumes_by_itself(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 50).await;
    for _ in 0..3 {
        let order = ada.order(&article.id, 1, "sim_decline").await.unwrap();
        ada.at_rest(&order.id).await;
    }
    let all = staff.export_orders(ExportOrdersRequest::default()).await.rest().await;
    let path = "/v1/orders:export?state=ORDER_STATE_AWAITING_PAYMENT";
    let events = staff.server_sent(path, None, usize::MAX).await;
    let received = events.iter().map(|(id, _, _)| id.as_str()).collect::<Vec<_>>();
    assert_eq!(received, ids(&all));
    let data: serde_json::Value = serde_json::from_str(&events[0].2).unwrap();
    assert_eq!((data["id"].as_str().unwrap(), events[0].1.as_str()), (all[0].id.as_str(), "message"));
    let rest = staff.server_sent(path, Some(&events[0].0), usize::MAX).await;
    assert_eq!(rest, events[1..]);
}

/// Covers: order.export.
async fn an_export_of_many_pages_is_whole(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await.patient());
    let article = staff.stocked(eur(1000), 1000).await;
    // Pages of an export have a hundred orders.
    at_once(6, |number| {
        let (ada, id) = (ada.clone(), article.id.clone());
        async move {
            for one in 0..35 {
                let ada = ada.with_key(&format!("order-{number}-{one}"));
                ada.order(&id, 1, "sim_approve").await.expect("an order");
            }
        }
    })
    .await;
    let page = ListOrdersRequest { page_size: 1000, ..Default::default() };
    let mut listed = ada.list_orders(page).await.unwrap().body.orders;
    listed.reverse();
    let exported = staff.export_orders(ExportOrdersRequest::default()).await.rest().await;
    assert_eq!((ids(&exported), exported.len()), (ids(&listed), 210));
}
