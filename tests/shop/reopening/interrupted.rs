//! Payments that are not known, captures that come first, processes that die.

use std::time::{Duration, Instant};

use contracts::{
    order::{GetOpenOrderRequest, OrderState},
    payment::PaymentState,
};
use serde_json::json;

use crate::support::{Backend, Code, Refused, Setup, Shopper, eur, money::cents, until};

use super::{approve, faults, reopen, waiting};

tests!(
    an_order_whose_payment_is_not_known_is_not_reopened,
    money_captured_before_the_void_makes_the_order_paid,
    a_reopening_that_takes_long_is_answered_in_time_and_goes_on,
    without_payment_nothing_is_reopened,
);
each!(killed: Setup::default(); a_reopening_goes_on_after_a_kill);
each!(killed_on_postgres: Setup::default().on(Backend::Postgres); a_reopening_goes_on_after_a_kill);

/// Covers: order.reopen.
async fn an_order_whose_payment_is_not_known_is_not_reopened(setup: Setup) {
    let mesh = setup.env("FEIRA_PROVIDER_POLL_INTERVAL", "100ms").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let url = waiting(&ada, &article.id).await.payment_action_url;
    let plan = json!({"authorize": {"lose_answer": 1}, "ask": {"fail_before": 1_000_000}});
    faults(&ada, &url, plan).await;
    let order = ada.order(&article.id, 2, "sim_approve").await.unwrap();
    ada.until_payment(&order.payment_id, PaymentState::Unknown).await;
    let before = ada.see(&order.id).await;
    let refusal = reopen(&ada, &order.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(refusal.info("state"), "ORDER_STATE_AWAITING_PAYMENT");
    assert_eq!(ada.see(&order.id).await, before, "nothing was changed");
    ada.get_open_order(GetOpenOrderRequest {}).await.missing();
    faults(&ada, &url, json!({})).await;
    ada.until(&order.id, OrderState::Paid).await;
    reopen(&ada, &order.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
}

/// Covers: order.reopen.
async fn money_captured_before_the_void_makes_the_order_paid(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    for round in 1..=5 {
        let order = waiting(&ada, &article.id).await;
        // Both arrive at the same moment: the void finds what it finds.
        let (_, reopened) = tokio::join!(approve(&ada, &order), reopen(&ada, &order.id));
        let state = match reopened {
            Ok(answer) => answer.state(),
            Err(refusal) => {
                assert_eq!(refusal.reason, "ILLEGAL_STATE", "{refusal:?}");
                OrderState::Paid
            }
        };
        let held = async || {
            let payments = ada.payments(&order.id).await;
            payments.iter().map(|it| cents(&it.captured) - cents(&it.refunded)).sum::<i64>()
        };
        if state == OrderState::Open {
            until("the money is given back", || async { (held().await == 0).then_some(()) }).await;
            ada.cancel("open").await.unwrap();
        } else {
            ada.until(&order.id, OrderState::Paid).await;
            assert_eq!(held().await, 1000);
            ada.get_open_order(GetOpenOrderRequest {}).await.missing();
            ada.cancel(&order.id).await.unwrap();
        }
        until("round by round all comes back", || async {
            (staff.stock(&article.id).await == (100, 0, 0) && held().await == 0).then_some(())
        })
        .await;
        println!("round {round}: {state:?}");
    }
}

/// Covers: order.reopen.
async fn a_reopening_that_takes_long_is_answered_in_time_and_goes_on(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = waiting(&ada, &article.id).await;
    faults(&ada, &order.payment_action_url, json!({"void": {"delay_ms": 6000}})).await;
    let start = Instant::now();
    let answer = reopen(&ada, &order.id).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(answer.state(), OrderState::AwaitingPayment);
    // Meanwhile it is neither paid another way nor reopened again, and there is no other basket.
    ada.pay(&order.id, "sim_approve").await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    reopen(&ada, &order.id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    ada.add(&article.id, 1).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    let open = ada.until(&order.id, OrderState::Open).await;
    assert_eq!(ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().id, open.id);
    staff.until_stock(&article.id, (10, 0, 0)).await;
}

/// Covers: order.reopen, mesh.crash.
async fn a_reopening_goes_on_after_a_kill(setup: Setup) {
    let mut mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = waiting(&ada, &article.id).await;
    faults(&ada, &order.payment_action_url, json!({"void": {"delay_ms": 60_000}})).await;
    let reopening = tokio::spawn({
        let (ada, id) = (ada.clone(), order.id.clone());
        async move { reopen(&ada.with_key("reopen-1"), &id).await }
    });
    until("it has the basket's place", || async { ada.get_open_order(GetOpenOrderRequest {}).await.ok() })
        .await;
    mesh.kill("feira-0");
    let _ = reopening.await;
    mesh.restart("feira-0");
    let again = |who: &Shopper| mesh.client().signed_in(&who.tokens.access_token);
    let (staff, ada) = (again(&staff), again(&ada));
    let open = crate::support::wait::within(Duration::from_secs(60), "it is open again", || async {
        Some(ada.see(&order.id).await).filter(|order| order.state() == OrderState::Open)
    })
    .await;
    assert_eq!(ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().id, open.id);
    staff.until_stock(&article.id, (10, 0, 0)).await;
    ada.until_payment(&order.payment_id, PaymentState::Voided).await;
    let repeat = reopen(&ada.with_key("reopen-1"), &order.id).await.unwrap();
    assert!(repeat.replayed() && repeat.state() == OrderState::Open, "{repeat:?}");
}

/// Covers: order.reopen, mesh.down.
async fn without_payment_nothing_is_reopened(setup: Setup) {
    let mut mesh = setup.split().start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = ada.order(&article.id, 1, "sim_decline").await.unwrap();
    let order = ada.at_rest(&order.id).await;
    mesh.kill("payment");
    reopen(&ada, &order.id).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(ada.see(&order.id).await, order, "nothing was changed");
    mesh.restart("payment");
    until("it is reopened", || async { reopen(&ada, &order.id).await.ok() }).await;
    staff.until_stock(&article.id, (10, 0, 0)).await;
}
