//! How much one user's unpaid orders may hold.

use contracts::order::{ListOrdersRequest, OrderState};

use crate::support::{
    Code, Refused, Setup, eur,
    shop::{checkout, new_order},
};

on_both_edges!(unpaid_orders_of_one_user_hold_so_much_stock_and_no_more);

/// Covers: order.limits.
async fn unpaid_orders_of_one_user_hold_so_much_stock_and_no_more(setup: Setup) {
    let setup = setup.env("FEIRA_MAX_UNPAID_ORDERS", "2").env("FEIRA_MAX_UNPAID_UNITS", "5");
    let mesh = setup.start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 50).await;
    let one = ada.order(&article.id, 3, "sim_action").await.unwrap();

    // Placed in one call: kept as CANCELLED, and its stock is free.
    let refusal =
        ada.order(&article.id, 3, "sim_action").await.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED");
    assert_eq!((refusal.info("limit"), refusal.info("value")), ("unpaid_units", "5"));
    assert_eq!(refusal.info("article_id"), article.id);
    ada.until(refusal.info("order_id"), OrderState::Cancelled).await;
    assert_eq!(staff.stock(&article.id).await, (47, 3, 0));
    // Its key keeps the refusal.
    let keyed = ada.keyed("limits-1");
    let again = async || keyed.create_order(new_order(&article.id, 3, "sim_approve")).await;
    let first = again().await.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED");
    let second = again().await.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED");
    assert_eq!(first.info("order_id"), second.info("order_id"));

    // A basket stays one. What fits goes, and another's orders are another's.
    ada.add(&article.id, 3).await.unwrap();
    ada.checkout(checkout("open", "sim_action")).await.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED");
    assert_eq!(ada.see("open").await.state(), OrderState::Open);
    ada.order(&article.id, 2, "sim_action").await.unwrap();
    bob.order(&article.id, 5, "sim_action").await.unwrap();

    // The third order that waits, whatever is in it.
    let refusal =
        ada.order(&article.id, 1, "sim_approve").await.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED");
    assert_eq!((refusal.info("limit"), refusal.info("value")), ("unpaid_orders", "2"));
    ada.cancel(&one.id).await.unwrap();
    staff.until_stock(&article.id, (43, 7, 0)).await;
    let paid = ada.checkout(checkout("open", "sim_approve")).await.unwrap();
    assert_eq!(paid.state(), OrderState::Paid);
    // What is paid no longer counts.
    ada.order(&article.id, 3, "sim_approve").await.unwrap();
    assert_eq!(staff.stock(&article.id).await, (37, 7, 6));
    let orders = ada.list_orders(ListOrdersRequest::default()).await.unwrap().body.orders;
    let waiting = orders.iter().filter(|order| order.state() == OrderState::AwaitingPayment).count();
    assert_eq!(waiting, 1);
}
