//! What Stripe's own record of events tells of captures, without any webhook.

use contracts::{mesh::VerifyAuditRequest, order::OrderState, payment::PaymentState};
use serde_json::{Value, json};

use crate::support::{
    Setup, eur,
    money::cents,
    stripe::{ACTION, Shop, Stripe, VISA},
    until,
};

tests!(
    a_capture_of_what_was_given_up_is_found_without_webhooks,
    what_is_rare_is_not_crowded_out_by_captures,
    where_the_last_event_was_deleted_the_record_is_read_anew,
);

/// A charge of another shop that uses the account.
fn foreign(number: usize) -> Value {
    let object = json!({"id": format!("pi_foreign_{number}"), "status": "succeeded", "metadata": {}});
    json!({"id": format!("evt_foreign_{number}"), "type": "payment_intent.succeeded", "data": {"object": object}})
}

/// Covers: payment.figures, payment.stripe, mesh.audit.
async fn a_capture_of_what_was_given_up_is_found_without_webhooks(setup: Setup) {
    let shop = Shop::open(setup.env("FEIRA_STRIPE_EVENTS_INTERVAL", "200ms")).await;
    let order = shop.ada.order(&shop.article, 1, ACTION).await.unwrap();
    shop.ada.cancel(&order.id).await.unwrap();
    shop.ada.until_payment(&order.payment_id, PaymentState::Voided).await;
    // Taken all the same, by whoever has the account. What is paid as ever is in the record, too.
    shop.stripe.capture_in_dashboard(&order.payment_id);
    let paid = shop.paid().await;
    let payment = shop.ada.until_payment(&order.payment_id, PaymentState::Refunded).await;
    assert_eq!(
        (payment.flags.as_slice(), shop.given_back(&payment.id)),
        (["CAPTURED_AFTER_VOID".to_owned()].as_slice(), 1000)
    );
    assert_eq!(shop.ada.see(&order.id).await.state(), OrderState::Cancelled);
    assert_eq!(shop.ada.payments(&paid.order_id).await, [paid]);
    let found = shop.staff.verify_audit(VerifyAuditRequest {}).await.unwrap();
    assert!(found.ok, "{found:#?}");
}

/// Covers: payment.refund, payment.stripe.
async fn what_is_rare_is_not_crowded_out_by_captures(setup: Setup) {
    let stripe = Stripe::start().await;
    let mut mesh = stripe.setup(setup.split()).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await.id;
    let order = ada.order(&article, 1, VISA).await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    mesh.kill("payment");
    stripe.refund_in_dashboard(&order.payment_id, 1000);
    // More than are read at a time.
    (0..1_100).for_each(|number| stripe.happens(&foreign(number)));
    mesh.restart("payment");
    until("the order knows", || async { (cents(&ada.see(&order.id).await.refunded) == 1000).then_some(()) })
        .await;
}

/// Covers: payment.figures, payment.stripe.
async fn where_the_last_event_was_deleted_the_record_is_read_anew(setup: Setup) {
    let shop = Shop::open(setup.env("FEIRA_STRIPE_EVENTS_INTERVAL", "200ms")).await;
    for _ in 0..2 {
        let order = shop.ada.order(&shop.article, 1, ACTION).await.unwrap();
        shop.ada.cancel(&order.id).await.unwrap();
        shop.ada.until_payment(&order.payment_id, PaymentState::Voided).await;
        shop.stripe.capture_in_dashboard(&order.payment_id);
        shop.ada.until_payment(&order.payment_id, PaymentState::Refunded).await;
        shop.stripe.forget_events();
    }
}
