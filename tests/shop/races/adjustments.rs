//! Adjustments by staff.

use contracts::order::{AdjustmentType, OrderState};

use super::winners;
use crate::{
    adjustments::adjustment,
    support::{Setup, at_once, eur, money::cents},
};

on_every_database!(
    twenty_discounts_at_once_take_no_more_than_there_is,
    a_discount_against_a_checkout_is_charged_as_the_order_says,
);

/// Covers: order.discount.
async fn twenty_discounts_at_once_take_no_more_than_there_is(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 0).await;
    let basket = ada.add(&article.id, 1).await.unwrap();
    let outcomes = at_once(20, |number| {
        let (staff, id) = (staff.at(number), basket.id.clone());
        async move { staff.add_adjustment(adjustment(&id, AdjustmentType::Discount, -300)).await }
    })
    .await;
    assert_eq!(winners(outcomes, &[]).len(), 20);
    let basket = ada.see("open").await;
    let taken: Vec<i64> = basket.adjustments.iter().map(|it| cents(&it.amount)).collect();
    assert_eq!((&taken[..5], taken.len(), cents(&basket.total)), (&[-300, -300, -300, -100, 0][..], 20, 0));
}

/// Covers: order.discount.
async fn a_discount_against_a_checkout_is_charged_as_the_order_says(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 100).await;
    for _ in 0..5 {
        let basket = ada.add(&article.id, 1).await.unwrap();
        let outcomes = at_once(8, |number| {
            let (ada, staff, id) = (ada.at(number), staff.at(number), basket.id.clone());
            async move {
                if number == 4 {
                    return ada.pay(&id, "sim_approve").await;
                }
                staff.add_adjustment(adjustment(&id, AdjustmentType::Discount, -100)).await
            }
        })
        .await;
        let won = winners(outcomes, &["ILLEGAL_STATE"]);
        let order = ada.until(&basket.id, OrderState::Paid).await;
        assert_eq!(order.adjustments.len(), won.len() - 1, "what was answered stands");
        assert_eq!(cents(&order.total), 1000 - 100 * order.adjustments.len() as i64);
        assert_eq!(cents(&ada.payments(&order.id).await[0].captured), cents(&order.total));
    }
}
