//! Refunds whose figures are not those that were asked for, and refunds made at the provider.

use contracts::{
    order::OrderState,
    payment::{GetPaymentRequest, ListRefundsRequest, PaymentState, RefundPaymentRequest, RefundState},
};
use serde_json::json;

use crate::reopening::{faults, waiting};
use crate::support::{
    Setup, eur,
    money::cents,
    stripe::{Shop, deliver},
    until,
};

use super::{audited, balance};

tests!(
    a_refund_of_another_size_is_booked_as_what_it_is,
    a_refund_made_at_the_provider_is_booked_once,
    a_refunds_own_answer_is_compared,
);

/// Covers: payment.figures, payment.refund, mesh.audit.
async fn a_refund_of_another_size_is_booked_as_what_it_is(setup: Setup) {
    let shop = Shop::open(setup).await;
    for (given, state) in [(100, PaymentState::PartiallyRefunded), (1000, PaymentState::Refunded)] {
        let payment = shop.paid().await;
        shop.stripe.gives(given);
        let refund = shop.refund(&payment.id, 300).await;
        assert_eq!((refund.state(), cents(&refund.amount)), (RefundState::Succeeded, given));
        let payment = shop.ada.until_payment(&payment.id, state).await;
        assert_eq!(
            (cents(&payment.refunded), payment.flags.as_slice()),
            (given, ["REFUND_MISMATCH".to_owned()].as_slice())
        );
        assert_eq!(balance(&shop.staff, &payment.id, "customer").await, given - 1000);
        audited(&shop.staff).await;
    }
}

/// Covers: payment.disputes, payment.refund, mesh.audit.
async fn a_refund_made_at_the_provider_is_booked_once(setup: Setup) {
    let shop = Shop::open(setup).await;
    let (edge, payment) = (shop.mesh.http(), shop.paid().await);
    shop.refund(&payment.id, 100).await;
    let ours = shop.stripe.events_of(&payment.id, "charge.refunded").pop().unwrap();
    let theirs = shop.stripe.refund_in_dashboard(&payment.id, 300);
    shop.refund(&payment.id, 200).await;
    let last = shop.stripe.events_of(&payment.id, "charge.refunded").pop().unwrap();
    for event in [&theirs, &ours, &last, &theirs, &last, &ours] {
        deliver(&edge, event).await.expect(204);
    }
    let seen = shop.ada.payments(&payment.order_id).await.remove(0);
    assert_eq!((seen.state(), cents(&seen.refunded)), (PaymentState::PartiallyRefunded, 600));
    let request = ListRefundsRequest { payment_id: payment.id.clone(), ..Default::default() };
    let refunds = shop.staff.list_refunds(request).await.unwrap().body.refunds;
    assert!(refunds.iter().all(|refund| refund.state() == RefundState::Succeeded), "{refunds:?}");
    // Theirs was told after ours had overtaken it: in how many parts it is booked does not matter.
    let sum = |at_provider: bool| -> i64 {
        let those = refunds.iter().filter(|refund| refund.at_provider == at_provider);
        those.map(|refund| cents(&refund.amount)).sum()
    };
    assert_eq!((sum(false), sum(true)), (300, 300));
    assert_eq!(balance(&shop.staff, &payment.id, "provider:stripe").await, 400);
    audited(&shop.staff).await;

    // It fails after all, at its bank.
    let intent = shop.stripe.intents(&payment.id).remove(0)["id"].clone();
    let object = json!({"id": "re_x", "amount": 300, "currency": "eur", "status": "failed", "metadata": {}, "payment_intent": intent});
    let event = json!({"id": "evt_back", "type": "refund.failed", "data": {"object": object}});
    for _ in 0..2 {
        deliver(&edge, &event).await.expect(204);
    }
    deliver(&edge, &json!({"id": "evt_late", "type": "charge.refunded", "data": theirs["data"]}))
        .await
        .expect(204);
    let seen = shop.ada.payments(&payment.order_id).await.remove(0);
    assert_eq!((cents(&seen.refunded), seen.flags.len()), (300, 0));
    audited(&shop.staff).await;

    // One that is in no book is told to staff.
    let mut event = event;
    event["id"] = "evt_nobodys".into();
    deliver(&edge, &event).await.expect(204);
    let seen = shop.ada.payments(&payment.order_id).await.remove(0);
    assert_eq!((cents(&seen.refunded), seen.flags.join(",").as_str()), (300, "REFUND_MISMATCH"));
    audited(&shop.staff).await;
}

/// Covers: payment.figures, payment.refund, payment.simulated, mesh.audit.
async fn a_refunds_own_answer_is_compared(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await.id;
    let action_url = waiting(&ada, &article).await.payment_action_url.clone();
    let paid = async || {
        let order = ada.order(&article, 1, "sim_approve").await.unwrap();
        ada.until(&order.id, OrderState::Paid).await
    };
    let refund = async |id: &str, cents| {
        let amount = Some(eur(cents));
        let request = RefundPaymentRequest { id: id.into(), amount, reason: "scratched".into() };
        staff.refund_payment(request).await.unwrap().body
    };
    let seen = async |id: &str| {
        let payment = ada.get_payment(GetPaymentRequest { id: id.into() }).await.unwrap().body;
        (cents(&payment.refunded), payment.flags.join(","))
    };
    // The answer alone is to tell: no webhook comes, and the answer may be lost and asked for again.
    for (given, command) in [
        (100, json!({"amount_minor": 100})),
        (1000, json!({"amount_minor": 5_000})),
        (100, json!({"amount_minor": 100, "lose_answer": 1})),
    ] {
        let order = paid().await;
        faults(&ada, &action_url, json!({"refund": command, "webhook": {"lose": 100}})).await;
        refund(&order.payment_id, 300).await;
        let expected = (given, "REFUND_MISMATCH".to_owned());
        until("what went back is booked", || async {
            (seen(&order.payment_id).await == expected).then_some(())
        })
        .await;
        assert_eq!(balance(&staff, &order.payment_id, "customer").await, given - 1000);
        until("the order knows", || async {
            (cents(&ada.see(&order.id).await.refunded) == given).then_some(())
        })
        .await;
        audited(&staff).await;
    }
    // Nothing at all, and another currency.
    let order = paid().await;
    faults(&ada, &action_url, json!({"refund": {"amount_minor": 0}})).await;
    assert_eq!(refund(&order.payment_id, 300).await.state(), RefundState::Failed);
    assert_eq!(seen(&order.payment_id).await, (0, "REFUND_MISMATCH".to_owned()));
    let order = paid().await;
    faults(&ada, &action_url, json!({"refund": {"currency": "USD"}})).await;
    refund(&order.payment_id, 300).await;
    assert_eq!(seen(&order.payment_id).await.1, "REFUND_MISMATCH");
    // As it was asked for, also in parts: nothing to flag.
    let order = paid().await;
    faults(&ada, &action_url, json!({})).await;
    for part in [300, 700] {
        assert_eq!(refund(&order.payment_id, part).await.state(), RefundState::Succeeded);
    }
    assert_eq!(seen(&order.payment_id).await, (1000, String::new()));
    audited(&staff).await;
}
