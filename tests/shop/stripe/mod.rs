//! Payments through Stripe, whatever Stripe does.

mod answers;

use contracts::{
    order::OrderState,
    payment::{
        AcknowledgePaymentRequest, ListRefundsRequest, Payment, PaymentState, RefundPaymentRequest,
        RefundState,
    },
};

use crate::support::{
    Code, Refused, Setup, at_once, eur,
    money::cents,
    process::{Ended, Start},
    stripe::{ACTION, Fault, Operation, SECRET_KEY, Shop, VISA},
    until,
};

on_both_edges!(
    an_order_is_paid_through_stripe_and_refunded_in_parts,
    a_declined_card_is_no_error_and_another_one_pays,
    a_customer_acts_on_her_banks_page,
);
tests!(
    an_order_given_up_is_cancelled_at_stripe,
    payment_methods_that_are_none_of_stripes_are_refused,
    a_hold_that_expired_is_not_captured_and_the_customer_pays_again,
    refunds_at_once_give_back_no_more_than_was_taken,
    a_refund_takes_its_time_and_may_fail,
    a_key_that_was_withdrawn_is_told_and_not_shown,
);

fn refund(id: &str, cents: i64) -> RefundPaymentRequest {
    RefundPaymentRequest { id: id.into(), amount: Some(eur(cents)), reason: "scratched".into() }
}

/// Covers: payment.stripe, payment.refund, payment.types.
async fn an_order_is_paid_through_stripe_and_refunded_in_parts(setup: Setup) {
    let shop = Shop::open(setup).await;
    let payment = shop.paid().await;
    assert_eq!((payment.provider.as_str(), cents(&payment.captured)), ("stripe", 1000));
    let intent = shop.stripe.intents(&payment.id).remove(0);
    assert_eq!(intent["id"], payment.provider_reference.as_str());
    assert_eq!((intent["currency"].as_str(), intent["amount"].as_i64()), (Some("eur"), Some(1000)));
    assert_eq!(intent["metadata"]["order_id"], payment.order_id.as_str());
    assert_eq!(shop.charge(&payment.id), ("succeeded".to_owned(), 1000));

    assert_eq!(shop.refund(&payment.id, 300).await.state(), RefundState::Succeeded);
    shop.ada.until_payment(&payment.id, PaymentState::PartiallyRefunded).await;
    assert_eq!(shop.given_back(&payment.id), 300);
    let id = payment.id.clone();
    shop.staff.refund_payment(RefundPaymentRequest { id, ..Default::default() }).await.unwrap();
    let refunded = shop.ada.until_payment(&payment.id, PaymentState::Refunded).await;
    assert_eq!((cents(&refunded.refunded), shop.given_back(&payment.id)), (1000, 1000));
}

/// Covers: payment.stripe.
async fn a_declined_card_is_no_error_and_another_one_pays(setup: Setup) {
    let shop = Shop::open(setup).await;
    let method = "pm_card_visa_chargeDeclinedInsufficientFunds";
    let order = shop.ada.order(&shop.article, 1, method).await.unwrap();
    let order = shop.ada.at_rest(&order.id).await;
    assert_eq!(order.state(), OrderState::AwaitingPayment);
    assert_eq!(order.payment_failure, "INSUFFICIENT_FUNDS");
    // Whoever pays with a lost card is not told that it is known to be lost.
    for method in ["pm_card_visa_chargeDeclined", "pm_card_visa_chargeDeclinedLostCard"] {
        shop.ada.pay(&order.id, method).await.unwrap();
        let order = shop.ada.at_rest(&order.id).await;
        assert_eq!(
            (order.state(), order.payment_failure.as_str()),
            (OrderState::AwaitingPayment, "DECLINED")
        );
    }
    shop.ada.pay(&order.id, VISA).await.unwrap();
    let order = shop.ada.until(&order.id, OrderState::Paid).await;
    let payments = shop.ada.payments(&order.id).await;
    assert_eq!(payments.len(), 4);
    let states: Vec<_> = payments.iter().map(Payment::state).collect();
    use PaymentState::{Captured, Declined};
    assert_eq!(states, [Captured, Declined, Declined, Declined]);
    let received: i64 =
        shop.stripe.all_intents().iter().map(|intent| intent["amount_received"].as_i64().unwrap()).sum();
    assert_eq!(received, 1000, "once");
}

/// Covers: payment.stripe, payment.acknowledge.
async fn a_customer_acts_on_her_banks_page(setup: Setup) {
    let shop = Shop::open(setup).await;
    let order = shop.ada.order(&shop.article, 1, ACTION).await.unwrap();
    assert_eq!(order.state(), OrderState::AwaitingPayment);
    let page = order.payment_action_url.clone();
    assert!(page.starts_with("https://hooks.stripe.example/3d_secure/"), "{page}");
    let refusal = shop.staff.acknowledge_payment(AcknowledgePaymentRequest { id: order.payment_id.clone() });
    refusal.await.refused(Code::FailedPrecondition, "PROVIDER_CANNOT");
    shop.stripe.act(&page, true);
    let order = shop.ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(order.payment_action_url, "", "there is nothing left to do");
    assert_eq!(shop.charge(&order.payment_id), ("succeeded".to_owned(), 1000));

    let order = shop.ada.order(&shop.article, 1, ACTION).await.unwrap();
    shop.stripe.act(&order.payment_action_url, false);
    let order = until("the order says why it is not paid", || async {
        Some(shop.ada.see(&order.id).await).filter(|order| !order.payment_failure.is_empty())
    })
    .await;
    assert_eq!(order.state(), OrderState::AwaitingPayment);
    assert_eq!(order.payment_failure, "PAYMENT_INTENT_AUTHENTICATION_FAILURE");
}

/// Covers: payment.stripe, order.cancel.
async fn an_order_given_up_is_cancelled_at_stripe(setup: Setup) {
    let shop = Shop::open(setup).await;
    let order = shop.ada.order(&shop.article, 2, ACTION).await.unwrap();
    shop.ada.cancel(&order.id).await.unwrap();
    shop.ada.until(&order.id, OrderState::Cancelled).await;
    shop.ada.until_payment(&order.payment_id, PaymentState::Voided).await;
    assert_eq!(shop.charge(&order.payment_id), ("canceled".to_owned(), 0));
    shop.staff.until_stock(&shop.article, (100, 0, 0)).await;

    // Paid already: the money goes back.
    let order = shop.ada.order(&shop.article, 1, VISA).await.unwrap();
    let order = shop.ada.until(&order.id, OrderState::Paid).await;
    shop.ada.cancel(&order.id).await.unwrap();
    shop.ada.until_payment(&order.payment_id, PaymentState::Refunded).await;
    assert_eq!(shop.given_back(&order.payment_id), 1000);
}

/// Covers: payment.stripe, bad-input.
async fn payment_methods_that_are_none_of_stripes_are_refused(setup: Setup) {
    let shop = Shop::open(setup).await;
    for method in ["sim_approve", "tok_visa", "pm_"] {
        shop.ada.order(&shop.article, 1, method).await.names("payment_method");
    }
    assert!(shop.stripe.all_intents().is_empty());
    let order = shop.ada.order(&shop.article, 1, "pm_of_somebody_else").await.unwrap();
    let order = shop.ada.at_rest(&order.id).await;
    assert_eq!(order.payment_failure, "RESOURCE_MISSING", "only Stripe knows that there is none");
    assert!(shop.stripe.all_intents().is_empty());
}

/// Covers: payment.stripe.
async fn a_hold_that_expired_is_not_captured_and_the_customer_pays_again(setup: Setup) {
    let shop = Shop::open(setup).await;
    // For long enough no capture gets through.
    (0..500).for_each(|_| shop.stripe.fault(Operation::Capture, Fault::RateLimited));
    let order = shop.paid_on_page().await;
    let payment = shop.ada.payments(&order.id).await.remove(0);
    shop.ada.until_payment(&payment.id, PaymentState::Authorized).await;
    shop.stripe.expire(&payment.id);
    shop.stripe.behave();
    shop.ada.until_payment(&payment.id, PaymentState::Voided).await;
    assert_eq!(shop.charge(&payment.id), ("canceled".to_owned(), 0));
    let order = until("the order can be paid again", || async {
        shop.ada.pay(&order.id, VISA).await.ok().map(|order| order.body)
    })
    .await;
    let order = shop.ada.until(&order.id, OrderState::Paid).await;
    assert_ne!(order.payment_id, payment.id);
    assert_eq!(shop.charge(&order.payment_id), ("succeeded".to_owned(), 1000));
}

/// Covers: payment.stripe, payment.refund.
async fn refunds_at_once_give_back_no_more_than_was_taken(setup: Setup) {
    let shop = Shop::open(setup).await;
    let payment = shop.paid().await;
    let outcomes = at_once(10, |_| {
        let (staff, id) = (shop.staff.clone(), payment.id.clone());
        async move { staff.refund_payment(refund(&id, 300)).await }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    assert_eq!(shop.given_back(&payment.id), 900);
    assert_eq!(cents(&shop.ada.payments(&payment.order_id).await[0].refunded), 900);
}

/// Covers: payment.stripe, payment.refund.
async fn a_refund_takes_its_time_and_may_fail(setup: Setup) {
    let shop = Shop::open(setup).await;
    let payment = shop.paid().await;
    shop.stripe.refunds_are_pending(true);
    let states = async || {
        let request = ListRefundsRequest { payment_id: payment.id.clone(), ..Default::default() };
        let refunds = shop.staff.list_refunds(request).await.unwrap().body.refunds;
        refunds.iter().map(contracts::payment::Refund::state).collect::<Vec<_>>()
    };
    assert_eq!(shop.refund(&payment.id, 1000).await.state(), RefundState::Pending);
    shop.staff
        .refund_payment(refund(&payment.id, 1))
        .await
        .refused(Code::FailedPrecondition, "ILLEGAL_STATE");
    shop.stripe.settle_refund(&payment.id, "failed");
    until("the refund failed", || async { (states().await == [RefundState::Failed]).then_some(()) }).await;
    // What failed may be tried again. Here Stripe remembers it as given, so there is only one try left to see.
    assert_eq!(cents(&shop.ada.payments(&payment.order_id).await[0].refunded), 0);

    let other = shop.paid().await;
    assert_eq!(shop.refund(&other.id, 400).await.state(), RefundState::Pending);
    shop.stripe.settle_refund(&other.id, "succeeded");
    shop.ada.until_payment(&other.id, PaymentState::PartiallyRefunded).await;
    assert_eq!(shop.given_back(&other.id), 400, "asked after, not sent again");
}

/// Covers: payment.stripe.
async fn a_key_that_was_withdrawn_is_told_and_not_shown(setup: Setup) {
    let shop = Shop::open(setup).await;
    (0..3).for_each(|_| shop.stripe.fault(Operation::Create, Fault::Unauthorized));
    let order = shop.ada.order(&shop.article, 1, VISA).await.unwrap();
    let order = shop.ada.at_rest(&order.id).await;
    assert_eq!(order.payment_failure, "PROVIDER_UNAVAILABLE");
    shop.ada.pay(&order.id, VISA).await.unwrap();
    shop.ada.until(&order.id, OrderState::Paid).await;
    let log = shop.mesh.main().stderr();
    assert!(log.contains("FEIRA_STRIPE_SECRET_KEY"), "{log}");
    // Neither of our secrets nor of Stripe's `client_secret` is a trace left.
    assert!(!log.contains("hunter22"), "{log}");
}

/// Runs the program to its end with these settings.
fn run(environment: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let start = Start::of("serve --rest-listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0");
    environment.iter().fold(start, |start, (name, value)| start.env(name, value)).run(folder.path())
}

/// Covers: payment.stripe, mesh.program.
#[test]
fn a_payment_type_without_the_key_that_it_needs_stops_the_start() {
    let stripe = ("FEIRA_PAYMENT_TYPES", "1=simulated;2=stripe");
    for (environment, said) in [
        (&[stripe][..], "payment type 2 is paid by stripe: set FEIRA_STRIPE_SECRET_KEY"),
        (&[stripe, ("FEIRA_STRIPE_SECRET_KEY", "pk_test_hunter22")], "publishable key"),
        (&[stripe, ("FEIRA_STRIPE_SECRET_KEY_FILE", "nowhere")], "FEIRA_STRIPE_SECRET_KEY_FILE: nowhere"),
        (&[stripe, ("FEIRA_STRIPE_SECRET_KEY", SECRET_KEY), ("FEIRA_STRIPE_URL", "stripe")], "Stripe's URL"),
    ] {
        let ended = run(environment);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
        assert!(!ended.stderr.contains("hunter22"), "{}", ended.stderr);
    }
}
