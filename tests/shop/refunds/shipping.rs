//! Shipping what was refunded.

use contracts::{
    order::{CountOrdersRequest, ListOrdersRequest, OrderState},
    payment::RefundState,
};
use serde_json::json;

use crate::reopening::{faults, waiting};
use crate::support::{Backend, Code, Mesh, Refused, Setup, eur, money::cents, until};

use super::{bought, paid, refund, ship, to_ship, until_refunded};

on_both_edges!(
    what_is_refunded_in_full_is_shipped_by_force_only,
    what_waits_to_be_shipped_is_neither_refunded_nor_about_to_be,
    an_order_is_not_shipped_while_its_money_is_on_its_way_back,
);
each!(split: Setup::default().on(Backend::Sqlite).split(); shipping_needs_no_payment_service);

/// Covers: order.refunded, order.ship.
async fn what_is_refunded_in_full_is_shipped_by_force_only(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = paid(&ada, &article.id, 1).await;
    assert_eq!(bought(&ada).await, [(article.id.clone(), 1)]);
    refund(&staff, &order, None).await;
    // At once, whatever the order has heard of it.
    staff.ship_order(ship(&order.id, false)).await.refused(Code::FailedPrecondition, "REFUNDED");
    let order = until_refunded(&ada, &order.id, 1000).await;
    staff.ship_order(ship(&order.id, false)).await.refused(Code::FailedPrecondition, "REFUNDED");
    assert_eq!(ada.see(&order.id).await, order, "nothing was changed");
    assert!(bought(&ada).await.is_empty(), "she has not paid for it");
    let shipped = staff.ship_order(ship(&order.id, true)).await.unwrap();
    assert_eq!((shipped.state(), cents(&shipped.refunded)), (OrderState::Shipped, 1000));
    // Shipped already: that comes first.
    let again = staff.ship_order(ship(&order.id, false)).await;
    again.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    // In part, and force where it is not needed.
    let order = paid(&ada, &article.id, 1).await;
    refund(&staff, &order, Some(999)).await;
    until_refunded(&ada, &order.id, 999).await;
    assert_eq!(staff.ship_order(ship(&order.id, false)).await.unwrap().state(), OrderState::Shipped);
    let order = paid(&ada, &article.id, 1).await;
    assert_eq!(staff.ship_order(ship(&order.id, true)).await.unwrap().state(), OrderState::Shipped);
    assert_eq!(bought(&ada).await, [(article.id.clone(), 2)]);
}

/// Covers: order.refunded, order.list, order.export.
async fn what_waits_to_be_shipped_is_neither_refunded_nor_about_to_be(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 20).await;
    let (mut due, mut orders) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        orders.push(paid(&ada, &article.id, 1).await);
    }
    ada.add(&article.id, 1).await.unwrap();
    due.extend(orders.iter().map(|order| order.id.clone()));
    assert_eq!(to_ship(&staff).await, due);
    // In part; shipped; in full, at once and in parts.
    refund(&staff, &orders[0], Some(999)).await;
    until_refunded(&staff, &orders[0].id, 999).await;
    staff.ship(&orders[1].id).await.unwrap();
    refund(&staff, &orders[2], None).await;
    refund(&staff, &orders[3], Some(400)).await;
    refund(&staff, &orders[3], Some(600)).await;
    for order in &orders[2..4] {
        until_refunded(&staff, &order.id, 1000).await;
    }
    due = vec![orders[0].id.clone(), orders[4].id.clone()];
    assert_eq!(to_ship(&staff).await, due);
    // Of what is asked for beside it, both is true.
    let state = vec![OrderState::Paid.into(), OrderState::Shipped.into()];
    let request = ListOrdersRequest { to_ship: true, state: state.clone(), ..Default::default() };
    assert_eq!(staff.list_orders(request).await.unwrap().body.orders.len(), 2);
    assert_eq!(staff.count_orders(CountOrdersRequest { to_ship: true, state }).await.unwrap().count, 2);
    let state = vec![OrderState::Shipped.into()];
    let request = ListOrdersRequest { to_ship: true, state: state.clone(), ..Default::default() };
    assert_eq!(staff.list_orders(request).await.unwrap().body.orders, []);
    assert_eq!(staff.count_orders(CountOrdersRequest { to_ship: true, state }).await.unwrap().count, 0);
    let request = ListOrdersRequest { to_ship: true, refunded: "partial".into(), ..Default::default() };
    assert_eq!(staff.list_orders(request).await.unwrap().body.orders[0].id, orders[0].id);
    // Staff may have shipped what is refunded.
    staff.ship_order(ship(&orders[2].id, true)).await.unwrap();
    assert_eq!(to_ship(&staff).await, due);
}

/// Covers: order.refunded, order.ship, payment.refund.
async fn an_order_is_not_shipped_while_its_money_is_on_its_way_back(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 20).await;
    let action_url = waiting(&ada, &article.id).await.payment_action_url.clone();
    let until_refunding = async |id: &str, expected: bool| {
        until("the order knows", || async {
            Some(ada.see(id).await).filter(|order| order.refunding == expected)
        })
        .await
    };
    for (parts, ended) in [([1000, 0], "refuse"), ([400, 600], "refuse"), ([600, 400], "")] {
        let order = paid(&ada, &article.id, 1).await;
        faults(&ada, &action_url, json!({"refund": {"fail_before": 1_000}})).await;
        let refunds = parts.into_iter().filter(|part| *part > 0);
        let mut left = refunds.clone().count();
        for part in refunds {
            if left == 1 && part < 1000 {
                // As long as something is left, it is an order like any other.
                let fine = ada.see(&order.id).await;
                assert!(!fine.refunding && to_ship(&staff).await == [order.id.clone()]);
            }
            let refund = refund(&staff, &order, Some(part)).await;
            assert_eq!(refund.state(), RefundState::Pending);
            left -= 1;
        }
        // At once, whatever the order has heard of it.
        staff.ship_order(ship(&order.id, false)).await.refused(Code::FailedPrecondition, "REFUNDED");
        let seen = until_refunding(&order.id, true).await;
        assert_eq!((cents(&seen.refunded), seen.state()), (0, OrderState::Paid));
        assert!(seen.etag != order.etag);
        assert!(to_ship(&staff).await.is_empty());
        staff.ship_order(ship(&order.id, false)).await.refused(Code::FailedPrecondition, "REFUNDED");
        assert_eq!(ada.see(&order.id).await, seen, "nothing was changed");
        if ended == "refuse" {
            // One of them fails: what it was to give back pays for the order again.
            faults(&ada, &action_url, json!({"refund": {"refuse": 1}})).await;
            until_refunding(&order.id, false).await;
            assert_eq!(staff.ship_order(ship(&order.id, false)).await.unwrap().state(), OrderState::Shipped);
        } else {
            faults(&ada, &action_url, json!({})).await;
            let seen = until_refunded(&ada, &order.id, 1000).await;
            assert!(!seen.refunding);
            staff.ship_order(ship(&order.id, false)).await.refused(Code::FailedPrecondition, "REFUNDED");
        }
    }
    // Whoever insists, ships.
    let order = paid(&ada, &article.id, 1).await;
    faults(&ada, &action_url, json!({"refund": {"fail_before": 1_000}})).await;
    refund(&staff, &order, None).await;
    assert_eq!(staff.ship_order(ship(&order.id, true)).await.unwrap().state(), OrderState::Shipped);
    faults(&ada, &action_url, json!({})).await;
    until_refunded(&ada, &order.id, 1000).await;
}

/// Covers: mesh.down.
async fn shipping_needs_no_payment_service(setup: Setup) {
    let mut mesh: Mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let action_url = waiting(&ada, &article.id).await.payment_action_url.clone();
    let [full, none] = [paid(&ada, &article.id, 1).await, paid(&ada, &article.id, 1).await];
    let under_way = paid(&ada, &article.id, 1).await;
    refund(&staff, &full, None).await;
    until_refunded(&ada, &full.id, 1000).await;
    faults(&ada, &action_url, json!({"refund": {"fail_before": 1_000}})).await;
    assert_eq!(refund(&staff, &under_way, None).await.state(), RefundState::Pending);
    until("the order knows", || async { ada.see(&under_way.id).await.refunding.then_some(()) }).await;
    mesh.kill("payment");
    for order in [&full, &under_way] {
        staff.ship_order(ship(&order.id, false)).await.refused(Code::FailedPrecondition, "REFUNDED");
    }
    assert_eq!(staff.ship_order(ship(&none.id, false)).await.unwrap().state(), OrderState::Shipped);
    mesh.restart("payment");
    until("payments are read again", || async { (!ada.payments(&none.id).await.is_empty()).then_some(()) })
        .await;
}
