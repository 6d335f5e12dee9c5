//! Stripe's webhooks: late, twice, out of order, forged.

use contracts::{
    mesh::VerifyAuditRequest,
    order::{Order, OrderState},
    payment::{ListRefundsRequest, PaymentState, Refund, RefundState},
};
use serde_json::{Value, json};

use crate::support::{
    Setup,
    money::cents,
    stripe::{
        ACTION, Fault, Operation, SECRET_KEY, Shop, Stripe, VISA, WEBHOOK_SECRET, deliver, deliver_signed,
        now, signature,
    },
    until,
};

tests!(
    a_webhook_says_that_the_customer_acted,
    events_twice_and_out_of_order_change_nothing,
    an_event_that_stripe_did_not_sign_just_now_changes_nothing,
    a_webhook_says_what_became_of_a_refund,
    what_a_cancelled_order_does_not_get_back_is_told_to_staff_whenever_that_turns_out,
    a_webhook_says_that_the_hold_is_gone,
    events_about_nothing_of_ours_are_told_apart,
    without_its_secret_no_event_is_taken,
);

/// Stripe answers no questions from now on, so whatever is learned is learned by webhook.
fn silent(shop: &Shop) {
    (0..2000).for_each(|_| shop.stripe.fault(Operation::Retrieve, Fault::RateLimited));
}

/// An order whose customer has approved, and the event that says so. Nobody was told yet.
async fn approved(shop: &Shop) -> (Order, Value) {
    let order = shop.ada.order(&shop.article, 1, ACTION).await.unwrap().body;
    silent(shop);
    shop.stripe.act(&order.payment_action_url, true);
    let kind = "payment_intent.succeeded";
    (order.clone(), shop.stripe.events_of(&order.payment_id, kind).remove(0))
}

/// Covers: payment.stripe.
async fn a_webhook_says_that_the_customer_acted(setup: Setup) {
    let shop = Shop::open(setup).await;
    let (order, event) = approved(&shop).await;
    deliver(&shop.mesh.http(), &event).await.expect(204);
    let order = shop.ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(shop.charge(&order.payment_id), ("succeeded".to_owned(), 1000));
    assert!(shop.stripe.faults() > 0, "Stripe was not asked");
}

/// Covers: payment.stripe.
async fn events_twice_and_out_of_order_change_nothing(setup: Setup) {
    let shop = Shop::open(setup).await;
    let order = shop.ada.order(&shop.article, 1, ACTION).await.unwrap();
    shop.stripe.act(&order.payment_action_url, true);
    let order = shop.ada.until(&order.id, OrderState::Paid).await;
    shop.refund(&order.payment_id, 300).await;
    let before = shop.ada.until_payment(&order.payment_id, PaymentState::PartiallyRefunded).await;
    until("the order knows", || async {
        (cents(&shop.ada.see(&order.id).await.refunded) == 300).then_some(())
    })
    .await;
    let history = shop.ada.history(&order.id).await;

    let edge = shop.mesh.http();
    let mut events = shop.stripe.events();
    // As if it had been declined before all that; the event was on its way for long.
    let mut declined = events[0].clone();
    declined["id"] = "evt_declined".into();
    declined["type"] = "payment_intent.payment_failed".into();
    declined["data"]["object"]["status"] = "requires_payment_method".into();
    events.push(declined);
    assert!(events.len() >= 4, "{events:?}");
    for _ in 0..3 {
        for event in events.iter().rev() {
            deliver(&edge, event).await.expect(204);
        }
    }
    let after = shop.ada.payments(&order.id).await.remove(0);
    assert_eq!(after, before);
    assert_eq!(shop.ada.history(&order.id).await, history);
}

/// Covers: payment.stripe.
async fn an_event_that_stripe_did_not_sign_just_now_changes_nothing(setup: Setup) {
    let shop = Shop::open(setup).await;
    let (order, event) = approved(&shop).await;
    let edge = shop.mesh.http();
    let body = event.to_string();
    let good = signature(WEBHOOK_SECRET, now(), &body);
    for wrong in [
        String::new(),
        "t=1,v1=00".to_owned(),
        signature("whsec_guessed", now(), &body),
        signature(WEBHOOK_SECRET, now() - 400, &body),
        signature(WEBHOOK_SECRET, now() + 400, &body),
        good.replace("v1=", "v0="),
    ] {
        deliver_signed(&edge, &body, &wrong).await.refused(401, "UNAUTHENTICATED", "UNAUTHENTICATED");
    }
    let forged = body.replace("succeeded", "canceled");
    deliver_signed(&edge, &forged, &good).await.refused(401, "UNAUTHENTICATED", "UNAUTHENTICATED");
    let path = "/v1/payments/providers/stripe/events";
    edge.post_text(path, body.clone()).await.refused(401, "UNAUTHENTICATED", "UNAUTHENTICATED");
    let nonsense = "{}";
    let signed = signature(WEBHOOK_SECRET, now(), nonsense);
    deliver_signed(&edge, nonsense, &signed).await.refused(400, "INVALID_ARGUMENT", "VALIDATION");
    let long = format!("\"{}\"", "x".repeat(2 << 20));
    let signed = signature(WEBHOOK_SECRET, now(), &long);
    deliver_signed(&edge, &long, &signed).await.refused(400, "INVALID_ARGUMENT", "VALIDATION");
    assert_eq!(shop.ada.see(&order.id).await.state(), OrderState::AwaitingPayment);

    // While the secret is replaced, Stripe signs with both.
    let other = signature("whsec_old", now(), &body).split_once(',').unwrap().1.to_owned();
    let both = good.replacen(",v1=", &format!(",{other},v1="), 1);
    deliver_signed(&edge, &body, &both).await.expect(204);
    shop.ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: payment.stripe, payment.refund.
async fn a_webhook_says_what_became_of_a_refund(setup: Setup) {
    let shop = Shop::open(setup).await;
    let payment = shop.paid().await;
    shop.stripe.refunds_are_pending(true);
    for (status, expected) in [("failed", RefundState::Failed), ("succeeded", RefundState::Succeeded)] {
        let refund = shop.refund(&payment.id, 400).await;
        assert_eq!(refund.state(), RefundState::Pending);
        silent(&shop);
        shop.stripe.settle_refund(&payment.id, status);
        let event = shop.stripe.events_of(&payment.id, "refund.updated").pop().unwrap();
        deliver(&shop.mesh.http(), &event).await.expect(204);
        until("the refund ended", || async {
            let request = ListRefundsRequest { payment_id: payment.id.clone(), ..Default::default() };
            let refunds = shop.staff.list_refunds(request).await.unwrap().body.refunds;
            let ended = |it: &Refund| it.id == refund.id && it.state() == expected;
            refunds.iter().any(ended).then_some(())
        })
        .await;
        shop.stripe.behave();
    }
    let payment = shop.ada.until_payment(&payment.id, PaymentState::PartiallyRefunded).await;
    assert_eq!(cents(&payment.refunded), 400);
}

/// Covers: payment.stripe, payment.refund, order.cancel, mesh.audit.
async fn what_a_cancelled_order_does_not_get_back_is_told_to_staff_whenever_that_turns_out(setup: Setup) {
    let shop = Shop::open(setup).await;
    for fails_late in [true, false] {
        shop.stripe.refunds_are_pending(!fails_late);
        let payment = shop.paid().await;
        shop.ada.cancel(&payment.order_id).await.unwrap();
        if fails_late {
            shop.ada.until_payment(&payment.id, PaymentState::Refunded).await;
            shop.stripe.return_refund(&payment.id);
            let event = shop.stripe.events_of(&payment.id, "refund.updated").pop().unwrap();
            deliver(&shop.mesh.http(), &event).await.expect(204);
        } else {
            until("the refund is under way", || async {
                (!shop.stripe.refunds(&payment.id).is_empty()).then_some(())
            })
            .await;
            shop.stripe.settle_refund(&payment.id, "failed");
        }
        shop.ada.until_payment(&payment.id, PaymentState::Captured).await;
        until("staff is told", || async {
            let history = shop.staff.history(&payment.order_id).await;
            history.iter().any(|event| event.note.contains("could not be given back")).then_some(())
        })
        .await;
        let found = shop.staff.verify_audit(VerifyAuditRequest {}).await.unwrap();
        assert!(found.ok && found.in_flight == 0, "{found:#?}");
    }
}

/// Covers: payment.stripe.
async fn a_webhook_says_that_the_hold_is_gone(setup: Setup) {
    let shop = Shop::open(setup).await;
    let order = shop.ada.order(&shop.article, 1, ACTION).await.unwrap();
    silent(&shop);
    shop.stripe.expire(&order.payment_id);
    let event = shop.stripe.events_of(&order.payment_id, "payment_intent.canceled").remove(0);
    deliver(&shop.mesh.http(), &event).await.expect(204);
    shop.ada.until_payment(&order.payment_id, PaymentState::Voided).await;
    until("the order can be paid again", || async { shop.ada.pay(&order.id, VISA).await.ok().map(|_| ()) })
        .await;
    shop.ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: payment.stripe.
async fn events_about_nothing_of_ours_are_told_apart(setup: Setup) {
    let shop = Shop::open(setup).await;
    let edge = shop.mesh.http();
    let about = |kind: &str, metadata: Value| {
        let object = json!({"id": "pi_9", "status": "succeeded", "metadata": metadata});
        json!({"id": "evt_9", "type": kind, "data": {"object": object}})
    };
    // What else the account is used for.
    deliver(&edge, &about("payment_intent.succeeded", json!({}))).await.expect(204);
    deliver(&edge, &about("customer.created", json!({}))).await.expect(204);
    let unknown = json!({"payment_id": "pay_01h455vb4pex5vsknk084sn02q"});
    let reply = deliver(&edge, &about("payment_intent.succeeded", unknown)).await;
    reply.refused(404, "NOT_FOUND", "NOT_FOUND");
}

/// Covers: payment.stripe.
async fn without_its_secret_no_event_is_taken(setup: Setup) {
    let stripe = Stripe::start().await;
    let setup = setup
        .env("FEIRA_PAYMENT_TYPES", "1=simulated;2=stripe")
        .env("FEIRA_STRIPE_URL", &stripe.url)
        .env("FEIRA_STRIPE_SECRET_KEY", SECRET_KEY);
    let mesh = setup.start().await;
    let event = json!({"id": "evt_1", "type": "x", "data": {"object": {}}});
    deliver(&mesh.http(), &event).await.refused(404, "NOT_FOUND", "NOT_FOUND");
}
