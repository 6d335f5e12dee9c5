//! Placing an order: by checkout and in one call, and what refuses it.

use contracts::{
    article::{Article, UpdateArticleRequest},
    order::{
        CheckoutRequest, CreateOrderRequest, OrderState, RemoveLineRequest, checkout_request,
        create_order_request,
    },
    user::ListAddressesRequest,
};

use crate::support::{
    Code, Refused, Setup, eur,
    money::cents,
    shop::{checkout, new_order},
};

on_both_edges!(
    an_empty_order_is_not_checked_out,
    a_shortage_refuses_the_checkout_and_changes_nothing,
    a_shortage_keeps_an_order_placed_in_one_call_as_cancelled,
    a_changed_price_refuses_once_unless_the_total_was_accepted,
    an_article_withdrawn_from_sale_refuses_the_checkout,
    an_address_of_somebody_else_is_not_shipped_to,
    staff_place_an_order_for_a_user,
);

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
