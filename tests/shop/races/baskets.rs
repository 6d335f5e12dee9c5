//! Baskets.

use contracts::order::{GetOpenOrderRequest, ListOrdersRequest, RemoveLineRequest};

use super::{winner, winners};
use crate::support::{Setup, at_once, eur, money::cents};

on_every_database!(
    the_first_lines_added_at_once_make_one_basket,
    an_article_added_fifty_times_at_once_is_one_line_of_fifty,
    a_line_removed_twenty_times_at_once_is_removed_once,
    one_key_thirty_times_at_once_adds_once,
);

/// Covers: order.basket.
async fn the_first_lines_added_at_once_make_one_basket(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let mut articles = Vec::new();
    for _ in 0..10 {
        articles.push(staff.stocked(eur(100), 0).await.id);
    }
    let outcomes = at_once(20, |number| {
        let (ada, id) = (ada.at(number), articles[number % 10].clone());
        async move { ada.add(&id, 1).await }
    })
    .await;
    let answers = winners(outcomes, &[]);
    assert!(answers.iter().all(|answer| answer.id == answers[0].id), "one basket");
    let basket = ada.get_open_order(GetOpenOrderRequest {}).await.unwrap();
    assert_eq!((basket.lines.len(), cents(&basket.total)), (10, 2000));
    assert_eq!(ada.list_orders(ListOrdersRequest::default()).await.unwrap().orders.len(), 1);
}

async fn an_article_added_fifty_times_at_once_is_one_line_of_fifty(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 0).await;
    ada.add(&article.id, 1).await.unwrap();
    let outcomes = at_once(49, |number| {
        let (ada, id) = (ada.at(number), article.id.clone());
        async move { ada.add(&id, 1).await }
    })
    .await;
    assert_eq!(winners(outcomes, &[]).len(), 49);
    let basket = ada.get_open_order(GetOpenOrderRequest {}).await.unwrap();
    assert_eq!(basket.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [50]);
    assert_eq!(cents(&basket.total), 5000);
}

async fn a_line_removed_twenty_times_at_once_is_removed_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (one, other) = (staff.stocked(eur(100), 0).await, staff.stocked(eur(200), 0).await);
    ada.add(&one.id, 1).await.unwrap();
    let basket = ada.add(&other.id, 1).await.unwrap().body;
    let outcomes = at_once(20, |number| {
        let (ada, order_id, line_id) = (ada.at(number), basket.id.clone(), basket.lines[0].id.clone());
        async move { ada.remove_line(RemoveLineRequest { order_id, line_id, etag: String::new() }).await }
    })
    .await;
    assert_eq!(winner(outcomes, &["NOT_FOUND"]).lines.len(), 1);
}

/// Covers: idempotency.
async fn one_key_thirty_times_at_once_adds_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 0).await;
    let outcomes = at_once(30, |number| {
        let (ada, id) = (ada.at(number).with_key("add-1"), article.id.clone());
        async move { ada.add(&id, 7).await }
    })
    .await;
    let answers = winners(outcomes, &["IDEMPOTENCY_IN_PROGRESS"]);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().lines[0].quantity, 7);
}
