//! Adjustments by staff: discounts, carriage and fees beside those of the shop's configuration.

use contracts::{
    article::{Article, UpdateArticleRequest},
    order::{
        AddAdjustmentRequest, AdjustmentType, CheckoutRequest, Order, OrderState, RemoveAdjustmentRequest,
        RemoveLineRequest, UpdateLineRequest,
    },
};

use crate::support::{
    Client, Code, Outcome, Refused, Setup, eur, money,
    money::cents,
    shop::{checkout, unique},
};

on_both_edges!(
    staff_adds_adjustments_and_takes_them_back,
    a_discount_takes_its_share_of_the_tax_with_it,
    a_discount_above_the_total_is_refused_and_changes_nothing,
    no_later_change_takes_the_total_below_nothing,
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

/// Covers: order.discount.
async fn a_discount_takes_its_share_of_the_tax_with_it(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    // 23 %: of 3 x 41.00 = 123.00, 23.00 are tax; of 24.60, 4.60.
    let (one, other) = (staff.stocked(eur(4100), 10).await, staff.stocked(eur(2460), 10).await);
    ada.add(&one.id, 3).await.unwrap();
    let basket = ada.add(&other.id, 1).await.unwrap().body;
    assert_eq!(cents(&basket.tax_included), 2760);
    assert!(basket.lines.iter().all(|line| cents(&line.discount) == 0), "{basket:?}");
    // A third of 147.60 is 49.20: 41.00 of the one, 8.20 of the other.
    let request = adjustment(&basket.id, AdjustmentType::Discount, -4920);
    let order = staff.add_adjustment(request).await.unwrap();
    let lines = order.lines.iter().map(|it| (cents(&it.total), cents(&it.discount), cents(&it.tax_included)));
    // 82.00 with 23 % has 15.33 in it, 16.40 has 3.07.
    assert_eq!(lines.collect::<Vec<_>>(), [(12300, -4100, 1533), (2460, -820, 307)]);
    assert_eq!((cents(&order.total), cents(&order.tax_included)), (9840, 1840));
    // One cent goes to one line.
    let order = staff.add_adjustment(adjustment(&basket.id, AdjustmentType::Discount, -1)).await.unwrap();
    assert_eq!(order.lines.iter().map(|it| cents(&it.discount)).sum::<i64>(), -4921);
}

/// Covers: order.discount.
async fn a_discount_above_the_total_is_refused_and_changes_nothing(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    let discount =
        async |cents| staff.add_adjustment(adjustment(&basket.id, AdjustmentType::Discount, cents)).await;
    let refusal = discount(-1001).await.refused(Code::FailedPrecondition, "DISCOUNT_ABOVE_TOTAL");
    assert_eq!(refusal.info("total"), "-0.01 EUR");
    discount(i64::MIN / 1000).await.refused(Code::FailedPrecondition, "DISCOUNT_ABOVE_TOTAL");
    assert_eq!(ada.see("open").await, basket);
    assert_eq!(cents(&discount(-600).await.unwrap().total), 400);
    discount(-401).await.refused(Code::FailedPrecondition, "DISCOUNT_ABOVE_TOTAL");
    assert_eq!(cents(&discount(-400).await.unwrap().total), 0);
    discount(-1).await.refused(Code::FailedPrecondition, "DISCOUNT_ABOVE_TOTAL");
    // Carriage that staff adds can be taken off, too.
    staff.add_adjustment(adjustment(&basket.id, AdjustmentType::Shipping, 500)).await.unwrap();
    assert_eq!(cents(&discount(-500).await.unwrap().total), 0);
}

/// Covers: order.discount.
async fn no_later_change_takes_the_total_below_nothing(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (dear, cheap) = (staff.stocked(eur(1000), 10).await, staff.stocked(eur(100), 10).await);
    ada.add(&dear.id, 2).await.unwrap();
    let order = ada.add(&cheap.id, 1).await.unwrap().body;
    let added = staff.add_adjustment(adjustment(&order.id, AdjustmentType::Shipping, 300)).await.unwrap();
    let carriage = added.adjustments[0].id.clone();
    let order =
        staff.add_adjustment(adjustment(&order.id, AdjustmentType::Discount, -2350)).await.unwrap().body;

    let dear_line = order.lines.iter().find(|line| line.article_id == dear.id).unwrap().id.clone();
    let (order_id, line_id) = (order.id.clone(), dear_line.clone());
    let without = RemoveLineRequest { order_id, line_id, etag: String::new() };
    ada.remove_line(without.clone()).await.refused(Code::FailedPrecondition, "DISCOUNT_ABOVE_TOTAL");
    let (order_id, line_id) = (order.id.clone(), dear_line);
    let fewer = UpdateLineRequest { order_id, line_id, quantity: 1, etag: String::new() };
    ada.update_line(fewer.clone()).await.refused(Code::FailedPrecondition, "DISCOUNT_ABOVE_TOTAL");
    remove(&staff, &order, &carriage).await.refused(Code::FailedPrecondition, "DISCOUNT_ABOVE_TOTAL");
    let article = Some(Article { id: dear.id.clone(), price: Some(eur(500)), ..Default::default() });
    staff.update_article(UpdateArticleRequest { article, update_mask: None }).await.unwrap();
    ada.pay("open", "").await.refused(Code::FailedPrecondition, "DISCOUNT_ABOVE_TOTAL");
    ada.add(&dear.id, 1).await.refused(Code::FailedPrecondition, "DISCOUNT_ABOVE_TOTAL");
    assert_eq!(ada.see("open").await, order, "nothing was changed");

    let discount = order.adjustments.iter().find(|it| it.r#type() == AdjustmentType::Discount).unwrap();
    remove(&staff, &order, &discount.id).await.unwrap();
    ada.update_line(fewer).await.unwrap();
    ada.pay("open", "").await.refused(Code::FailedPrecondition, "PRICE_CHANGED");
    let paid = ada.pay("open", "").await.unwrap();
    assert_eq!(cents(&ada.until(&paid.id, OrderState::Paid).await.total), 900);
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
    let yen = staff.stocked(money(120, 0, "JPY"), 1).await;
    ada.add(&yen.id, 1).await.refused(Code::FailedPrecondition, "CURRENCY_MISMATCH");
}
