//! Stripe's hosted page: what becomes of an order while its customer is, was or will never be there.

use contracts::{
    order::{OrderState, ReopenOrderRequest},
    payment::{ListPaymentTypesRequest, PaymentState},
};

use crate::support::{
    Code, Refused, Setup,
    stripe::{Fault, Operation, SECRET_KEY, Shop, Stripe, VISA, deliver},
    until,
};

on_both_edges!(a_customer_pays_on_stripes_page, payment_types_have_names_and_say_whether_there_is_a_page);

tests!(
    a_page_is_closed_before_its_order_is_given_up,
    what_was_paid_on_the_page_is_taken_or_given_back,
    a_page_that_nobody_uses_in_time_can_be_opened_anew,
    a_page_is_opened_once_whatever_becomes_of_its_answer,
    a_page_is_closed_whatever_becomes_of_the_answer,
    webhooks_say_what_happened_on_the_page,
    without_an_address_to_come_back_to_there_is_no_page,
);

/// Test cards of Stripe's.
const POOR: &str = "pm_card_visa_chargeDeclinedInsufficientFunds";

/// Covers: payment.stripe, payment.types.
async fn a_customer_pays_on_stripes_page(setup: Setup) {
    let shop = Shop::open(setup).await;
    for method in ["", "checkout"] {
        let order = shop.ada.order(&shop.article, 1, method).await.unwrap();
        assert_eq!((order.state(), order.payment_failure.as_str()), (OrderState::AwaitingPayment, ""));
        let page = order.payment_action_url.clone();
        assert!(page.starts_with(&shop.stripe.url), "{page}");
        let session = shop.stripe.page(&page);
        assert_eq!(
            (session["amount_total"].as_i64(), session["currency"].as_str()),
            (Some(1000), Some("eur"))
        );
        assert_eq!(session["client_reference_id"], order.id.as_str());
        assert!(shop.stripe.intents(&order.payment_id).is_empty(), "nobody has tried yet");

        // A card that is declined there is no decline: she tries another one.
        shop.stripe.pay_on_page(&page, POOR);
        shop.stripe.pay_on_page(&page, VISA);
        let order = shop.ada.until(&order.id, OrderState::Paid).await;
        assert_eq!(order.payment_action_url, "", "there is nothing left to do");
        assert_eq!(shop.charge(&order.payment_id), ("succeeded".to_owned(), 1000));
        let payments = shop.ada.payments(&order.id).await;
        assert_eq!(payments.len(), 1);
        assert!(payments[0].provider_reference.starts_with("pi_"), "{:?}", payments[0]);
        shop.refund(&order.payment_id, 1000).await;
        shop.ada.until_payment(&order.payment_id, PaymentState::Refunded).await;
        assert_eq!(shop.given_back(&order.payment_id), 1000);
    }
}

/// Covers: payment.types.
async fn payment_types_have_names_and_say_whether_there_is_a_page(setup: Setup) {
    let stripe = Stripe::start().await;
    let types = "1=stripe:Cartão ou MB Way;2=simulated;3=simulated:Invoice, flat=0.50 EUR";
    let mesh = stripe.setup(setup).env("FEIRA_PAYMENT_TYPES", types).start().await;
    let listed =
        mesh.client().list_payment_types(ListPaymentTypesRequest {}).await.unwrap().body.payment_types;
    let told: Vec<_> = listed
        .iter()
        .map(|it| (it.payment_type, it.name.as_str(), it.hosted_page, it.payment_methods.len()))
        .collect();
    assert_eq!(
        told,
        [(1, "Cartão ou MB Way", true, 0), (2, "Simulated card", false, 5), (3, "Invoice", false, 5)]
    );
}

/// Covers: payment.stripe, order.cancel, order.reopen, order.expire.
async fn a_page_is_closed_before_its_order_is_given_up(setup: Setup) {
    let shop = Shop::open(setup.env("FEIRA_PAYMENT_WINDOW", "3")).await;
    let order = async || shop.ada.order(&shop.article, 1, "").await.unwrap().body;
    let closed = |page: &str| {
        assert_eq!(shop.stripe.page(page)["status"], "expired");
        shop.stripe.pay_on_page(page, VISA);
        assert_eq!(shop.stripe.page(page)["status"], "expired");
    };
    let cancelled = order().await;
    shop.ada.cancel(&cancelled.id).await.unwrap();
    shop.ada.until_payment(&cancelled.payment_id, PaymentState::Voided).await;
    closed(&cancelled.payment_action_url);

    let reopened = order().await;
    let request = ReopenOrderRequest { id: reopened.id.clone(), ..Default::default() };
    assert_eq!(shop.ada.reopen_order(request).await.unwrap().state(), OrderState::Open);
    closed(&reopened.payment_action_url);

    // Another way to pay: the old page first, a new one then; a card that was declined there dies with its page.
    let first = order().await;
    shop.stripe.pay_on_page(&first.payment_action_url, POOR);
    let second = shop.ada.pay(&first.id, "").await.unwrap();
    assert_ne!(second.payment_action_url, first.payment_action_url);
    closed(&first.payment_action_url);
    let third = shop.ada.pay(&first.id, VISA).await.unwrap();
    closed(&second.payment_action_url);
    let third = shop.ada.until(&third.id, OrderState::Paid).await;
    assert_eq!(shop.charge(&third.payment_id), ("succeeded".to_owned(), 1000));

    let expired = order().await;
    shop.ada.until(&expired.id, OrderState::Expired).await;
    closed(&expired.payment_action_url);
    let received = shop.stripe.all_intents().iter().filter(|intent| intent["status"] == "succeeded").count();
    assert_eq!(received, 1);
}

/// Covers: payment.stripe, order.reopen, order.cancel.
async fn what_was_paid_on_the_page_is_taken_or_given_back(setup: Setup) {
    // Nobody asks Stripe so soon.
    let shop = Shop::open(setup.env("FEIRA_PROVIDER_POLL_INTERVAL", "60s")).await;
    let order = shop.ada.order(&shop.article, 1, "").await.unwrap();
    shop.stripe.pay_on_page(&order.payment_action_url, VISA);
    let request = ReopenOrderRequest { id: order.id.clone(), ..Default::default() };
    let reopened = shop.ada.reopen_order(request).await;
    // Whoever hears of the page's end first decides: the shop that asks Stripe to void takes the money, since it was paid
    // before; one that was told before by a webhook holds it, and gives it back.
    if reopened.is_ok_and(|order| order.state() == OrderState::Open) {
        assert_eq!(shop.charge(&order.payment_id), ("canceled".to_owned(), 0));
    } else {
        let order = shop.ada.until(&order.id, OrderState::Paid).await;
        assert_eq!(shop.charge(&order.payment_id), ("succeeded".to_owned(), 1000));
    }

    // Whoever cancels gets back what was held.
    let order = shop.ada.order(&shop.article, 1, "").await.unwrap();
    shop.stripe.pay_on_page(&order.payment_action_url, VISA);
    shop.ada.cancel(&order.id).await.unwrap();
    until("nothing is held any more", || async {
        let (status, received) = shop.charge(&order.payment_id);
        (status == "canceled" || received == shop.given_back(&order.payment_id)).then_some(())
    })
    .await;
    assert_eq!(shop.ada.see(&order.id).await.state(), OrderState::Cancelled);
}

/// Covers: payment.stripe.
async fn a_page_that_nobody_uses_in_time_can_be_opened_anew(setup: Setup) {
    let shop = Shop::open(setup).await;
    let order = shop.ada.order(&shop.article, 1, "").await.unwrap();
    shop.stripe.expire_page(&order.payment_action_url);
    let order = until("the order says why it is not paid", || async {
        Some(shop.ada.see(&order.id).await).filter(|order| !order.payment_failure.is_empty())
    })
    .await;
    assert_eq!(
        (order.state(), order.payment_failure.as_str()),
        (OrderState::AwaitingPayment, "ACTION_EXPIRED")
    );
    assert_eq!(order.payment_action_url, "", "the old page leads nowhere");
    let order = shop.ada.pay(&order.id, "").await.unwrap();
    shop.stripe.pay_on_page(&order.payment_action_url, VISA);
    shop.ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: payment.stripe, payment.create.
async fn a_page_is_opened_once_whatever_becomes_of_its_answer(setup: Setup) {
    use Fault::{FailsAfter, Garbage, Hangs, InUse, LosesAnswer, RateLimited};
    let shop = Shop::open(setup).await;
    for fault in [FailsAfter, LosesAnswer, Hangs, Garbage, InUse, RateLimited] {
        shop.stripe.fault(Operation::Open, fault);
        let order = shop.ada.order(&shop.article, 1, "").await.unwrap();
        let page = until("there is a page to pay on", || async {
            Some(shop.ada.see(&order.id).await.payment_action_url).filter(|page| !page.is_empty())
        })
        .await;
        assert_eq!(shop.stripe.faults(), 0, "{fault:?} came about");
        let ours = |it: &serde_json::Value| it["client_reference_id"] == order.id.as_str();
        assert_eq!(shop.stripe.sessions().into_iter().filter(ours).count(), 1, "{fault:?}");
        shop.stripe.pay_on_page(&page, VISA);
        let order = shop.ada.until(&order.id, OrderState::Paid).await;
        assert_eq!(shop.charge(&order.payment_id), ("succeeded".to_owned(), 1000), "{fault:?}");
    }
    // Never opened: nobody can pay there.
    shop.stripe.fault(Operation::Open, Fault::FailsBefore);
    let order = shop.ada.order(&shop.article, 1, "").await.unwrap();
    let order = shop.ada.at_rest(&order.id).await;
    assert_eq!(order.payment_failure, "PROVIDER_UNAVAILABLE");
}

/// Covers: payment.stripe, order.cancel.
async fn a_page_is_closed_whatever_becomes_of_the_answer(setup: Setup) {
    use Fault::{FailsAfter, FailsBefore, Garbage, Hangs, InUse, LosesAnswer, RateLimited};
    let shop = Shop::open(setup).await;
    for fault in [FailsBefore, FailsAfter, LosesAnswer, Hangs, Garbage, InUse, RateLimited] {
        let order = shop.ada.order(&shop.article, 1, "").await.unwrap();
        shop.stripe.fault(Operation::Expire, fault);
        shop.ada.cancel(&order.id).await.unwrap();
        until("the page is closed", || async {
            (shop.stripe.page(&order.payment_action_url)["status"] == "expired").then_some(())
        })
        .await;
        let over = [PaymentState::Voided, PaymentState::Declined];
        until("the payment is given up", || async {
            let payment = shop.ada.payments(&order.id).await.remove(0);
            over.contains(&payment.state()).then_some(())
        })
        .await;
        assert_eq!(shop.stripe.faults(), 0, "{fault:?} came about");
    }
    shop.staff.until_stock(&shop.article, (100, 0, 0)).await;
}

/// Covers: payment.stripe.
async fn webhooks_say_what_happened_on_the_page(setup: Setup) {
    let shop = Shop::open(setup.env("FEIRA_PROVIDER_POLL_INTERVAL", "60s")).await;
    let edge = shop.mesh.http();
    let paid = shop.ada.order(&shop.article, 1, "").await.unwrap();
    shop.stripe.pay_on_page(&paid.payment_action_url, VISA);
    for event in shop.stripe.events().iter().rev() {
        deliver(&edge, event).await.expect(204);
    }
    shop.ada.until(&paid.id, OrderState::Paid).await;

    let left = shop.ada.order(&shop.article, 1, "").await.unwrap();
    // Stripe answers no questions: the event alone says it.
    (0..2000).for_each(|_| shop.stripe.fault(Operation::Retrieve, Fault::RateLimited));
    shop.stripe.expire_page(&left.payment_action_url);
    let event = shop.stripe.events_of(&left.payment_id, "checkout.session.expired").remove(0);
    for _ in 0..2 {
        deliver(&edge, &event).await.expect(204);
    }
    let payment = shop.ada.until_payment(&left.payment_id, PaymentState::Declined).await;
    assert_eq!(payment.failure_reason, "ACTION_EXPIRED");
    // What came before it comes after it: nothing is taken back.
    let mut late = event.clone();
    late["id"] = "evt_late".into();
    late["type"] = "checkout.session.completed".into();
    deliver(&edge, &late).await.expect(204);
    assert_eq!(shop.ada.payments(&left.id).await[0].state(), PaymentState::Declined);
}

/// Covers: payment.stripe, payment.types, bad-input.
async fn without_an_address_to_come_back_to_there_is_no_page(setup: Setup) {
    let stripe = Stripe::start().await;
    // The role of payments alone knows of no REST address.
    let setup = stripe
        .setup(setup.split())
        .env("FEIRA_STRIPE_RETURN_URL", "")
        .env("FEIRA_STRIPE_SECRET_KEY", SECRET_KEY);
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(crate::support::eur(1000), 10).await.id;
    ada.order(&article, 1, "").await.refused(Code::InvalidArgument, "VALIDATION");
    ada.order(&article, 1, "").await.names("payment_method");
    let types = ada.list_payment_types(ListPaymentTypesRequest {}).await.unwrap().body.payment_types;
    assert!(!types[0].hosted_page);
}
