//! Refunds and returns, as the order has them: what went back of its money, what came back of its units.

mod returns;
mod shipping;

use contracts::{
    order::{
        CountOrdersRequest, ExportOrdersRequest, ListOrdersRequest, ListPurchasesRequest, Order, OrderState,
        ShipOrderRequest,
    },
    payment::{PaymentState, Refund, RefundPaymentRequest},
};

use crate::support::{
    Client, Refused, Setup, Shopper, eur,
    money::cents,
    stripe::{Shop, deliver},
    until,
};

on_both_edges!(each_refund_is_on_its_order_and_in_its_history, orders_are_found_by_what_was_refunded);
tests!(a_refund_that_fails_later_is_taken_back);

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
