//! Answers of Stripe's that are lost.

use contracts::order::{ListOrdersRequest, OrderState};

use crate::support::{
    Setup, eur,
    money::cents,
    shop::PASSWORD,
    stripe::{ACTION, Fault, Operation, Shop, Stripe, VISA},
    until,
};

tests!(
    a_charge_is_made_once_whatever_becomes_of_its_answer,
    a_charge_that_stripe_never_made_is_declined,
    money_is_taken_once_whatever_becomes_of_the_captures_answer,
    money_is_given_back_once_whatever_becomes_of_the_refunds_answer,
    a_process_that_dies_in_the_middle_charges_once,
);

/// Covers: payment.stripe, payment.create.
async fn a_charge_is_made_once_whatever_becomes_of_its_answer(setup: Setup) {
    use Fault::{FailsAfter, Garbage, Hangs, InUse, LosesAnswer, RateLimited};
    let shop = Shop::open(setup).await;
    for lags in [false, true] {
        shop.stripe.search_lags(lags);
        for fault in [FailsAfter, LosesAnswer, Hangs, Garbage, InUse, RateLimited] {
            shop.stripe.fault(Operation::Create, fault);
            let order = shop.ada.order(&shop.article, 1, VISA).await.unwrap();
            let order = shop.ada.until(&order.id, OrderState::Paid).await;
            assert_eq!(shop.stripe.faults(), 0, "{fault:?} came about");
            assert_eq!(shop.ada.payments(&order.id).await.len(), 1, "{fault:?}");
            assert_eq!(shop.charge(&order.payment_id), ("succeeded".to_owned(), 1000), "{fault:?}");
        }
    }
    // The answer that is lost may say that the card is declined, or that the customer must act.
    for fault in [LosesAnswer, Garbage] {
        shop.stripe.fault(Operation::Create, fault);
        let order =
            shop.ada.order(&shop.article, 1, "pm_card_visa_chargeDeclinedInsufficientFunds").await.unwrap();
        let order = shop.ada.at_rest(&order.id).await;
        assert_eq!(order.payment_failure, "INSUFFICIENT_FUNDS", "{fault:?}");
        shop.stripe.fault(Operation::Create, fault);
        let order = shop.ada.order(&shop.article, 1, ACTION).await.unwrap();
        let order = shop.ada.at_rest(&order.id).await;
        shop.stripe.act(&order.payment_action_url, true);
        shop.ada.until(&order.id, OrderState::Paid).await;
    }
}

/// Covers: payment.stripe, payment.create.
async fn a_charge_that_stripe_never_made_is_declined(setup: Setup) {
    let shop = Shop::open(setup).await;
    shop.stripe.fault(Operation::Create, Fault::FailsBefore);
    let order = shop.ada.order(&shop.article, 1, VISA).await.unwrap();
    let order = shop.ada.at_rest(&order.id).await;
    assert_eq!(order.payment_failure, "PROVIDER_UNAVAILABLE");
    assert!(shop.stripe.all_intents().is_empty());
    shop.ada.pay(&order.id, VISA).await.unwrap();
    let order = shop.ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(shop.charge(&order.payment_id), ("succeeded".to_owned(), 1000));
}

/// Covers: payment.stripe, payment.create.
async fn money_is_taken_once_whatever_becomes_of_the_captures_answer(setup: Setup) {
    use Fault::{FailsAfter, FailsBefore, Garbage, Hangs, InUse, LosesAnswer, RateLimited, Unauthorized};
    let shop = Shop::open(setup).await;
    for fault in [FailsBefore, FailsAfter, LosesAnswer, Hangs, Garbage, InUse, RateLimited, Unauthorized] {
        shop.stripe.fault(Operation::Capture, fault);
        let order = shop.paid_on_page().await;
        let order = shop.ada.until(&order.id, OrderState::Paid).await;
        assert_eq!(shop.stripe.faults(), 0, "{fault:?} came about");
        assert_eq!(shop.charge(&order.payment_id), ("succeeded".to_owned(), 1000), "{fault:?}");
        let captured = shop.stripe.events_of(&order.payment_id, "payment_intent.succeeded");
        assert_eq!(captured.len(), 1, "{fault:?}");
    }
}

/// Covers: payment.stripe, payment.refund.
async fn money_is_given_back_once_whatever_becomes_of_the_refunds_answer(setup: Setup) {
    use Fault::{FailsAfter, Garbage, Hangs, InUse, LosesAnswer, RateLimited};
    let shop = Shop::open(setup).await;
    let payment = shop.paid().await;
    for (place, fault) in
        [FailsAfter, LosesAnswer, Hangs, Garbage, InUse, RateLimited].into_iter().enumerate()
    {
        shop.stripe.fault(Operation::Refund, fault);
        shop.refund(&payment.id, 100).await;
        let given = 100 * (i64::try_from(place).unwrap() + 1);
        until("the refund is through", || async {
            let payment = shop.ada.payments(&payment.order_id).await.remove(0);
            (cents(&payment.refunded) == given).then_some(())
        })
        .await;
        assert_eq!(shop.given_back(&payment.id), given, "{fault:?}");
    }
}

/// Covers: payment.stripe, mesh.crash.
async fn a_process_that_dies_in_the_middle_charges_once(setup: Setup) {
    let stripe = Stripe::start().await;
    let mut mesh = stripe.setup(setup).env("FEIRA_PROVIDER_TIMEOUT", "20s").start().await;
    let name = mesh.shopper().await.user.username;
    let article = mesh.admin().await.stocked(eur(1000), 10).await.id;
    for operation in [Operation::Create, Operation::Capture] {
        // It takes effect, and nobody is there any more to hear so.
        stripe.fault(operation, Fault::Hangs);
        let before = stripe.requests(operation);
        let ada = mesh.client().sign_in_as(&name, PASSWORD).await.unwrap();
        let article = article.clone();
        let method = if operation == Operation::Create { VISA } else { "" };
        let asked = tokio::spawn({
            let stripe = stripe.clone();
            async move {
                if let Ok(order) = ada.order(&article, 1, method).await
                    && !order.payment_action_url.is_empty()
                {
                    stripe.pay_on_page(&order.payment_action_url, VISA);
                }
            }
        });
        until("Stripe was asked", || async { (stripe.requests(operation) > before).then_some(()) }).await;
        mesh.kill("feira-0");
        asked.await.unwrap();
        mesh.restart("feira-0");
        let ada = mesh.client().sign_in_as(&name, PASSWORD).await.unwrap();
        let order = ada.list_orders(ListOrdersRequest::default()).await.unwrap().body.orders.remove(0);
        ada.until(&order.id, OrderState::Paid).await;
    }
    let intents = stripe.all_intents();
    assert_eq!(intents.len(), 2, "{intents:?}");
    assert!(intents.iter().all(|intent| intent["amount_received"] == 1000), "{intents:?}");
}
