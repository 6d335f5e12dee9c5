//! Taking orders back.

use contracts::{
    order::{GetOpenOrderRequest, ListOrdersRequest, Order, OrderState},
    payment::PaymentState,
};

use super::{winner, winners};
use crate::{
    reopening::{approve, reopen},
    support::{Client, Setup, Shopper, at_once, eur, money::cents, until},
};

on_every_database!(
    an_order_reopened_twenty_times_at_once_is_reopened_once,
    of_two_orders_and_a_first_line_one_becomes_the_basket,
    reopening_against_paying_ends_open_or_paid_and_never_both,
    reopening_against_cancelling_gives_everything_back_once,
    reopening_against_expiry_ends_open_or_expired,
    reopening_against_the_bank_keeps_no_money_for_an_open_order,
);

/// An order of one that was declined, and waits.
async fn declined(ada: &Shopper, article: &str) -> Order {
    let order = ada.order(article, 1, "sim_decline").await.unwrap();
    ada.at_rest(&order.id).await
}

/// Waits until the order's money is where its state says, and nothing of it is under way.
async fn settled(ada: &Client, order: &Order) {
    until("the money is where the order says", || async {
        let payments = ada.payments(&order.id).await;
        let held = payments.iter().map(|it| cents(&it.captured) - cents(&it.refunded)).sum::<i64>();
        let done = payments.iter().all(|it| {
            use PaymentState::{Captured, Declined, Refunded, Voided};
            matches!(it.state(), Captured | Declined | Refunded | Voided)
        });
        (done && held == if order.state() == OrderState::Paid { cents(&order.total) } else { 0 })
            .then_some(())
    })
    .await;
}

/// Covers: order.reopen.
async fn an_order_reopened_twenty_times_at_once_is_reopened_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = declined(&ada, &article.id).await;
    let outcomes = at_once(20, |number| {
        let (ada, id) = (ada.at(number), order.id.clone());
        async move { reopen(&ada, &id).await }
    })
    .await;
    winner(outcomes, &["ILLEGAL_STATE"]);
    let states = ada.history(&order.id).await;
    assert_eq!(states.iter().filter(|it| it.state() == OrderState::Open).count(), 1);
    assert_eq!(staff.stock(&article.id).await, (10, 0, 0));
    // By one key, all get the same answer.
    ada.pay("open", "sim_decline").await.unwrap();
    ada.at_rest(&order.id).await;
    let outcomes = at_once(20, |number| {
        let (ada, id) = (ada.at(number).with_key("reopen-1"), order.id.clone());
        async move { reopen(&ada, &id).await }
    })
    .await;
    let answers = winners(outcomes, &["IDEMPOTENCY_IN_PROGRESS"]);
    assert!(answers.iter().all(|it| it.state() == OrderState::Open));
    assert!(answers.iter().filter(|it| !it.replayed()).count() <= 1);
}

/// Covers: order.reopen.
async fn of_two_orders_and_a_first_line_one_becomes_the_basket(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await.patient();
    let article = staff.stocked(eur(1000), 100).await;
    for ada in mesh.shoppers(5).await.into_iter().map(Shopper::patient) {
        let (one, other) = (declined(&ada, &article.id).await, declined(&ada, &article.id).await);
        let outcomes = at_once(9, |number| {
            let (ada, article) = (ada.at(number), article.id.clone());
            let id = if number % 3 == 0 { one.id.clone() } else { other.id.clone() };
            async move { if number % 3 == 2 { ada.add(&article, 1).await } else { reopen(&ada, &id).await } }
        })
        .await;
        assert!(!winners(outcomes, &["BASKET_EXISTS", "ILLEGAL_STATE"]).is_empty());
        let basket = ada.get_open_order(GetOpenOrderRequest {}).await.unwrap();
        assert_eq!(basket.state(), OrderState::Open);
        let open = vec![OrderState::Open.into()];
        let listed = ada.list_orders(ListOrdersRequest { state: open, ..Default::default() }).await.unwrap();
        assert_eq!(listed.orders.len(), 1, "{listed:#?}");
        for id in [&one.id, &other.id] {
            if basket.id != **id {
                assert_eq!(ada.see(id).await.state(), OrderState::AwaitingPayment);
                ada.cancel(id).await.unwrap();
            }
        }
        ada.cancel("open").await.unwrap();
    }
    staff.until_stock(&article.id, (100, 0, 0)).await;
}

/// Covers: order.reopen.
async fn reopening_against_paying_ends_open_or_paid_and_never_both(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await.patient(), mesh.shopper().await.patient());
    let article = staff.stocked(eur(1000), 100).await;
    let mut sold = 0;
    for round in 0..8 {
        let order = declined(&ada, &article.id).await;
        let method = if round % 2 == 0 { "sim_approve" } else { "sim_slow" };
        let outcomes = at_once(6, |number| {
            let (ada, id) = (ada.at(number), order.id.clone());
            async move { if number % 2 == 0 { ada.pay(&id, method).await } else { reopen(&ada, &id).await } }
        })
        .await;
        winners(outcomes, &["ILLEGAL_STATE"]);
        // Reopened and then checked out is as good as never reopened.
        let order = ada.at_rest(&order.id).await;
        assert!(matches!(order.state(), OrderState::Paid | OrderState::Open), "{order:#?}");
        settled(&ada, &order).await;
        if order.state() == OrderState::Paid {
            sold += 1;
            ada.get_open_order(GetOpenOrderRequest {}).await.unwrap_err();
        } else {
            ada.cancel("open").await.unwrap();
        }
        staff.until_stock(&article.id, (100 - sold, 0, sold)).await;
    }
}

/// Covers: order.reopen.
async fn reopening_against_cancelling_gives_everything_back_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await.patient(), mesh.shopper().await.patient());
    let article = staff.stocked(eur(1000), 10).await;
    for _ in 0..6 {
        let order = declined(&ada, &article.id).await;
        let outcomes = at_once(4, |number| {
            let (ada, id) = (ada.at(number), order.id.clone());
            async move { if number == 0 { ada.cancel(&id).await } else { reopen(&ada, &id).await } }
        })
        .await;
        winners(outcomes, &["ILLEGAL_STATE", "ABORTED"]);
        ada.until(&order.id, OrderState::Cancelled).await;
        ada.get_open_order(GetOpenOrderRequest {}).await.unwrap_err();
        staff.until_stock(&article.id, (10, 0, 0)).await;
    }
}

/// Covers: order.reopen.
async fn reopening_against_expiry_ends_open_or_expired(setup: Setup) {
    let mesh = setup.env("FEIRA_PAYMENT_WINDOW", "2").start().await;
    let (staff, ada) = (mesh.admin().await.patient(), mesh.shopper().await.patient());
    let article = staff.stocked(eur(1000), 10).await;
    for _ in 0..3 {
        let order = declined(&ada, &article.id).await;
        let due = order.place_time.unwrap();
        let order = until("the order expires or is reopened as it does", || async {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
            let age = now as i64 - (due.seconds * 1000 + i64::from(due.nanos) / 1_000_000);
            if age > 1950 {
                let _ = reopen(&ada, &order.id).await;
            }
            let order = ada.see(&order.id).await;
            matches!(order.state(), OrderState::Open | OrderState::Expired).then_some(order)
        })
        .await;
        if order.state() == OrderState::Open {
            ada.cancel("open").await.unwrap();
        } else {
            ada.get_open_order(GetOpenOrderRequest {}).await.unwrap_err();
        }
        staff.until_stock(&article.id, (10, 0, 0)).await;
    }
}

/// Covers: order.reopen.
async fn reopening_against_the_bank_keeps_no_money_for_an_open_order(setup: Setup) {
    let mesh = setup.env("FEIRA_PROVIDER_POLL_INTERVAL", "50ms").start().await;
    let (staff, ada) = (mesh.admin().await.patient(), mesh.shopper().await.patient());
    let article = staff.stocked(eur(1000), 100).await;
    let mut sold = 0;
    for _ in 0..6 {
        let order = ada.order(&article.id, 1, "sim_action").await.unwrap();
        let order = until("there is something to act on", || async {
            Some(ada.see(&order.id).await).filter(|order| !order.payment_action_url.is_empty())
        })
        .await;
        let outcomes = at_once(2, |number| {
            let (ada, order) = (ada.at(number), order.clone());
            async move {
                if number == 0 {
                    approve(&ada, &order).await;
                    return None;
                }
                Some(reopen(&ada, &order.id).await)
            }
        })
        .await;
        winners(outcomes.into_iter().flatten().collect(), &["ILLEGAL_STATE"]);
        let order = ada.at_rest(&order.id).await;
        assert!(matches!(order.state(), OrderState::Paid | OrderState::Open), "{order:#?}");
        settled(&ada, &order).await;
        if order.state() == OrderState::Paid {
            sold += 1;
        } else {
            ada.cancel("open").await.unwrap();
        }
        staff.until_stock(&article.id, (100 - sold, 0, sold)).await;
    }
}
