//! Taking an order back that waits for its payment.

mod interrupted;

use contracts::{
    order::{
        AdjustmentType, CheckoutRequest, GetOpenOrderRequest, Order, OrderState, RemoveLineRequest,
        ReopenOrderRequest, UpdateLineRequest,
    },
    payment::PaymentState,
};
use serde_json::json;

use crate::{
    adjustments::adjustment,
    support::{
        Client, Code, Outcome, Refused, Reply, Setup, Shopper, eur,
        money::cents,
        shop::{act, checkout},
        until,
    },
};

on_both_edges!(
    a_reopened_order_is_the_basket_again_its_money_and_stock_given_back,
    an_order_placed_in_one_call_becomes_the_basket,
    another_basket_is_not_pushed_aside,
    only_an_order_that_waits_for_its_payment_is_reopened,
    what_staff_added_stays_through_reopening,
    a_repeat_of_a_reopening_is_answered_as_it_was,
);

pub async fn reopen(client: &Client, id: &str) -> Outcome<Order> {
    client.reopen_order(ReopenOrderRequest { id: id.into(), etag: String::new() }).await
}

/// Faults of the simulated provider, whose address an order's action URL begins with.
pub async fn faults(client: &Client, action_url: &str, plan: serde_json::Value) {
    let (base, _) = action_url.split_once("/actions/").expect("the simulated provider's address");
    let http = client.anonymous().http();
    let request = http.request(http::Method::PUT, &format!("{base}/faults"));
    let reply = crate::support::Reply::read(
        request.header("content-type", "application/json").body(plan.to_string()),
    )
    .await;
    assert!(reply.status.is_success(), "{}", reply.text());
}

/// Approves at the bank, if it is not too late for that.
pub async fn approve(client: &Client, order: &Order) -> Reply {
    client.anonymous().http().post(&order.payment_action_url, json!({"outcome": "approve"})).await
}

/// An order of one that waits for an action of its customer.
pub async fn waiting(ada: &Shopper, article: &str) -> Order {
    let order = ada.order(article, 1, "sim_action").await.unwrap();
    until("there is something to act on", || async {
        Some(ada.see(&order.id).await).filter(|order| !order.payment_action_url.is_empty())
    })
    .await
}

/// Covers: order.reopen.
async fn a_reopened_order_is_the_basket_again_its_money_and_stock_given_back(setup: Setup) {
    let setup = setup.env("FEIRA_PAYMENT_TYPES", "1=simulated;2=simulated,flat=0.50 EUR");
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let basket = ada.add(&article.id, 3).await.unwrap();
    let by_type = CheckoutRequest { payment_type: Some(2), ..checkout("open", "sim_action") };
    ada.checkout(by_type).await.unwrap();
    let order = until("there is something to act on", || async {
        Some(ada.see(&basket.id).await).filter(|order| !order.payment_action_url.is_empty())
    })
    .await;
    assert_eq!((cents(&order.total), staff.stock(&article.id).await), (3050, (7, 3, 0)));
    ada.get_open_order(GetOpenOrderRequest {}).await.missing();

    let open = reopen(&ada, &order.id).await.unwrap().body;
    assert_eq!((open.state(), open.id.as_str()), (OrderState::Open, basket.id.as_str()));
    assert_eq!((cents(&open.total), open.place_time, open.payment_action_url.as_str()), (3000, None, ""));
    assert!(open.adjustments.is_empty(), "the payment's fee goes with it: {open:?}");
    assert_eq!(ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().body, open);
    assert_eq!(staff.stock(&article.id).await, (10, 0, 0), "it is released by the time of the answer");
    ada.until_payment(&order.payment_id, PaymentState::Voided).await;
    let last = ada.history(&order.id).await.pop().unwrap();
    assert_eq!((last.state(), last.actor.as_str()), (OrderState::Open, ada.user.id.as_str()));

    // Its lines change again, and it is paid another way.
    let (order_id, line_id) = ("open".into(), open.lines[0].id.clone());
    let request = UpdateLineRequest { order_id, line_id, quantity: 2, etag: String::new() };
    ada.update_line(request).await.unwrap();
    let paid = ada.checkout(CheckoutRequest { destination: None, ..checkout("open", "") }).await.unwrap();
    let paid = ada.until(&paid.id, OrderState::Paid).await;
    assert_eq!((paid.id.as_str(), cents(&paid.total)), (basket.id.as_str(), 2000));
    assert_ne!(paid.payment_id, order.payment_id);
    assert_eq!(staff.stock(&article.id).await, (8, 0, 2));
}

/// Covers: order.reopen.
async fn an_order_placed_in_one_call_becomes_the_basket(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (article, other) = (staff.stocked(eur(1000), 10).await, staff.stocked(eur(100), 1).await);
    let order = ada.order(&article.id, 2, "sim_decline").await.unwrap();
    let order = ada.at_rest(&order.id).await;
    assert_eq!(order.payment_failure, "DECLINED");
    let open = reopen(&ada, &order.id).await.unwrap();
    assert_eq!((open.state(), open.payment_failure.as_str()), (OrderState::Open, ""));
    let basket = ada.add(&other.id, 2).await.unwrap();
    assert_eq!((basket.id.as_str(), basket.lines.len()), (order.id.as_str(), 2));
    // As a basket it is put back, where an order placed in one call would be given up.
    ada.pay("open", "").await.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
    let basket = ada.get_open_order(GetOpenOrderRequest {}).await.unwrap();
    assert_eq!((basket.id.as_str(), basket.state()), (order.id.as_str(), OrderState::Open));
    let line_id = basket.lines.iter().find(|it| it.article_id == other.id).unwrap().id.clone();
    let request = RemoveLineRequest { order_id: "open".into(), line_id, etag: String::new() };
    ada.remove_line(request).await.unwrap();
    ada.pay("open", "").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    staff.until_stock(&article.id, (8, 0, 2)).await;
}

/// Covers: order.reopen.
async fn another_basket_is_not_pushed_aside(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = ada.order(&article.id, 2, "sim_action").await.unwrap();
    let order = until("there is something to act on", || async {
        Some(ada.see(&order.id).await).filter(|order| !order.payment_action_url.is_empty())
    })
    .await;
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    reopen(&ada, &order.id).await.refused(Code::FailedPrecondition, "BASKET_EXISTS");
    assert_eq!(ada.see(&order.id).await, order, "nothing was changed");
    assert_eq!(ada.see("open").await, basket);
    assert_eq!(staff.stock(&article.id).await, (8, 2, 0));
    // Its payment is alive.
    act(&ada, &order, "approve").await;
    ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: order.reopen.
async fn only_an_order_that_waits_for_its_payment_is_reopened(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, eve) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let illegal = async |client: &Client, id: &str, state: OrderState| {
        let refusal = reopen(client, id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
        assert_eq!(refusal.info("state"), state.as_str_name());
    };
    let basket = ada.add(&article.id, 1).await.unwrap();
    illegal(&ada, "open", OrderState::Open).await;
    ada.pay("open", "sim_approve").await.unwrap();
    let paid = ada.until(&basket.id, OrderState::Paid).await;
    illegal(&ada, &paid.id, OrderState::Paid).await;
    staff.ship(&paid.id).await.unwrap();
    illegal(&staff, &paid.id, OrderState::Shipped).await;
    let order = ada.order(&article.id, 1, "sim_decline").await.unwrap();
    let order = ada.at_rest(&order.id).await;
    reopen(&eve, &order.id).await.missing();
    reopen(&ada, "ord_01h455vb4pex5vsknk084sn02q").await.missing();
    reopen(&ada, "42").await.names("id");
    reopen(&mesh.client(), &order.id).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let stale = ReopenOrderRequest { id: order.id.clone(), etag: "1".into() };
    ada.reopen_order(stale).await.refused(Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(ada.see(&order.id).await, order);
    // Staff does it for her: it is her basket.
    reopen(&staff, &order.id).await.unwrap();
    assert_eq!(ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().id, order.id);
    ada.cancel("open").await.unwrap();
    illegal(&ada, &order.id, OrderState::Cancelled).await;
}

/// Covers: order.reopen.
async fn what_staff_added_stays_through_reopening(setup: Setup) {
    let mesh = setup.env("FEIRA_SHIPPING", "4.99 EUR").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let basket = ada.add(&article.id, 2).await.unwrap();
    let discount = adjustment(&basket.id, AdjustmentType::Discount, -500);
    let before = staff.add_adjustment(discount).await.unwrap().body;
    ada.pay("open", "sim_decline").await.unwrap();
    ada.at_rest(&basket.id).await;
    let open = reopen(&ada, &basket.id).await.unwrap();
    assert_eq!((&open.adjustments, cents(&open.total)), (&before.adjustments, 1999));
    let discount = open.adjustments.iter().find(|it| !it.automatic).unwrap().id.clone();
    let (order_id, adjustment_id) = (open.id.clone(), discount);
    let request = contracts::order::RemoveAdjustmentRequest { order_id, adjustment_id, etag: String::new() };
    assert_eq!(cents(&staff.remove_adjustment(request).await.unwrap().total), 2499);
}

/// Covers: order.reopen, idempotency.
async fn a_repeat_of_a_reopening_is_answered_as_it_was(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = ada.order(&article.id, 2, "sim_decline").await.unwrap();
    let order = ada.at_rest(&order.id).await;
    let keyed = ada.with_key("reopen-1");
    let first = reopen(&keyed, &order.id).await.unwrap();
    ada.pay("open", "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    let again = reopen(&keyed, &order.id).await.unwrap();
    assert!(again.replayed() && !first.replayed());
    assert_eq!((again.state(), &again.body), (OrderState::Open, &first.body));
    assert_eq!(ada.see(&order.id).await.state(), OrderState::Paid);
}
