//! How orders come to their end.

use contracts::{
    order::{GetOpenOrderRequest, OrderState},
    payment::PaymentState,
};

use crate::support::{Code, Refused, Setup, eur, shop::act, until};

use super::line;

on_both_edges!(
    staff_ship_what_is_paid_and_deliver_what_is_shipped,
    an_action_refused_at_the_bank_leaves_the_order_waiting,
    an_order_not_paid_in_time_expires_and_its_stock_comes_back,
    a_basket_is_cancelled_too,
);

/// Covers: order.ship.
async fn staff_ship_what_is_paid_and_deliver_what_is_shipped(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_decline").await.unwrap();
    ada.at_rest(&order.id).await;
    let refusal = staff.ship(&order.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(refusal.info("state"), "ORDER_STATE_AWAITING_PAYMENT");
    ada.pay(&order.id, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    let refusal = staff.deliver(&order.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(refusal.info("state"), "ORDER_STATE_PAID");
    ada.ship(&order.id).await.denied();
    ada.add_line(line(&order.id, &article.id, 1)).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    ada.pay(&order.id, "").await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let shipped = staff.ship(&order.id).await.unwrap();
    assert_eq!((shipped.carrier.as_str(), shipped.tracking_code.as_str()), ("CTT", "RR123456785PT"));
    staff.ship(&order.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let delivered = staff.deliver(&order.id).await.unwrap();
    assert_eq!((delivered.state(), delivered.carrier.as_str()), (OrderState::Delivered, "CTT"));
    ada.cancel(&order.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
}

/// Covers: payment.simulated.
async fn an_action_refused_at_the_bank_leaves_the_order_waiting(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_action").await.unwrap();
    let order = until("there is something to act on", || async {
        Some(ada.see(&order.id).await).filter(|order| !order.payment_action_url.is_empty())
    })
    .await;
    ada.pay(&order.id, "sim_approve").await.map(|_| ()).unwrap_or(());
    let order = ada.see(&order.id).await;
    if order.state() == OrderState::AwaitingPayment {
        act(&ada, &order, "decline").await;
        let order = ada.at_rest(&order.id).await;
        assert_eq!(
            (order.state(), order.payment_failure.as_str()),
            (OrderState::AwaitingPayment, "DECLINED")
        );
        ada.pay(&order.id, "sim_approve").await.unwrap();
    }
    ada.until(&order.id, OrderState::Paid).await;
    let payments = ada.payments(&order.id).await;
    assert_eq!(payments.iter().filter(|it| it.state() == PaymentState::Captured).count(), 1, "{payments:#?}");
}

/// Covers: order.expire.
async fn an_order_not_paid_in_time_expires_and_its_stock_comes_back(setup: Setup) {
    let mesh = setup.env("FEIRA_PAYMENT_WINDOW", "1").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let declined = ada.order(&article.id, 1, "sim_decline").await.unwrap();
    let waiting = ada.order(&article.id, 2, "sim_action").await.unwrap();
    for id in [&declined.id, &waiting.id] {
        ada.until(id, OrderState::Expired).await;
        assert_eq!(ada.history(id).await.last().unwrap().state(), OrderState::Expired);
    }
    staff.until_stock(&article.id, (10, 0, 0)).await;
    let payment = ada.payments(&waiting.id).await.remove(0);
    ada.until_payment(&payment.id, PaymentState::Voided).await;
    ada.pay(&waiting.id, "sim_approve").await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
}

/// Covers: order.cancel.
async fn a_basket_is_cancelled_too(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let basket = ada.add(&article.id, 1).await.unwrap();
    assert_eq!(ada.cancel("open").await.unwrap().state(), OrderState::Cancelled);
    ada.get_open_order(GetOpenOrderRequest {}).await.missing();
    let next = ada.add(&article.id, 1).await.unwrap();
    assert_ne!(next.id, basket.id);
    let history = ada.history(&basket.id).await;
    assert_eq!(history.last().unwrap().note, "changed my mind");
    assert_eq!(history.last().unwrap().actor, ada.user.id);
}
