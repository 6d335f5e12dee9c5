//! Adjustments by staff: discounts, carriage and fees beside those of the shop's configuration.

mod discounts;

use contracts::{
    article::{Article, UpdateArticleRequest},
    order::{
        AddAdjustmentRequest, AdjustmentType, CheckoutRequest, Order, OrderState, RemoveAdjustmentRequest,
        RemoveLineRequest,
    },
};

use crate::support::{
    Client, Code, Outcome, Refused, Setup, eur, money,
    money::cents,
    shop::{checkout, unique},
};

on_both_edges!(
    staff_adds_adjustments_and_takes_them_back,
    articles_that_left_the_baskets_currency_are_named,
    carriage_and_fees_have_their_tax,
    what_staff_added_stays_through_checkout_beside_carriage_and_fee,
    what_costs_nothing_is_paid_without_a_payment,
    only_an_open_order_is_adjusted_and_only_by_staff,
    a_bad_adjustment_is_refused_by_its_field,
);

/// An adjustment of so many cents.
pub fn adjustment(order_id: &str, kind: AdjustmentType, amount: i64) -> AddAdjustmentRequest {
    AddAdjustmentRequest {
        order_id: order_id.into(),
        r#type: kind.into(),
        label: format!("No. {}", unique()),
        amount: Some(eur(amount)),
        ..Default::default()
    }
}

async fn remove(client: &Client, order: &Order, id: &str) -> Outcome<Order> {
    let (order_id, adjustment_id) = (order.id.clone(), id.to_owned());
    client.remove_adjustment(RemoveAdjustmentRequest { order_id, adjustment_id, etag: String::new() }).await
}

fn amounts(order: &Order) -> Vec<(AdjustmentType, i64)> {
    order.adjustments.iter().map(|it| (it.r#type(), cents(&it.amount))).collect()
}

/// Covers: order.discount.
async fn staff_adds_adjustments_and_takes_them_back(setup: Setup) {
    use AdjustmentType::{Discount, Fee, Shipping};
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let basket = ada.add(&article.id, 2).await.unwrap().body;
    let request = AddAdjustmentRequest { label: "Courier".into(), ..adjustment(&basket.id, Shipping, 750) };
    let order = staff.add_adjustment(request).await.unwrap();
    assert_eq!((cents(&order.subtotal), cents(&order.total)), (2000, 2750));
    let added = &order.adjustments[0];
    assert!(added.id.starts_with("adj_") && added.label == "Courier" && !added.automatic, "{added:?}");
    staff.add_adjustment(adjustment(&basket.id, Fee, 100)).await.unwrap();
    let request = AddAdjustmentRequest { etag: order.etag.clone(), ..adjustment(&basket.id, Discount, -1) };
    staff.add_adjustment(request).await.refused(Code::Aborted, "ETAG_MISMATCH");
    let keyed = staff.with_key("discount-1");
    let request = adjustment(&basket.id, Discount, -450);
    let order = keyed.add_adjustment(request.clone()).await.unwrap();
    assert!(keyed.add_adjustment(request).await.unwrap().replayed());
    assert_eq!(amounts(&order), [(Shipping, 750), (Fee, 100), (Discount, -450)]);
    assert_eq!(cents(&order.total), 2400);
    assert_eq!(ada.see("open").await, order.body, "she sees what was added");

    let history = ada.history(&basket.id).await;
    let last = history.last().unwrap();
    assert_eq!((last.state(), last.actor.as_str()), (OrderState::Open, staff.user.id.as_str()));
    assert!(last.note.contains("-4.50 EUR"), "{last:?}");
    let order = remove(&staff, &order, &order.adjustments[0].id).await.unwrap();
    assert_eq!((amounts(&order), cents(&order.total)), (vec![(Fee, 100), (Discount, -450)], 1650));
    for gone in order.adjustments.clone() {
        remove(&staff, &order, &gone.id).await.unwrap();
    }
    assert_eq!(cents(&ada.see("open").await.total), 2000);
    remove(&staff, &order, &order.adjustments[0].id).await.missing();
}

/// It is refused because this article is in another currency, and no other.
#[track_caller]
fn blames(outcome: Outcome<Order>, article: &Article) {
    let refusal = outcome.refused(Code::FailedPrecondition, "CURRENCY_MISMATCH");
    let blamed: Vec<_> = refusal.infos.iter().map(|info| info["article_id"].as_str()).collect();
    assert_eq!(blamed, [article.id.as_str()], "{refusal:?}");
}

/// Covers: order.checkout, order.basket.
async fn articles_that_left_the_baskets_currency_are_named(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let [one, two, three] = [
        staff.stocked(eur(100), 9).await,
        staff.stocked(eur(200), 9).await,
        staff.stocked(eur(400), 9).await,
    ];
    for article in [&one, &two, &three] {
        ada.add(&article.id, 1).await.unwrap();
    }
    let to_dollars = async |id: &str| {
        let article = Some(Article { id: id.into(), price: Some(money(5, 0, "USD")), ..Default::default() });
        staff.update_article(UpdateArticleRequest { article, update_mask: None }).await.unwrap();
    };
    to_dollars(&one.id).await;
    let basket = ada.see("open").await;
    blames(ada.pay("open", "").await, &one);
    assert_eq!(ada.see("open").await, basket, "nothing was changed");
    let remove_line = async |place: usize| {
        let (order_id, line_id) = ("open".into(), basket.lines[place].id.clone());
        ada.remove_line(RemoveLineRequest { order_id, line_id, etag: String::new() }).await.unwrap()
    };
    // What is in the way can be taken out, whichever it is.
    remove_line(0).await;
    to_dollars(&two.id).await;
    blames(ada.pay("open", "").await, &two);
    remove_line(2).await;
    // All that is left is in dollars: that is another price, said once.
    ada.pay("open", "").await.refused(Code::FailedPrecondition, "PRICE_CHANGED");
    let paid = ada.pay("open", "").await.unwrap();
    let paid = ada.until(&paid.id, OrderState::Paid).await;
    assert_eq!(paid.total, Some(money(5, 0, "USD")));
}

/// Covers: order.checkout, order.basket.
async fn carriage_and_fees_have_their_tax(setup: Setup) {
    let setup = setup.env("FEIRA_SHIPPING", "4.99 EUR");
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let dear = staff.stocked(eur(12_300), 9).await;
    let basket = ada.add(&dear.id, 1).await.unwrap().body;
    assert_eq!((cents(&basket.total), cents(&basket.tax_included)), (12_799, 2_393));
    let tax_of = |order: &Order| {
        let parts = order.lines.iter().map(|it| cents(&it.tax_included));
        parts.chain(order.adjustments.iter().map(|it| cents(&it.tax_included))).collect::<Vec<_>>()
    };
    assert_eq!(tax_of(&basket), [2_300, 93]);
    // As much again without tax: of 4.99, 2.50 have 23 %. The odd cent goes to the first.
    let untaxed = staff.stocked(eur(12_300), 9).await;
    let article = Some(Article { id: untaxed.id.clone(), tax_rate_basis_points: 0, ..Default::default() });
    let update_mask = Some(prost_types::FieldMask { paths: vec!["tax_rate_basis_points".into()] });
    staff.update_article(UpdateArticleRequest { article, update_mask }).await.unwrap();
    let mixed = ada.add(&untaxed.id, 1).await.unwrap().body;
    assert_eq!(tax_of(&mixed).iter().sum::<i64>(), cents(&mixed.tax_included));
    assert!([2_300 + 46, 2_300 + 47].contains(&cents(&mixed.tax_included)), "{mixed:?}");
    // A discount beyond the lines takes the tax of carriage with it.
    let all = staff.add_adjustment(adjustment(&mixed.id, AdjustmentType::Discount, -99_999)).await.unwrap();
    assert_eq!((cents(&all.total), cents(&all.tax_included)), (0, 0));
}

/// Covers: order.discount, order.adjust.
async fn what_staff_added_stays_through_checkout_beside_carriage_and_fee(setup: Setup) {
    use AdjustmentType::{Discount, Fee, Shipping};
    let setup = setup
        .env("FEIRA_SHIPPING", "4.99 EUR")
        .env("FEIRA_PAYMENT_TYPES", "1=simulated;2=simulated,flat=0.50 EUR,percent=10");
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let basket = ada.add(&article.id, 2).await.unwrap().body;
    assert!(basket.adjustments[0].automatic, "{basket:?}");
    remove(&staff, &basket, &basket.adjustments[0].id)
        .await
        .refused(Code::FailedPrecondition, "AUTOMATIC_ADJUSTMENT");
    for (kind, amount) in [(Fee, 201), (Shipping, 300), (Discount, -1000)] {
        staff.add_adjustment(adjustment(&basket.id, kind, amount)).await.unwrap();
    }
    let by_type = |kind, method| CheckoutRequest { payment_type: Some(kind), ..checkout(&basket.id, method) };
    ada.checkout(by_type(2, "sim_decline")).await.unwrap();
    let order = ada.at_rest(&basket.id).await;
    // 10 % of 20.00 is 2.00, and 0.50.
    let automatic = |order: &Order| {
        let those = order.adjustments.iter().filter(|it| it.automatic);
        those.map(|it| (it.r#type(), cents(&it.amount))).collect::<Vec<_>>()
    };
    assert_eq!(automatic(&order), [(Shipping, 499), (Fee, 250)]);
    assert_eq!((cents(&order.total), amounts(&order).len()), (2250, 5));
    let payment = ada.payments(&order.id).await.remove(0);
    assert_eq!(
        (cents(&payment.amount), cents(&payment.fee)),
        (2250, 250),
        "staff's fee is none of the payment's"
    );
    ada.checkout(by_type(1, "sim_approve")).await.unwrap();
    let order = ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(automatic(&order), [(Shipping, 499)]);
    assert_eq!((cents(&order.total), amounts(&order).len()), (2000, 4));
}

/// Covers: order.discount.
async fn what_costs_nothing_is_paid_without_a_payment(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let basket = ada.add(&article.id, 1).await.unwrap();
    staff.add_adjustment(adjustment(&basket.id, AdjustmentType::Discount, -1000)).await.unwrap();
    let order = ada.pay("open", "sim_decline").await.unwrap();
    let order = ada.until(&order.id, OrderState::Paid).await;
    assert_eq!((cents(&order.total), cents(&order.tax_included), order.payment_id.as_str()), (0, 0, ""));
    assert!(ada.payments(&order.id).await.is_empty());
    assert_eq!(staff.stock(&article.id).await, (9, 0, 1));
    assert_eq!(ada.cancel(&order.id).await.unwrap().state(), OrderState::Cancelled);
    staff.until_stock(&article.id, (10, 0, 0)).await;
}

/// Covers: order.discount, access.
async fn only_an_open_order_is_adjusted_and_only_by_staff(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    let request = adjustment(&basket.id, AdjustmentType::Discount, -1);
    ada.add_adjustment(request.clone()).await.denied();
    let order = staff.add_adjustment(request.clone()).await.unwrap().body;
    remove(&ada, &order, &order.adjustments[0].id).await.denied();
    ada.pay("open", "sim_decline").await.unwrap();
    let waiting = ada.at_rest(&basket.id).await;
    let refusal =
        staff.add_adjustment(request.clone()).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(refusal.info("state"), "ORDER_STATE_AWAITING_PAYMENT");
    remove(&staff, &order, &order.adjustments[0].id).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    assert_eq!(ada.see(&basket.id).await, waiting);
    ada.cancel(&basket.id).await.unwrap();
    staff.add_adjustment(request).await.refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    staff
        .add_adjustment(adjustment("ord_01h455vb4pex5vsknk084sn02q", AdjustmentType::Fee, 1))
        .await
        .missing();
    staff.add_adjustment(adjustment("open", AdjustmentType::Fee, 1)).await.missing();
}

/// Covers: order.discount, bad-input.
async fn a_bad_adjustment_is_refused_by_its_field(setup: Setup) {
    use AdjustmentType::{Discount, Fee, Shipping, Unspecified};
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    let good = adjustment(&basket.id, Fee, 1);
    let with =
        |kind, amount| AddAdjustmentRequest { label: "x".into(), ..adjustment(&basket.id, kind, amount) };
    for (request, field) in [
        (with(Discount, 1), "amount"),
        (with(Discount, 0), "amount"),
        (with(Fee, 0), "amount"),
        (with(Shipping, -1), "amount"),
        (with(Unspecified, 1), "type"),
        (with(Fee, 1_000_000_000_000_001), "amount"),
        (with(Shipping, i64::MAX / 100), "amount"),
        (AddAdjustmentRequest { amount: None, ..good.clone() }, "amount"),
        (AddAdjustmentRequest { label: String::new(), ..good.clone() }, "label"),
        (AddAdjustmentRequest { label: "a\nb".into(), ..good.clone() }, "label"),
        (AddAdjustmentRequest { label: "x".repeat(201), ..good.clone() }, "label"),
        (AddAdjustmentRequest { order_id: "42".into(), ..good.clone() }, "order_id"),
        (AddAdjustmentRequest { amount: Some(money(1, 3, "EUR")), ..good.clone() }, "amount.nanos"),
        (AddAdjustmentRequest { amount: Some(money(1, 2, "ABC")), ..good.clone() }, "amount.currency_code"),
    ] {
        staff.add_adjustment(request).await.names(field);
    }
    let dollars = AddAdjustmentRequest { amount: Some(money(100, 2, "USD")), ..good.clone() };
    staff.add_adjustment(dollars).await.refused(Code::FailedPrecondition, "CURRENCY_MISMATCH");
    remove(&staff, &basket, "42").await.names("adjustment_id");
    remove(&staff, &basket, "adj_01h455vb4pex5vsknk084sn02q").await.missing();
    assert_eq!(ada.see("open").await, basket, "nothing was changed");
    for _ in 0..20 {
        staff.add_adjustment(good.clone()).await.unwrap();
    }
    staff.add_adjustment(good.clone()).await.refused(Code::FailedPrecondition, "LIMIT_EXCEEDED");
    let (order_id, line_id) = ("open".into(), basket.lines[0].id.clone());
    ada.remove_line(RemoveLineRequest { order_id, line_id, etag: String::new() }).await.unwrap();
    staff.add_adjustment(good).await.refused(Code::FailedPrecondition, "EMPTY_ORDER");
}
