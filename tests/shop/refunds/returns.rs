//! Units that come back.

use contracts::{
    article::{AdjustStockRequest, ListStockMovementsRequest, Stock, StockReason},
    order::{ListPurchasesRequest, Order, OrderState},
};

use crate::support::{Client, Code, Outcome, Refused, Setup, at_once, eur, until};

use super::{bought, paid, refund, until_refunded};

on_both_edges!(units_that_come_back_are_sold_no_more, what_was_not_sold_cannot_come_back);
tests!(what_came_back_of_a_cancelled_order_comes_back_once);
on_every_database!(
    of_returns_at_once_no_more_come_back_than_were_sold,
    a_unit_that_comes_back_counts_once_however_many_replicas_follow,
);

async fn give_back(staff: &Client, article_id: &str, order_id: &str, delta: i64) -> Outcome<Stock> {
    staff
        .adjust_stock(AdjustStockRequest {
            article_id: article_id.into(),
            delta,
            reason: StockReason::Returned.into(),
            note: "did not fit".into(),
            order_id: Some(order_id.into()),
        })
        .await
}

/// Covers: article.return, order.purchases, mesh.audit.
async fn units_that_come_back_are_sold_no_more(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let first = paid(&ada, &article.id, 2).await;
    let order = paid(&ada, &article.id, 3).await;
    staff.ship(&order.id).await.unwrap();
    staff.deliver(&order.id).await.unwrap();
    assert_eq!(staff.stock(&article.id).await, (5, 0, 5));
    let keyed = staff.with_key("return-1");
    let stock = give_back(&keyed, &article.id, &order.id, 2).await.unwrap();
    assert_eq!((stock.free, stock.sold), (7, 3));
    assert!(give_back(&keyed, &article.id, &order.id, 2).await.unwrap().replayed());
    let returned = |order: &Order| order.lines[0].returned;
    let order = until("the order knows", || async {
        Some(ada.see(&order.id).await).filter(|order| returned(order) == 2)
    })
    .await;
    assert_eq!((order.state(), order.lines[0].quantity), (OrderState::Delivered, 3));
    assert_eq!(bought(&ada).await, [(article.id.clone(), 3)]);
    let last = ada.history(&order.id).await.pop().unwrap();
    assert!(last.note.contains(&format!("2 × {}", article.name)), "{last:?}");
    let request = ListStockMovementsRequest { article_id: article.id.clone(), ..Default::default() };
    let moved = staff.list_stock_movements(request).await.unwrap().body.movements.remove(0);
    assert_eq!((moved.reason(), &moved.order_id), (StockReason::Returned, &order.id));
    assert_eq!((moved.free_change, moved.reserved_change, moved.sold_change), (2, 0, -2));
    assert_eq!(moved.note, "did not fit");
    // The last one is gone from what she bought; what she bought before is the last again.
    give_back(&staff, &article.id, &order.id, 1).await.unwrap();
    until("all came back", || async { (returned(&ada.see(&order.id).await) == 3).then_some(()) }).await;
    assert_eq!(bought(&ada).await, [(article.id.clone(), 2)]);
    let request = ListPurchasesRequest { user_id: "me".into(), ..Default::default() };
    let purchases = ada.list_purchases(request).await.unwrap().body.purchases;
    assert_eq!(purchases[0].last_time, first.place_time);
    // Its money, given back later, counts no unit twice.
    refund(&staff, &order, None).await;
    until_refunded(&ada, &order.id, 3000).await;
    assert_eq!(bought(&ada).await, [(article.id.clone(), 2)]);
    assert_eq!(staff.stock(&article.id).await, (8, 0, 2));
    // Without an order, units are free and none is sold less.
    staff.adjust(&article.id, 1, StockReason::Returned).await.unwrap();
    assert_eq!(staff.stock(&article.id).await, (9, 0, 2));
}

/// Covers: article.return, bad-input.
async fn what_was_not_sold_cannot_come_back(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (article, other) = (staff.stocked(eur(1000), 10).await, staff.stocked(eur(1000), 10).await);
    let order = paid(&ada, &article.id, 2).await;
    let refusal = give_back(&staff, &article.id, &order.id, 3).await;
    let refusal = refusal.refused(Code::FailedPrecondition, "NOT_SOLD");
    assert_eq!((refusal.info("sold"), refusal.info("article_id")), ("2", article.id.as_str()));
    give_back(&staff, &other.id, &order.id, 1).await.refused(Code::FailedPrecondition, "NOT_SOLD");
    give_back(&staff, &article.id, "ord_01h455vb4pex5vsknk084sn02q", 1).await.missing();
    give_back(&staff, &article.id, "42", 1).await.names("order_id");
    give_back(&staff, &article.id, &order.id, 0).await.names("delta");
    give_back(&staff, &article.id, &order.id, -1).await.names("delta");
    let received = AdjustStockRequest {
        article_id: article.id.clone(),
        delta: 1,
        reason: StockReason::Received.into(),
        order_id: Some(order.id.clone()),
        ..Default::default()
    };
    staff.adjust_stock(received).await.names("order_id");
    let waiting = ada.order(&article.id, 1, "sim_decline").await.unwrap();
    ada.at_rest(&waiting.id).await;
    let refusal = give_back(&staff, &article.id, &waiting.id, 1).await;
    refusal.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    ada.cancel(&waiting.id).await.unwrap();
    staff.until_stock(&article.id, (8, 0, 2)).await;
    give_back(&ada, &article.id, &order.id, 1).await.denied();
    assert_eq!(ada.see(&order.id).await, order);
    // Of an article that is deleted by now, too.
    let request = contracts::article::DeleteArticleRequest { id: article.id.clone(), etag: String::new() };
    staff.delete_article(request).await.unwrap();
    assert_eq!(give_back(&staff, &article.id, &order.id, 1).await.unwrap().sold, 1);
    until("the order knows", || async { (ada.see(&order.id).await.lines[0].returned == 1).then_some(()) })
        .await;
}

/// Covers: article.return, order.cancel.
async fn what_came_back_of_a_cancelled_order_comes_back_once(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = paid(&ada, &article.id, 5).await;
    give_back(&staff, &article.id, &order.id, 2).await.unwrap();
    assert_eq!(staff.stock(&article.id).await, (7, 0, 3));
    ada.cancel(&order.id).await.unwrap();
    staff.until_stock(&article.id, (10, 0, 0)).await;
    let refusal = give_back(&staff, &article.id, &order.id, 1).await;
    refusal.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    until("nothing is bought", || async { bought(&ada).await.is_empty().then_some(()) }).await;
}

/// Covers: article.return.
async fn of_returns_at_once_no_more_come_back_than_were_sold(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = paid(&ada, &article.id, 5).await;
    let outcomes = at_once(12, |number| {
        let (staff, article_id, order_id) = (staff.at(number), article.id.clone(), order.id.clone());
        async move { give_back(&staff, &article_id, &order_id, 1).await }
    })
    .await;
    let won = outcomes.into_iter().filter(|outcome| match outcome {
        Ok(_) => true,
        Err(refusal) => {
            assert_eq!(refusal.reason, "NOT_SOLD", "{refusal:?}");
            false
        }
    });
    assert_eq!(won.count(), 5);
    assert_eq!(staff.stock(&article.id).await, (10, 0, 0));
    until("the order knows", || async { (ada.see(&order.id).await.lines[0].returned == 5).then_some(()) })
        .await;
    assert!(bought(&ada).await.is_empty());
}

/// Covers: article.return, mesh.audit.
async fn a_unit_that_comes_back_counts_once_however_many_replicas_follow(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    let order = paid(&ada, &article.id, 50).await;
    for _ in 0..10 {
        give_back(&staff, &article.id, &order.id, 1).await.unwrap();
    }
    let returned = async || ada.see(&order.id).await.lines[0].returned;
    until("the order knows", || async { (returned().await >= 10).then_some(()) }).await;
    let back = |note: &str| note.contains(" back.");
    let told = ada.history(&order.id).await.into_iter().filter(|event| back(&event.note)).count();
    assert_eq!((returned().await, told), (10, 10));
    assert_eq!(bought(&ada).await, [(article.id.clone(), 40)]);
}
