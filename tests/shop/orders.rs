//! OrderService.

use contracts::{
    article::{Article, UpdateArticleRequest},
    order::{
        AddLineRequest, AdjustmentType, CancelOrderRequest, CheckoutRequest, CreateOrderRequest,
        GetOpenOrderRequest, GetOrderRequest, ListOrderEventsRequest, ListOrdersRequest, OrderLine,
        OrderState, RemoveLineRequest, UpdateLineRequest, checkout_request, create_order_request,
    },
    payment::PaymentState,
    user::ListAddressesRequest,
};

use crate::support::{
    Code, Refused, Setup, eur, money,
    money::cents,
    shop::{act, checkout, new_order},
    until,
};

on_both_edges!(
    a_read_never_makes_a_basket,
    the_first_line_fixes_the_currency,
    a_line_has_at_most_a_thousand_and_an_order_a_hundred_lines,
    somebody_elses_order_looks_missing,
    an_empty_order_is_not_checked_out,
    a_shortage_refuses_the_checkout_and_changes_nothing,
    a_shortage_keeps_an_order_placed_in_one_call_as_cancelled,
    a_changed_price_refuses_once_unless_the_total_was_accepted,
    an_article_withdrawn_from_sale_refuses_the_checkout,
    an_address_of_somebody_else_is_not_shipped_to,
    staff_place_an_order_for_a_user,
    a_stale_order_is_not_changed,
    shipping_and_fees_are_adjustments,
    staff_ship_what_is_paid_and_deliver_what_is_shipped,
    orders_are_listed_page_by_page_and_filtered,
    an_action_refused_at_the_bank_leaves_the_order_waiting,
    an_order_not_paid_in_time_expires_and_its_stock_comes_back,
    a_basket_is_cancelled_too,
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

/// Covers: order.checkout.
async fn an_empty_order_is_not_checked_out(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let order = ada.add(&article.id, 1).await.unwrap();
    let (order_id, line_id) = (order.id.clone(), order.lines[0].id.clone());
    let empty = ada.remove_line(RemoveLineRequest { order_id, line_id, etag: String::new() }).await.unwrap();
    assert!(empty.lines.is_empty());
    ada.pay("open", "").await.refused(Code::FailedPrecondition, "EMPTY_ORDER");
    let no_lines = CreateOrderRequest { lines: Vec::new(), ..new_order(&article.id, 1, "") };
    ada.create_order(no_lines).await.names("lines");
    let nowhere = CreateOrderRequest { destination: None, ..new_order(&article.id, 1, "") };
    ada.create_order(nowhere).await.refused(Code::InvalidArgument, "VALIDATION");
    ada.add(&article.id, 1).await.unwrap();
    let nowhere = CheckoutRequest { destination: None, ..checkout("open", "") };
    ada.checkout(nowhere).await.refused(Code::InvalidArgument, "VALIDATION");
    ada.pay("open", "sim_nothing").await.names("payment_method");
    ada.checkout(CheckoutRequest { payment_type: Some(77), ..checkout("open", "") })
        .await
        .names("payment_type");
    assert_eq!(ada.see(&order.id).await.state(), OrderState::Open);
    assert_eq!(staff.stock(&article.id).await, (5, 0, 0));
}

/// Covers: order.checkout, article.reserve.
async fn a_shortage_refuses_the_checkout_and_changes_nothing(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (enough, few, none) = (
        staff.stocked(eur(100), 50).await,
        staff.stocked(eur(100), 2).await,
        staff.stocked(eur(100), 0).await,
    );
    for article in [&enough, &few, &none] {
        ada.add(&article.id, 3).await.unwrap();
    }
    let refusal = ada.pay("open", "").await.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
    let mut short =
        refusal.infos.iter().map(|it| (it["article_id"].as_str(), it["free"].as_str())).collect::<Vec<_>>();
    short.sort_unstable();
    let mut expected = [(few.id.as_str(), "2"), (none.id.as_str(), "0")];
    expected.sort_unstable();
    assert_eq!(short, expected);
    assert_eq!(ada.see("open").await.state(), OrderState::Open);
    assert_eq!(staff.stock(&enough.id).await, (50, 0, 0));
    assert_eq!(staff.stock(&few.id).await, (2, 0, 0));
    staff.adjust(&few.id, 1, contracts::article::StockReason::Received).await.unwrap();
    staff.adjust(&none.id, 3, contracts::article::StockReason::Received).await.unwrap();
    let order = ada.pay("open", "").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: order.place.
async fn a_shortage_keeps_an_order_placed_in_one_call_as_cancelled(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 2).await;
    let refusal = ada.order(&article.id, 3, "").await.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
    assert_eq!((refusal.info("article_id"), refusal.info("free")), (article.id.as_str(), "2"));
    let order = ada.see(refusal.info("order_id")).await;
    assert_eq!((order.state(), order.lines[0].quantity), (OrderState::Cancelled, 3));
    assert_eq!(staff.stock(&article.id).await, (2, 0, 0));
    assert!(ada.payments(&order.id).await.is_empty());
}

/// Covers: order.checkout.
async fn a_changed_price_refuses_once_unless_the_total_was_accepted(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let priced = async |cents| {
        let article = Some(Article { id: article.id.clone(), price: Some(eur(cents)), ..Default::default() });
        staff.update_article(UpdateArticleRequest { article, update_mask: None }).await.unwrap();
    };
    ada.add(&article.id, 2).await.unwrap();
    priced(150).await;
    ada.pay("open", "").await.refused(Code::FailedPrecondition, "PRICE_CHANGED");
    let basket = ada.see("open").await;
    assert_eq!(
        (cents(&basket.total), cents(&basket.lines[0].unit_price)),
        (300, 150),
        "the lines are refreshed"
    );
    priced(200).await;
    let accepted = |cents| CheckoutRequest { expected_total: Some(eur(cents)), ..checkout("open", "") };
    ada.checkout(accepted(300)).await.refused(Code::FailedPrecondition, "PRICE_CHANGED");
    priced(250).await;
    let order = ada.checkout(accepted(500)).await.unwrap();
    assert_eq!(cents(&ada.until(&order.id, OrderState::Paid).await.total), 500);
    let wrong = CreateOrderRequest { expected_total: Some(eur(1)), ..new_order(&article.id, 1, "") };
    ada.create_order(wrong).await.refused(Code::FailedPrecondition, "PRICE_CHANGED");
    // A price that changes later changes no order.
    priced(1).await;
    assert_eq!(cents(&ada.see(&order.id).await.total), 500);
}

/// Covers: order.checkout.
async fn an_article_withdrawn_from_sale_refuses_the_checkout(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    ada.add(&article.id, 1).await.unwrap();
    let article = Article { id: article.id, active: false, ..Default::default() };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["active".into()] });
    let request = UpdateArticleRequest { article: Some(article.clone()), update_mask };
    staff.update_article(request).await.unwrap();
    let refusal = ada.pay("open", "").await.refused(Code::FailedPrecondition, "ARTICLE_INACTIVE");
    assert_eq!(refusal.info("article_id"), article.id);
    assert_eq!(ada.see("open").await.state(), OrderState::Open);
}

/// Covers: access.
async fn an_address_of_somebody_else_is_not_shipped_to(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, eve) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let list = ListAddressesRequest { user_id: "me".into(), ..Default::default() };
    let hers = ada.list_addresses(list).await.unwrap().addresses[0].id.clone();
    let destination = Some(create_order_request::Destination::AddressId(hers.clone()));
    eve.create_order(CreateOrderRequest { destination, ..new_order(&article.id, 1, "") }).await.missing();
    eve.add(&article.id, 1).await.unwrap();
    let destination = Some(checkout_request::Destination::AddressId(hers));
    eve.checkout(CheckoutRequest { destination, ..checkout("open", "") }).await.missing();
    assert_eq!(eve.see("open").await.state(), OrderState::Open);
    assert_eq!(staff.stock(&article.id).await, (10, 0, 0));
}

/// Covers: order.place.
async fn staff_place_an_order_for_a_user(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let list = ListAddressesRequest { user_id: "me".into(), ..Default::default() };
    let hers = ada.list_addresses(list).await.unwrap().addresses[0].id.clone();
    let destination = Some(create_order_request::Destination::AddressId(hers));
    let user_id = ada.user.id.clone();
    let request = CreateOrderRequest { user_id, destination, ..new_order(&article.id, 1, "sim_approve") };
    let order = staff.create_order(request).await.unwrap();
    let order = ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(order.user_id, ada.user.id);
    assert_eq!(ada.history(&order.id).await[0].actor, staff.user.id);
    let user_id = "usr_01h455vb4pex5vsknk084sn02q".into();
    staff.create_order(CreateOrderRequest { user_id, ..new_order(&article.id, 1, "") }).await.missing();
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
