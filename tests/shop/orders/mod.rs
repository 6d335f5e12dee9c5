//! OrderService.

mod ends;
mod limits;
mod placing;

use contracts::order::{
    AddLineRequest, AdjustmentType, CancelOrderRequest, CheckoutRequest, CreateOrderRequest,
    GetOpenOrderRequest, GetOrderRequest, ListOrderEventsRequest, ListOrdersRequest, OrderLine, OrderState,
    RemoveLineRequest, UpdateLineRequest,
};

use crate::support::{
    Code, Refused, Setup, eur, money,
    money::cents,
    shop::{checkout, new_order},
};

on_both_edges!(
    a_read_never_makes_a_basket,
    the_first_line_fixes_the_currency,
    a_line_has_at_most_a_thousand_and_an_order_a_hundred_lines,
    somebody_elses_order_looks_missing,
    a_stale_order_is_not_changed,
    shipping_and_fees_are_adjustments,
    orders_are_listed_page_by_page_and_filtered,
);

fn line(order_id: &str, article_id: &str, quantity: i32) -> AddLineRequest {
    AddLineRequest { order_id: order_id.into(), article_id: article_id.into(), quantity, etag: String::new() }
}

/// Covers: order.basket.
async fn a_read_never_makes_a_basket(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    ada.get_open_order(GetOpenOrderRequest {}).await.missing();
    ada.get_order(GetOrderRequest { id: "open".into() }).await.missing();
    ada.list_order_events(ListOrderEventsRequest { order_id: "open".into(), ..Default::default() })
        .await
        .missing();
    ada.pay("open", "").await.missing();
    ada.cancel("open").await.missing();
    assert!(ada.list_orders(ListOrdersRequest::default()).await.unwrap().orders.is_empty());
    mesh.client()
        .get_open_order(GetOpenOrderRequest {})
        .await
        .refused(Code::Unauthenticated, "UNAUTHENTICATED");
}

/// Covers: order.basket.
async fn the_first_line_fixes_the_currency(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (euros, yen) = (staff.stocked(eur(100), 5).await, staff.stocked(money(120, 0, "JPY"), 5).await);
    ada.add(&euros.id, 1).await.unwrap();
    ada.add(&yen.id, 1).await.refused(Code::FailedPrecondition, "CURRENCY_MISMATCH");
    let dollars = staff.stocked(money(3, 0, "USD"), 5).await;
    let mut mixed = new_order(&euros.id, 1, "");
    for article in [&yen, &dollars] {
        mixed.lines.push(OrderLine { article_id: article.id.clone(), quantity: 1 });
    }
    let refusal = ada.create_order(mixed).await.refused(Code::FailedPrecondition, "CURRENCY_MISMATCH");
    let named: Vec<_> = refusal.infos.iter().map(|info| info["article_id"].as_str()).collect();
    assert_eq!(named, [yen.id.as_str(), dollars.id.as_str()], "each that differs: {refusal:?}");
    let basket = ada.get_open_order(GetOpenOrderRequest {}).await.unwrap();
    assert_eq!(basket.lines.len(), 1);
    let (order_id, line_id) = ("open".into(), basket.lines[0].id.clone());
    ada.remove_line(RemoveLineRequest { order_id, line_id, etag: String::new() }).await.unwrap();
    assert_eq!(ada.add(&yen.id, 2).await.unwrap().total, Some(money(240, 0, "JPY")));
}

/// Covers: order.basket.
async fn a_line_has_at_most_a_thousand_and_an_order_a_hundred_lines(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 0).await;
    ada.add(&article.id, 1000).await.unwrap();
    ada.add(&article.id, 1).await.refused(Code::InvalidArgument, "VALIDATION");
    let lines = vec![OrderLine { article_id: article.id.clone(), quantity: 1 }; 101];
    ada.create_order(CreateOrderRequest { lines, ..new_order(&article.id, 1, "") }).await.names("lines");
    let basket = ada.get_open_order(GetOpenOrderRequest {}).await.unwrap();
    assert_eq!(basket.lines[0].quantity, 1000);
    let unknown = line("open", "art_01h455vb4pex5vsknk084sn02q", 1);
    ada.add_line(unknown).await.missing();
    let (order_id, line_id) = ("open".to_owned(), "lin_01h455vb4pex5vsknk084sn02q".to_owned());
    let request = UpdateLineRequest { order_id, line_id, quantity: 1, etag: String::new() };
    ada.update_line(request).await.missing();
}

/// Covers: access, order.list.
async fn somebody_elses_order_looks_missing(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, eve) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let order = ada.add(&article.id, 1).await.unwrap().body;
    for id in [order.id.as_str(), "ord_01h455vb4pex5vsknk084sn02q"] {
        let id = id.to_owned();
        let (order_id, line_id) = (id.clone(), order.lines[0].id.clone());
        let refusals = [
            eve.get_order(GetOrderRequest { id: id.clone() }).await.missing(),
            eve.add_line(line(&id, &article.id, 1)).await.missing(),
            eve.update_line(UpdateLineRequest { order_id, line_id, quantity: 2, etag: String::new() })
                .await
                .missing(),
            eve.pay(&id, "").await.missing(),
            eve.cancel(&id).await.missing(),
        ];
        assert!(refusals.iter().all(|refusal| refusal.message == "order not found"), "{refusals:#?}");
        eve.list_order_events(ListOrderEventsRequest { order_id: id.clone(), ..Default::default() })
            .await
            .missing();
        let refusal = eve.watch(&id, 0).await.next().await.expect("an error").unwrap_err();
        assert_eq!(refusal.code, Code::NotFound);
        eve.ship(&id).await.denied();
        eve.deliver(&id).await.denied();
    }
    let user_id = ada.user.id.clone();
    let listed = eve.list_orders(ListOrdersRequest { user_id: user_id.clone(), ..Default::default() }).await;
    assert!(listed.map(|it| it.body.orders).unwrap_or_default().is_empty(), "not hers to see");
    assert!(eve.list_orders(ListOrdersRequest::default()).await.unwrap().orders.is_empty());
    eve.create_order(CreateOrderRequest { user_id, ..new_order(&article.id, 1, "") }).await.unwrap_err();
    assert_eq!(ada.see(&order.id).await, order);
}

/// Covers: etag.
async fn a_stale_order_is_not_changed(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let old = ada.add(&article.id, 1).await.unwrap().body;
    let new = ada.add(&article.id, 1).await.unwrap().body;
    assert_ne!(old.etag, new.etag);
    let (id, etag) = (old.id.clone(), old.etag.clone());
    let request = AddLineRequest { etag: etag.clone(), ..line(&id, &article.id, 1) };
    ada.add_line(request).await.refused(Code::Aborted, "ETAG_MISMATCH");
    let (order_id, line_id) = (id.clone(), old.lines[0].id.clone());
    let request = UpdateLineRequest { order_id, line_id, quantity: 9, etag: etag.clone() };
    ada.update_line(request).await.refused(Code::Aborted, "ETAG_MISMATCH");
    let request = CheckoutRequest { etag: etag.clone(), ..checkout(&id, "") };
    ada.checkout(request).await.refused(Code::Aborted, "ETAG_MISMATCH");
    let request = CancelOrderRequest { id: id.clone(), etag, ..Default::default() };
    ada.cancel_order(request).await.refused(Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(ada.see(&id).await, new);
    let order = ada.checkout(CheckoutRequest { etag: new.etag, ..checkout(&id, "") }).await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: order.adjust, payment.types.
async fn shipping_and_fees_are_adjustments(setup: Setup) {
    let setup = setup
        .env("FEIRA_SHIPPING", "4.99 EUR")
        .env("FEIRA_PAYMENT_TYPES", "1=simulated;2=simulated,flat=0.50 EUR,percent=1.5");
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1001), 10).await;
    let request = CreateOrderRequest { payment_type: Some(2), ..new_order(&article.id, 1, "sim_decline") };
    let order = ada.create_order(request).await.unwrap();
    let order = ada.at_rest(&order.id).await;
    // 1.5 % of 15.00 is 0.225, rounded half up to 0.23, and 0.50.
    let adjustments = |order: &contracts::order::Order| {
        order.adjustments.iter().map(|it| (it.r#type(), cents(&it.amount))).collect::<Vec<_>>()
    };
    assert_eq!(adjustments(&order), [(AdjustmentType::Shipping, 499), (AdjustmentType::Fee, 73)]);
    assert_eq!((cents(&order.subtotal), cents(&order.total), order.payment_type), (1001, 1573, 2));
    let payment = ada.payments(&order.id).await.remove(0);
    assert_eq!((cents(&payment.amount), cents(&payment.fee), payment.payment_type), (1573, 73, 2));

    // Paid by another type, its fee replaces the old one.
    ada.checkout(CheckoutRequest { payment_type: Some(1), ..checkout(&order.id, "sim_approve") })
        .await
        .unwrap();
    let order = ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(adjustments(&order), [(AdjustmentType::Shipping, 499)]);
    assert_eq!((cents(&order.total), order.payment_type), (1500, 1));
}

/// Covers: order.list.
async fn orders_are_listed_page_by_page_and_filtered(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 100).await;
    let mut ids = Vec::new();
    for quantity in 1..=5 {
        let order = ada.order(&article.id, quantity, "sim_approve").await.unwrap();
        ids.insert(0, ada.until(&order.id, OrderState::Paid).await.id);
    }
    let other = bob.add(&article.id, 1).await.unwrap().id.clone();
    let mut request = ListOrdersRequest { page_size: 2, ..Default::default() };
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = ada.list_orders(request.clone()).await.unwrap().body;
        seen.extend(page.orders.into_iter().map(|order| order.id));
        request.page_token = page.next_page_token;
    }
    assert_eq!((&seen, request.page_token.as_str()), (&ids, ""), "hers, the newest first");
    let list = async |request: ListOrdersRequest| {
        let orders = staff.list_orders(request).await.unwrap().body.orders;
        orders.into_iter().map(|order| order.id).collect::<Vec<_>>()
    };
    assert_eq!(list(ListOrdersRequest::default()).await.len(), 6, "staff see all");
    assert_eq!(
        list(ListOrdersRequest { user_id: bob.user.id.clone(), ..Default::default() }).await,
        [other.as_str()]
    );
    let state = vec![OrderState::Open.into(), OrderState::Shipped.into()];
    assert_eq!(list(ListOrdersRequest { state, ..Default::default() }).await, [other]);
    let totals = ListOrdersRequest {
        min_total: Some(eur(200)),
        max_total: Some(eur(300)),
        state: vec![OrderState::Paid.into()],
        ..Default::default()
    };
    assert_eq!(list(totals).await, ids[2..4]);
    let third = ada.see(&ids[2]).await.place_time;
    let after = ListOrdersRequest { placed_after: third, ..Default::default() };
    assert_eq!(list(after).await, ids[..3]);
    let before = ListOrdersRequest { placed_before: third, ..Default::default() };
    assert_eq!(list(before).await, ids[3..]);
    let upside_down =
        ListOrdersRequest { min_total: Some(eur(2)), max_total: Some(eur(1)), ..Default::default() };
    staff.list_orders(upside_down).await.refused(Code::InvalidArgument, "VALIDATION");
    let foreign = ListOrdersRequest { page_size: 2, ..Default::default() };
    let page_token = staff.list_orders(foreign).await.unwrap().body.next_page_token;
    let other = ListOrdersRequest { page_token, user_id: bob.user.id.clone(), ..Default::default() };
    staff.list_orders(other).await.names("page_token");
}
