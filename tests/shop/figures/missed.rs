//! What no webhook told.

use contracts::{order::OrderState, payment::Payment};

use crate::support::{
    Setup, eur,
    money::cents,
    stripe::{Fault, Operation, Shop, Stripe, VISA, deliver},
    until,
};

use super::{audited, balance, dispute};

tests!(
    what_no_webhook_told_is_found_all_the_same,
    what_happened_while_the_shop_was_down_is_found_at_its_start,
);

/// Covers: payment.disputes, payment.refund, payment.stripe, mesh.audit.
async fn what_no_webhook_told_is_found_all_the_same(setup: Setup) {
    let shop = Shop::open(setup.env("FEIRA_STRIPE_EVENTS_INTERVAL", "200ms")).await;
    let (refunded, disputed) = (shop.paid().await, shop.paid().await);
    let see = async |payment: &Payment| {
        let seen = shop.ada.payments(&payment.order_id).await.remove(0);
        (cents(&seen.refunded), cents(&seen.disputed), seen.flags.join(","))
    };
    let becomes = async |payment: &Payment, refunded, taken, flags: &str| {
        let expected = (refunded, taken, flags.to_owned());
        until("Stripe was asked", || async { (see(payment).await == expected).then_some(()) }).await;
        audited(&shop.staff).await;
    };
    // Ours is not counted twice, theirs is not missed, whatever else the account is used for.
    shop.refund(&refunded.id, 100).await;
    let theirs = shop.stripe.refund_in_dashboard(&refunded.id, 300);
    for number in 0..250 {
        let mut foreign = dispute(&shop, &disputed, "created", "needs_response");
        foreign["id"] = format!("evt_foreign_{number}").into();
        foreign["data"]["object"]["payment_intent"] = "pi_of_somebody_else".into();
        shop.stripe.happens(&foreign);
    }
    let created = dispute(&shop, &disputed, "created", "needs_response");
    let withdrawn = dispute(&shop, &disputed, "funds_withdrawn", "needs_response");
    shop.stripe.happens(&created);
    shop.stripe.happens(&withdrawn);
    becomes(&refunded, 400, 0, "").await;
    becomes(&disputed, 0, 1000, "DISPUTED").await;
    let order = shop.ada.until(&refunded.order_id, OrderState::Paid).await;
    until("the order knows", || async {
        (cents(&shop.ada.see(&order.id).await.refunded) == 400).then_some(())
    })
    .await;
    // Stripe is out of reach for a while; the webhooks come late.
    shop.stripe.fault(Operation::Events, Fault::RateLimited);
    shop.stripe.fault(Operation::Events, Fault::FailsAfter);
    shop.stripe.fault(Operation::Events, Fault::Garbage);
    shop.stripe.happens(&dispute(&shop, &disputed, "closed", "lost"));
    becomes(&disputed, 0, 1000, "DISPUTE_LOST").await;
    for event in [&theirs, &created, &withdrawn] {
        deliver(&shop.mesh.http(), event).await.expect(204);
    }
    becomes(&refunded, 400, 0, "").await;
    becomes(&disputed, 0, 1000, "DISPUTE_LOST").await;
    assert_eq!(balance(&shop.staff, &disputed.id, "disputed").await, 1000);
}

/// Covers: payment.disputes, payment.refund, payment.stripe, mesh.audit.
async fn what_happened_while_the_shop_was_down_is_found_at_its_start(setup: Setup) {
    let stripe = Stripe::start().await;
    let mut mesh = stripe.setup(setup.split()).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await.id;
    let order = ada.order(&article, 1, VISA).await.unwrap();
    let order = ada.until(&order.id, OrderState::Paid).await;
    mesh.kill("payment");
    stripe.refund_in_dashboard(&order.payment_id, 1000);
    mesh.restart("payment");
    until("the order knows", || async {
        let seen = ada.see(&order.id).await;
        (cents(&seen.refunded) == 1000).then_some(())
    })
    .await;
    audited(&staff).await;
}
