//! Stock is never oversold and no order is charged twice.

use contracts::{
    article::{Article, UpdateArticleRequest},
    order::{CreateOrderRequest, ListOrdersRequest, Order, OrderLine, OrderState, UpdateLineRequest},
    payment::PaymentState,
};

use super::winners;
use crate::support::{
    Answer, Outcome, Setup, Shopper, at_once, eur,
    money::cents,
    shop::{checkout, new_order},
};

on_every_database!(
    an_order_checked_out_fifty_times_at_once_is_paid_once,
    of_a_hundred_shoppers_for_ten_units_ten_get_one,
    orders_of_two_articles_in_opposite_order_never_wait_for_each_other,
    one_key_a_hundred_times_at_once_makes_one_order,
    one_key_fifty_times_at_once_checks_out_once,
    two_payment_methods_at_once_charge_one,
    a_line_changed_during_checkout_is_charged_as_it_stands,
    a_price_changed_during_checkout_is_charged_before_or_after_never_between,
);

/// How many of these orders are paid in the end. Where a database is slow, they are answered before it.
async fn paid(staff: &Shopper, orders: Vec<Answer<Order>>) -> usize {
    let mut paid = 0;
    for order in orders {
        let order = staff.at_rest(&order.id).await;
        paid += usize::from(order.state() == OrderState::Paid);
    }
    paid
}

/// Covers: order.checkout.
async fn an_order_checked_out_fifty_times_at_once_is_paid_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    let order = ada.add(&article.id, 2).await.unwrap();
    let outcomes = at_once(50, |number| {
        let (ada, id) = (ada.at(number), order.id.clone());
        async move { ada.pay(&id, "sim_approve").await }
    })
    .await;
    assert!(!winners(outcomes, &["ILLEGAL_STATE"]).is_empty());
    let order = ada.until(&order.id, OrderState::Paid).await;
    let payments = ada.payments(&order.id).await;
    assert_eq!(payments.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), [order.payment_id.as_str()]);
    assert_eq!(cents(&payments[0].captured), 2000);
    assert_eq!(staff.stock(&article.id).await, (98, 0, 2));
}

/// Covers: article.reserve.
async fn of_a_hundred_shoppers_for_ten_units_ten_get_one(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(1000), 10).await;
    let shoppers = mesh.shoppers(100).await;
    let outcomes = at_once(100, |number| {
        // More than some databases do within the time of a call.
        let shopper = shoppers[number].at(number).patient().with_key("mine");
        let id = article.id.clone();
        async move { shopper.order(&id, 1, "sim_approve").await }
    })
    .await;
    for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(
            (refusal.info("article_id"), refusal.info("free")),
            (article.id.as_str(), "0"),
            "{refusal:?}"
        );
    }
    assert_eq!(paid(&staff, winners(outcomes, &["OUT_OF_STOCK"])).await, 10);
    assert_eq!(staff.stock(&article.id).await, (0, 0, 10));
    let state = vec![OrderState::Paid.into()];
    let paid = staff.list_orders(ListOrdersRequest { page_size: 1000, state, ..Default::default() }).await;
    assert_eq!(paid.unwrap().orders.len(), 10);
}

/// Covers: article.reserve.
async fn orders_of_two_articles_in_opposite_order_never_wait_for_each_other(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let (one, other) = (staff.stocked(eur(100), 10).await, staff.stocked(eur(200), 10).await);
    let shoppers = mesh.shoppers(30).await;
    let outcomes = at_once(30, |number| {
        let shopper = shoppers[number].at(number / 2);
        let mut request = new_order(&one.id, 1, "sim_approve");
        request.lines.push(OrderLine { article_id: other.id.clone(), quantity: 1 });
        if number % 2 == 0 {
            request.lines.reverse();
        }
        async move { shopper.create_order(request).await }
    })
    .await;
    assert_eq!(paid(&staff, winners(outcomes, &["OUT_OF_STOCK"])).await, 10);
    assert_eq!(staff.stock(&one.id).await, (0, 0, 10));
    assert_eq!(staff.stock(&other.id).await, (0, 0, 10));
}

/// Covers: idempotency, order.place.
async fn one_key_a_hundred_times_at_once_makes_one_order(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 1000).await;
    let outcomes = at_once(100, |number| {
        let (ada, id) = (ada.at(number).with_key("order-1"), article.id.clone());
        async move { ada.order(&id, 3, "sim_approve").await }
    })
    .await;
    let answers = winners(outcomes, &["IDEMPOTENCY_IN_PROGRESS"]);
    let id = answers[0].id.clone();
    assert!(answers.iter().all(|answer| answer.id == id), "{answers:#?}");
    assert!(answers.iter().filter(|answer| !answer.replayed()).count() <= 1);
    ada.until(&id, OrderState::Paid).await;
    let again = ada.with_key("order-1").order(&article.id, 3, "sim_approve").await.unwrap();
    assert!(again.replayed() && again.id == id);
    assert_eq!(ada.list_orders(ListOrdersRequest::default()).await.unwrap().orders.len(), 1);
    assert_eq!(ada.payments(&id).await.len(), 1);
    assert_eq!(staff.stock(&article.id).await, (997, 0, 3));
}

async fn one_key_fifty_times_at_once_checks_out_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = ada.add(&article.id, 1).await.unwrap();
    let outcomes = at_once(50, |number| {
        let (ada, id) = (ada.at(number).with_key("pay-1"), order.id.clone());
        async move { ada.pay(&id, "sim_approve").await }
    })
    .await;
    assert!(!winners(outcomes, &["IDEMPOTENCY_IN_PROGRESS"]).is_empty());
    ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(ada.payments(&order.id).await.len(), 1);
    assert_eq!(staff.stock(&article.id).await, (9, 0, 1));
}

/// Covers: order.checkout.
async fn two_payment_methods_at_once_charge_one(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    for round in 0..5 {
        let order = ada.order(&article.id, 1, "sim_decline").await.unwrap();
        ada.at_rest(&order.id).await;
        let outcomes = at_once(6, |number| {
            let (ada, id) = (ada.at(number), order.id.clone());
            async move { ada.pay(&id, if number % 2 == 0 { "sim_approve" } else { "sim_slow" }).await }
        })
        .await;
        winners(outcomes, &["ILLEGAL_STATE"]);
        ada.until(&order.id, OrderState::Paid).await;
        let payments = ada.payments(&order.id).await;
        let captured = payments.iter().filter(|it| it.state() == PaymentState::Captured).count();
        assert_eq!(captured, 1, "{payments:#?}");
        assert_eq!(staff.stock(&article.id).await, (100 - round - 1, 0, round + 1));
    }
}

/// Covers: order.checkout.
async fn a_line_changed_during_checkout_is_charged_as_it_stands(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 1000).await;
    let mut sold = 0;
    for _ in 0..5 {
        let order = ada.add(&article.id, 1).await.unwrap().body;
        let outcomes: Vec<Outcome<_>> = at_once(10, |number| {
            let (ada, order) = (ada.at(number), order.clone());
            async move {
                if number == 5 {
                    return ada.checkout(checkout(&order.id, "sim_approve")).await;
                }
                let quantity = number as i32 + 2;
                let (order_id, line_id) = (order.id.clone(), order.lines[0].id.clone());
                ada.update_line(UpdateLineRequest { order_id, line_id, quantity, etag: String::new() }).await
            }
        })
        .await;
        winners(outcomes, &["ILLEGAL_STATE"]);
        let order = ada.until(&order.id, OrderState::Paid).await;
        let quantity = i64::from(order.lines[0].quantity);
        sold += quantity;
        assert_eq!(cents(&order.total), 100 * quantity);
        assert_eq!(cents(&ada.payments(&order.id).await[0].captured), 100 * quantity);
        assert_eq!(staff.stock(&article.id).await, (1000 - sold, 0, sold));
    }
}

async fn a_price_changed_during_checkout_is_charged_before_or_after_never_between(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 1000).await;
    let dearer = Article { id: article.id.clone(), price: Some(eur(150)), ..Default::default() };
    let orders = at_once(21, |number| {
        let (ada, staff, id, dearer) = (ada.at(number), staff.at(number), article.id.clone(), dearer.clone());
        async move {
            if number == 10 {
                let article = Some(dearer);
                staff
                    .update_article(UpdateArticleRequest { article, update_mask: None })
                    .await
                    .expect("a new price");
                return None;
            }
            let expected_total = Some(eur(200));
            let request = CreateOrderRequest { expected_total, ..new_order(&id, 2, "sim_approve") };
            Some(ada.create_order(request).await)
        }
    })
    .await;
    let orders = winners(orders.into_iter().flatten().collect(), &["PRICE_CHANGED"]);
    for order in orders {
        let order = ada.until(&order.id, OrderState::Paid).await;
        assert_eq!((cents(&order.total), cents(&order.lines[0].unit_price)), (200, 100));
    }
    assert_eq!(cents(&ada.order(&article.id, 1, "").await.unwrap().total), 150);
}
