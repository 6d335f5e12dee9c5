//! Discounts.

use contracts::{
    article::{Article, UpdateArticleRequest},
    order::{AdjustmentType, Order, OrderState, RemoveLineRequest, UpdateLineRequest},
};

use crate::support::{Code, Refused, Setup, eur, money, money::cents};

use super::{adjustment, amounts, blames, remove};

on_both_edges!(
    a_discount_takes_its_share_of_the_tax_with_it,
    a_discount_takes_what_there_is_and_shows_what_it_took,
    no_discount_of_staffs_locks_a_basket,
    what_staff_gave_in_another_currency_locks_no_emptied_basket,
);

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
async fn a_discount_takes_what_there_is_and_shows_what_it_took(setup: Setup) {
    use AdjustmentType::{Discount, Fee, Shipping};
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await;
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    let discount = async |cents| staff.add_adjustment(adjustment(&basket.id, Discount, cents)).await.unwrap();
    let given = |order: &Order| order.adjustments.iter().map(|it| cents(&it.given)).collect::<Vec<_>>();
    assert_eq!(cents(&discount(-600).await.total), 400);
    let order = discount(i64::MIN / 1000).await;
    assert_eq!(amounts(&order), [(Discount, -600), (Discount, -400)]);
    assert_eq!(given(&order), [-600, i64::MIN / 1000]);
    assert_eq!((cents(&order.total), cents(&order.tax_included)), (0, 0));
    let order = discount(-1).await;
    assert_eq!(amounts(&order)[2], (Discount, 0));
    // Carriage and fees that staff adds are taken off, too.
    staff.add_adjustment(adjustment(&basket.id, Shipping, 500)).await.unwrap();
    let order = staff.add_adjustment(adjustment(&basket.id, Fee, 100)).await.unwrap();
    assert_eq!(cents(&order.total), 0);
    assert_eq!(
        amounts(&order),
        [(Discount, -600), (Discount, -1000), (Discount, 0), (Shipping, 500), (Fee, 100)]
    );
    // What is taken back is free for the next.
    let order = remove(&staff, &order, &order.adjustments[1].id).await.unwrap();
    assert_eq!(amounts(&order), [(Discount, -600), (Discount, -1), (Shipping, 500), (Fee, 100)]);
    assert_eq!(cents(&order.total), 999);
    assert_eq!(ada.see("open").await, order.body);
}

/// Covers: order.discount, order.basket.
async fn no_discount_of_staffs_locks_a_basket(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (dear, cheap) = (staff.stocked(eur(1000), 10).await, staff.stocked(eur(100), 20).await);
    ada.add(&dear.id, 2).await.unwrap();
    let order = ada.add(&cheap.id, 1).await.unwrap().body;
    let added = staff.add_adjustment(adjustment(&order.id, AdjustmentType::Shipping, 300)).await.unwrap();
    let carriage = added.adjustments[0].id.clone();
    let order =
        staff.add_adjustment(adjustment(&order.id, AdjustmentType::Discount, -2350)).await.unwrap().body;
    assert_eq!(cents(&order.total), 50);
    let takes = |order: &Order| {
        let discount = order.adjustments.iter().find(|it| it.r#type() == AdjustmentType::Discount).unwrap();
        assert_eq!(cents(&discount.given), -2350);
        cents(&discount.amount)
    };
    let line_of = |id: &str| order.lines.iter().find(|line| line.article_id == id).unwrap().id.clone();
    let quantity = |line_id: String, quantity| UpdateLineRequest {
        order_id: order.id.clone(),
        line_id,
        quantity,
        etag: String::new(),
    };
    let fewer = ada.update_line(quantity(line_of(&dear.id), 1)).await.unwrap();
    assert_eq!((takes(&fewer), cents(&fewer.total)), (-1400, 0));
    let more = ada.update_line(quantity(line_of(&dear.id), 2)).await.unwrap();
    assert_eq!((takes(&more), cents(&more.total)), (-2350, 50));
    let without = remove(&staff, &order, &carriage).await.unwrap();
    assert_eq!((takes(&without), cents(&without.total)), (-2100, 0));

    // A price falls: it is said once, and then paid.
    staff.add_adjustment(adjustment(&order.id, AdjustmentType::Shipping, 300)).await.unwrap();
    let article = Some(Article { id: dear.id.clone(), price: Some(eur(500)), ..Default::default() });
    staff.update_article(UpdateArticleRequest { article, update_mask: None }).await.unwrap();
    ada.pay("open", "").await.refused(Code::FailedPrecondition, "PRICE_CHANGED");
    assert_eq!(takes(&ada.see("open").await), -1400);
    ada.add(&cheap.id, 10).await.unwrap();
    let (order_id, line_id) = (order.id.clone(), line_of(&dear.id));
    let left = ada.remove_line(RemoveLineRequest { order_id, line_id, etag: String::new() }).await.unwrap();
    assert_eq!((takes(&left), cents(&left.subtotal), cents(&left.total)), (-1400, 1100, 0));
    ada.add(&dear.id, 3).await.unwrap();
    let paid = ada.pay("open", "").await.unwrap();
    let paid = ada.until(&paid.id, OrderState::Paid).await;
    assert_eq!((takes(&paid), cents(&paid.total)), (-2350, 1500 + 1100 + 300 - 2350));
    assert_eq!(cents(&ada.payments(&paid.id).await[0].captured), cents(&paid.total));
}

/// Covers: order.discount, order.basket.
async fn what_staff_gave_in_another_currency_locks_no_emptied_basket(setup: Setup) {
    use AdjustmentType::{Discount, Fee, Shipping};
    let setup = setup.env("FEIRA_SHIPPING", "4.99 EUR;500 JPY");
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (euros, yen) = (staff.stocked(eur(1000), 9).await, staff.stocked(money(1200, 0, "JPY"), 9).await);
    let basket = ada.add(&euros.id, 1).await.unwrap().body;
    staff.add_adjustment(adjustment(&basket.id, Fee, 100)).await.unwrap();
    staff.add_adjustment(adjustment(&basket.id, Discount, -300)).await.unwrap();
    blames(ada.add(&yen.id, 1).await, &yen);
    let (order_id, line_id) = ("open".into(), basket.lines[0].id.clone());
    ada.remove_line(RemoveLineRequest { order_id, line_id, etag: String::new() }).await.unwrap();
    let order = ada.add(&yen.id, 2).await.unwrap();
    let whole = |it: &Option<contracts::Money>| it.clone().map(|it| (it.units, it.currency_code)).unwrap();
    assert_eq!(whole(&order.total), (2900, "JPY".to_owned()));
    for it in &order.adjustments {
        let expected = if it.r#type() == Shipping { 500 } else { 0 };
        assert_eq!(whole(&it.amount), (expected, "JPY".to_owned()), "{it:?}");
    }
    assert!(order.adjustments.iter().any(|it| it.given == Some(eur(-300))), "it is shown: {order:?}");
    let euro_fee = adjustment(&basket.id, Fee, 100);
    staff.add_adjustment(euro_fee).await.refused(Code::FailedPrecondition, "CURRENCY_MISMATCH");
    let paid = ada.pay("open", "").await.unwrap();
    let paid = ada.until(&paid.id, OrderState::Paid).await;
    assert_eq!(whole(&paid.total), (2900, "JPY".to_owned()));
}
