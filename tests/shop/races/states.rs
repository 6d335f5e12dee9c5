//! An order goes one way only.

use contracts::{
    order::OrderState,
    payment::{ListRefundsRequest, PaymentState},
    user::DeleteUserRequest,
};

use super::{winner, winners};
use crate::support::{Setup, at_once, eur, money::cents, until};

on_every_database!(
    cancelling_against_capture_keeps_the_money_or_gives_it_back,
    an_order_cancelled_twenty_times_at_once_is_refunded_once,
    shipping_against_cancelling_has_one_winner,
    an_order_is_shipped_once_and_delivered_once,
    erasing_a_user_against_her_checkout_leaves_nothing_open,
);

/// Covers: order.cancel.
async fn cancelling_against_capture_keeps_the_money_or_gives_it_back(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    let mut sold = 0;
    for round in 0..10 {
        let order = ada.add(&article.id, 1).await.unwrap();
        let method = if round % 2 == 0 { "sim_approve" } else { "sim_slow" };
        let outcomes = at_once(4, |number| {
            let (ada, id) = (ada.at(number), order.id.clone());
            async move { if number == 0 { ada.pay(&id, method).await } else { ada.cancel(&id).await } }
        })
        .await;
        winners(outcomes, &["ILLEGAL_STATE"]);
        let order = ada.at_rest(&order.id).await;
        assert!(matches!(order.state(), OrderState::Paid | OrderState::Cancelled), "{order:?}");
        let kept = order.state() == OrderState::Paid;
        sold += i64::from(kept);
        until("money and stock agree with the order", || async {
            let payments = ada.payments(&order.id).await;
            let held = payments.iter().map(|it| cents(&it.captured) - cents(&it.refunded)).sum::<i64>();
            let done = payments.iter().all(|it| {
                use PaymentState::{Captured, Declined, Refunded, Voided};
                matches!(it.state(), Captured | Declined | Refunded | Voided)
            });
            let stock = staff.stock(&article.id).await;
            (done && held == i64::from(kept) * 1000 && stock == (100 - sold, 0, sold)).then_some(())
        })
        .await;
    }
}

/// Covers: order.cancel.
async fn an_order_cancelled_twenty_times_at_once_is_refunded_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = ada.order(&article.id, 4, "sim_approve").await.unwrap();
    let order = ada.until(&order.id, OrderState::Paid).await;
    let outcomes = at_once(20, |number| {
        let (ada, id) = (ada.at(number), order.id.clone());
        async move { ada.cancel(&id).await }
    })
    .await;
    winner(outcomes, &["ILLEGAL_STATE"]);
    let payment = ada.until_payment(&order.payment_id, PaymentState::Refunded).await;
    assert_eq!(payment.refunded, payment.captured);
    let refunds = ListRefundsRequest { payment_id: payment.id, ..Default::default() };
    assert_eq!(ada.list_refunds(refunds).await.unwrap().refunds.len(), 1);
    staff.until_stock(&article.id, (10, 0, 0)).await;
}

/// Covers: order.ship.
async fn shipping_against_cancelling_has_one_winner(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    for _ in 0..5 {
        let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
        let order = ada.until(&order.id, OrderState::Paid).await;
        let outcomes = at_once(6, |number| {
            let (ada, staff, id) = (ada.at(number / 2), staff.at(number / 2), order.id.clone());
            async move { if number % 2 == 0 { ada.cancel(&id).await } else { staff.ship(&id).await } }
        })
        .await;
        let won = winner(outcomes, &["ILLEGAL_STATE"]);
        let order = ada.see(&order.id).await;
        assert_eq!(order.state(), won.state());
        if won.state() == OrderState::Cancelled {
            ada.until_payment(&order.payment_id, PaymentState::Refunded).await;
        } else {
            ada.until_payment(&order.payment_id, PaymentState::Captured).await;
        }
    }
}

async fn an_order_is_shipped_once_and_delivered_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    let order = ada.until(&order.id, OrderState::Paid).await;
    let before = ada.history(&order.id).await.len();
    let shipped = at_once(15, |number| {
        let (staff, id) = (staff.at(number), order.id.clone());
        async move { staff.ship(&id).await }
    })
    .await;
    winner(shipped, &["ILLEGAL_STATE"]);
    let delivered = at_once(15, |number| {
        let (staff, id) = (staff.at(number), order.id.clone());
        async move { staff.deliver(&id).await }
    })
    .await;
    winner(delivered, &["ILLEGAL_STATE"]);
    let history = ada.history(&order.id).await;
    let states = history[before..].iter().map(|event| event.state()).collect::<Vec<_>>();
    assert_eq!(states, [OrderState::Shipped, OrderState::Delivered]);
}

/// Covers: user.erase.
async fn erasing_a_user_against_her_checkout_leaves_nothing_open(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(1000), 100).await;
    let mut sold = 0;
    for shopper in mesh.shoppers(4).await {
        let order = shopper.add(&article.id, 1).await.unwrap();
        let outcomes = at_once(2, |number| {
            let (shopper, id) = (shopper.at(number), order.id.clone());
            async move {
                if number == 0 {
                    let _ = shopper.pay(&id, "sim_approve").await;
                } else {
                    let request = DeleteUserRequest { id: "me".into(), etag: String::new() };
                    shopper.delete_user(request).await.expect("she may go");
                }
            }
        })
        .await;
        assert_eq!(outcomes.len(), 2);
        let order = until("the order is paid or cancelled", || async {
            let order = staff.see(&order.id).await;
            matches!(order.state(), OrderState::Paid | OrderState::Cancelled).then_some(order)
        })
        .await;
        sold += i64::from(order.state() == OrderState::Paid);
        staff.until_stock(&article.id, (100 - sold, 0, sold)).await;
    }
}
