//! Refunds and returns, as the order has them: what went back of its money, what came back of its units.

use contracts::{
    article::{AdjustStockRequest, ListStockMovementsRequest, Stock, StockReason},
    order::{
        CountOrdersRequest, ExportOrdersRequest, ListOrdersRequest, ListPurchasesRequest, Order, OrderState,
        ShipOrderRequest,
    },
    payment::{PaymentState, Refund, RefundPaymentRequest, RefundState},
};
use serde_json::json;

use crate::reopening::{faults, waiting};
use crate::support::{
    Backend, Client, Code, Mesh, Outcome, Refused, Setup, Shopper, at_once, eur,
    money::cents,
    stripe::{Shop, deliver},
    until,
};

on_both_edges!(
    each_refund_is_on_its_order_and_in_its_history,
    what_is_refunded_in_full_is_shipped_by_force_only,
    orders_are_found_by_what_was_refunded,
    what_waits_to_be_shipped_is_neither_refunded_nor_about_to_be,
    an_order_is_not_shipped_while_its_money_is_on_its_way_back,
    units_that_come_back_are_sold_no_more,
    what_was_not_sold_cannot_come_back,
);
tests!(a_refund_that_fails_later_is_taken_back, what_came_back_of_a_cancelled_order_comes_back_once,);
on_every_database!(
    of_returns_at_once_no_more_come_back_than_were_sold,
    a_unit_that_comes_back_counts_once_however_many_replicas_follow,
);
each!(split: Setup::default().on(Backend::Sqlite).split(); shipping_needs_no_payment_service);

/// Staff gives back so many cents of an order, or all of it.
async fn refund(staff: &Client, order: &Order, cents: Option<i64>) -> Refund {
    let request = RefundPaymentRequest {
        id: order.payment_id.clone(),
        amount: cents.map(eur),
        reason: "broken".into(),
    };
    staff.refund_payment(request).await.expect("a refund").body
}

/// Waits until so many cents of an order were refunded.
async fn until_refunded(client: &Client, id: &str, expected: i64) -> Order {
    until(&format!("{expected} are refunded"), || async {
        Some(client.see(id).await).filter(|order| cents(&order.refunded) == expected)
    })
    .await
}

async fn paid(ada: &Shopper, article_id: &str, quantity: i32) -> Order {
    let order = ada.order(article_id, quantity, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await
}

fn ship(id: &str, force: bool) -> ShipOrderRequest {
    ShipOrderRequest { id: id.into(), carrier: "CTT".into(), force, ..Default::default() }
}

async fn bought(client: &Client) -> Vec<(String, i32)> {
    let request = ListPurchasesRequest { user_id: "me".into(), ..Default::default() };
    let purchases = client.list_purchases(request).await.unwrap().body.purchases;
    purchases.into_iter().map(|it| (it.article_id, it.quantity)).collect()
}

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

/// Covers: payment.refund, order.refunded, order.history.
async fn each_refund_is_on_its_order_and_in_its_history(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let order = paid(&ada, &article.id, 1).await;
    assert_eq!(cents(&order.refunded), 0);
    let seen = ada.history(&order.id).await;
    let mut watch = ada.watch(&order.id, seen.len() as i64).await;
    for (amount, whole, told) in [(250, 250, "2.50 EUR"), (250, 500, "2.50 EUR"), (500, 1000, "5.00 EUR")] {
        refund(&staff, &order, Some(amount)).await;
        let event = watch.next().await.unwrap().unwrap();
        assert_eq!(event.state(), OrderState::Paid);
        assert!(event.note.contains(told), "{event:?}");
        let now = ada.see(&order.id).await;
        assert_eq!((cents(&now.refunded), now.state()), (whole, OrderState::Paid));
        assert_eq!(cents(&now.total), 1000, "what it cost stays");
    }
    assert_eq!(ada.history(&order.id).await.len(), seen.len() + 3, "one event for each refund");
    assert!(ada.see(&order.id).await.etag != order.etag);
    // Of what is delivered money goes back, too.
    let order = paid(&ada, &article.id, 1).await;
    staff.ship(&order.id).await.unwrap();
    staff.deliver(&order.id).await.unwrap();
    refund(&staff, &order, None).await;
    let order = until_refunded(&ada, &order.id, 1000).await;
    let last = ada.history(&order.id).await.pop().unwrap();
    assert_eq!(last.state(), OrderState::Delivered);
    assert!(last.note.contains("10.00 EUR"), "{last:?}");
    // A cancelled order says that its money went back.
    let order = paid(&ada, &article.id, 2).await;
    ada.cancel(&order.id).await.unwrap();
    until_refunded(&ada, &order.id, 2000).await;
}

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
async fn orders_are_found_by_what_was_refunded(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, eve) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let [none, part, full, hers] = [
        paid(&ada, &article.id, 1).await,
        paid(&ada, &article.id, 1).await,
        paid(&ada, &article.id, 1).await,
        paid(&eve, &article.id, 1).await,
    ];
    staff.ship(&part.id).await.unwrap();
    refund(&staff, &part, Some(1)).await;
    refund(&staff, &full, None).await;
    refund(&staff, &hers, None).await;
    until_refunded(&staff, &part.id, 1).await;
    until_refunded(&staff, &full.id, 1000).await;
    until_refunded(&staff, &hers.id, 1000).await;
    let list = async |client: &Client, refunded: &str, state: Vec<OrderState>| {
        let state = state.into_iter().map(Into::into).collect();
        let request = ListOrdersRequest { refunded: refunded.into(), state, ..Default::default() };
        let orders = client.list_orders(request).await.unwrap().body.orders;
        orders.into_iter().map(|order| order.id).collect::<Vec<_>>()
    };
    let ids = |orders: &[&Order]| orders.iter().map(|order| order.id.clone()).collect::<Vec<_>>();
    assert_eq!(list(&staff, "none", vec![]).await, ids(&[&none]));
    assert_eq!(list(&staff, "partial", vec![]).await, ids(&[&part]));
    assert_eq!(list(&staff, "full", vec![]).await, ids(&[&hers, &full]));
    assert_eq!(list(&staff, "", vec![]).await.len(), 4);
    assert_eq!(list(&ada, "full", vec![]).await, ids(&[&full]));
    assert_eq!(list(&ada, "none", vec![OrderState::Paid]).await, ids(&[&none]));
    assert_eq!(list(&staff, "partial", vec![OrderState::Shipped]).await, ids(&[&part]));
    assert!(list(&staff, "partial", vec![OrderState::Paid]).await.is_empty());
    let request = ExportOrdersRequest { refunded: "full".into(), ..Default::default() };
    let exported = staff.export_orders(request).await.rest().await;
    assert_eq!(exported.into_iter().map(|order| order.id).collect::<Vec<_>>(), ids(&[&full, &hers]));
    let request = ListOrdersRequest { refunded: "some".into(), ..Default::default() };
    staff.list_orders(request).await.names("refunded");
}

/// The orders that wait to be shipped, the first first: listed, counted and exported.
async fn to_ship(staff: &Client) -> Vec<String> {
    let request = ListOrdersRequest { to_ship: true, order_by: "place_time".into(), ..Default::default() };
    let listed = staff.list_orders(request.clone()).await.unwrap().body.orders;
    let listed: Vec<_> = listed.into_iter().map(|order| order.id).collect();
    let newest = ListOrdersRequest { order_by: String::new(), ..request };
    let newest = staff.list_orders(newest).await.unwrap().body.orders;
    assert!(newest.iter().map(|order| &order.id).eq(listed.iter().rev()), "{newest:?}");
    let counted = staff.count_orders(CountOrdersRequest { to_ship: true, state: vec![] }).await.unwrap();
    assert_eq!(counted.count, listed.len() as i64);
    let request = ExportOrdersRequest { to_ship: true, ..Default::default() };
    let exported = staff.export_orders(request).await.rest().await;
    assert!(exported.iter().map(|order| &order.id).eq(&listed), "{exported:?}");
    listed
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

/// Covers: order.refunded, payment.refund.
async fn a_refund_that_fails_later_is_taken_back(setup: Setup) {
    let shop = Shop::open(setup).await;
    let payment = shop.paid().await;
    let order = shop.ada.until(&payment.order_id, OrderState::Paid).await;
    shop.refund(&payment.id, cents(&payment.captured)).await;
    let whole = cents(&order.total);
    until_refunded(&shop.ada, &order.id, whole).await;
    assert!(bought(&shop.ada).await.is_empty() && to_ship(&shop.staff).await.is_empty());
    shop.stripe.return_refund(&payment.id);
    let event = shop.stripe.events_of(&payment.id, "refund.updated").pop().unwrap();
    deliver(&shop.mesh.http(), &event).await.expect(204);
    shop.ada.until_payment(&payment.id, PaymentState::Captured).await;
    until_refunded(&shop.ada, &order.id, 0).await;
    let notes = shop.ada.history(&order.id).await.into_iter().map(|event| event.note);
    let notes: Vec<String> = notes.filter(|note| note.contains("EUR")).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[1].contains("failed"), "{notes:?}");
    assert_eq!(bought(&shop.ada).await.len(), 1);
    assert_eq!(to_ship(&shop.staff).await.as_slice(), std::slice::from_ref(&order.id));
    shop.staff.ship(&order.id).await.unwrap();
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
