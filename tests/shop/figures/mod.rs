//! What a provider says of the size of things, what is done there without our asking, and disputes.

mod disputes;
mod missed;
mod refunds;

use contracts::{
    mesh::VerifyAuditRequest,
    order::{ListOrdersRequest, OrderState, ReopenOrderRequest},
    payment::{
        Dispute, ListDisputesRequest, ListLedgerEntriesRequest, ListPaymentEventsRequest,
        ListPaymentsRequest, Payment, PaymentState,
    },
};
use serde_json::{Value, json};

use crate::reopening::{faults, waiting};
use crate::support::{
    Setup, Shopper, eur,
    money::{cents, money},
    stripe::{ACTION, Shop, VISA, deliver},
    until,
};

on_both_edges!(what_was_taken_is_booked_as_what_it_is_and_pays_for_nothing_else);
tests!(
    another_currency_pays_for_nothing,
    an_order_whose_payment_took_something_else_can_be_paid_reopened_and_given_up,
    a_capture_of_what_was_given_up_is_flagged_and_goes_back,
    the_simulated_provider_is_not_believed_blindly_either,
    what_the_simulated_provider_takes_is_compared,
);

async fn audited(staff: &Shopper) {
    let found = staff.verify_audit(VerifyAuditRequest {}).await.unwrap();
    assert!(found.ok, "{found:#?}");
}

/// The payment of an order that is not to be PAID, once it has a flag.
async fn flagged(shop: &Shop, order: &str, flag: &str) -> Payment {
    let payment = until("the payment is flagged", || async {
        shop.ada.payments(order).await.into_iter().find(|payment| payment.flags.iter().any(|it| it == flag))
    })
    .await;
    until("the order says why it is not paid", || async {
        let order = shop.ada.see(order).await;
        (order.state() != OrderState::AwaitingPayment || order.payment_failure == flag).then_some(())
    })
    .await;
    payment
}

/// What the history says of flags.
async fn notes(staff: &Shopper, id: &str) -> String {
    let request = ListPaymentEventsRequest { payment_id: id.into(), ..Default::default() };
    let events = staff.list_payment_events(request).await.unwrap().body.events;
    assert!(events.iter().zip(1..).all(|(event, number)| event.sequence == number), "{events:?}");
    events.iter().map(|event| event.note.as_str()).collect::<Vec<_>>().join("\n")
}

async fn balance(staff: &Shopper, payment: &str, account: &str) -> i64 {
    let request = ListLedgerEntriesRequest {
        payment_id: payment.into(),
        account: account.into(),
        ..Default::default()
    };
    let entries = staff.list_ledger_entries(request).await.unwrap().body.entries;
    entries.iter().map(|entry| cents(&entry.amount)).sum()
}

/// Covers: payment.figures, payment.stripe, mesh.audit.
async fn what_was_taken_is_booked_as_what_it_is_and_pays_for_nothing_else(setup: Setup) {
    let shop = Shop::open(setup).await;
    for taken in [100, 1200] {
        shop.stripe.takes(taken, "eur");
        let order = shop.ada.order(&shop.article, 1, VISA).await.unwrap();
        let payment = flagged(&shop, &order.id, "AMOUNT_MISMATCH").await;
        assert_eq!((payment.state(), cents(&payment.captured)), (PaymentState::Captured, taken));
        assert_eq!(balance(&shop.staff, &payment.id, "provider:stripe").await, taken);
        let told = notes(&shop.staff, &payment.id).await;
        let booked = format!("flagged AMOUNT_MISMATCH: asked for 10.00 EUR, booked {}.00 EUR", taken / 100);
        assert!(told.contains(&booked), "{told}");
        let order = shop.ada.see(&order.id).await;
        assert_eq!(
            (order.state(), order.payment_failure.as_str()),
            (OrderState::AwaitingPayment, "AMOUNT_MISMATCH")
        );
        audited(&shop.staff).await;
    }
    let fine = shop.paid().await;
    let listed = async |flagged| {
        let request = ListPaymentsRequest { flagged: Some(flagged), ..Default::default() };
        shop.staff.list_payments(request).await.unwrap().body.payments
    };
    assert_eq!(listed(true).await.len(), 2);
    assert_eq!(listed(false).await, [fine]);
}

/// Covers: payment.figures, payment.stripe, mesh.audit.
async fn another_currency_pays_for_nothing(setup: Setup) {
    let shop = Shop::open(setup).await;
    shop.stripe.takes(1000, "usd");
    let order = shop.ada.order(&shop.article, 1, VISA).await.unwrap();
    let payment = flagged(&shop, &order.id, "CURRENCY_MISMATCH").await;
    assert_eq!(payment.captured, Some(money(1000, 2, "USD")));
    assert_eq!(shop.ada.see(&order.id).await.state(), OrderState::AwaitingPayment);
    audited(&shop.staff).await;
    // What goes back is what was taken.
    shop.ada.cancel(&order.id).await.unwrap();
    shop.ada.until_payment(&payment.id, PaymentState::Refunded).await;
    let order = until("the order knows", || async {
        Some(shop.ada.see(&order.id).await)
            .filter(|order| order.refunded.as_ref().is_some_and(|refunded| refunded.units > 0))
    })
    .await;
    assert_eq!((&order.refunded, &order.total), (&Some(money(1000, 2, "USD")), &Some(eur(1000))));
    assert!(shop.ada.history(&order.id).await.iter().any(|event| event.note.contains("10.00 USD")));
    audited(&shop.staff).await;
}

/// Covers: payment.figures, order.reopen, order.cancel, order.expire, mesh.audit.
async fn an_order_whose_payment_took_something_else_can_be_paid_reopened_and_given_up(setup: Setup) {
    let shop = Shop::open(setup.env("FEIRA_PAYMENT_WINDOW", "6")).await;
    let spoilt = async || {
        shop.stripe.takes(100, "eur");
        let order = shop.ada.order(&shop.article, 1, VISA).await.unwrap();
        (flagged(&shop, &order.id, "AMOUNT_MISMATCH").await, order.id.clone())
    };
    let (paid, order) = spoilt().await;
    shop.ada.pay(&order, VISA).await.unwrap();
    shop.ada.until(&order, OrderState::Paid).await;
    let (reopened, order) = spoilt().await;
    let request = ReopenOrderRequest { id: order.clone(), ..Default::default() };
    assert_eq!(shop.ada.reopen_order(request).await.unwrap().state(), OrderState::Open);
    shop.ada.until_payment(&reopened.id, PaymentState::Refunded).await;
    until("the basket's history tells what went back", || async {
        let told = shop.ada.history(&order).await;
        told.iter().any(|event| event.note.contains("1.00 EUR")).then_some(())
    })
    .await;
    // What went back is none of what the basket will be paid with.
    let basket = shop.ada.see(&order).await;
    assert_eq!((cents(&basket.refunded), basket.payment_id.as_str()), (0, ""));
    let request = ListOrdersRequest { refunded: "none".into(), ..Default::default() };
    let listed = shop.ada.list_orders(request).await.unwrap().body.orders;
    assert!(listed.iter().any(|listed| listed.id == order), "{listed:?}");
    let (cancelled, order) = spoilt().await;
    shop.ada.cancel(&order).await.unwrap();
    let (expired, order) = spoilt().await;
    shop.ada.until(&order, OrderState::Expired).await;
    for payment in [paid, reopened, cancelled, expired] {
        let payment = shop.ada.until_payment(&payment.id, PaymentState::Refunded).await;
        assert_eq!((cents(&payment.captured), cents(&payment.refunded)), (100, 100));
        assert_eq!(shop.given_back(&payment.id), 100);
    }
    audited(&shop.staff).await;
}

/// Covers: payment.figures, payment.stripe, mesh.audit.
async fn a_capture_of_what_was_given_up_is_flagged_and_goes_back(setup: Setup) {
    let shop = Shop::open(setup).await;
    for superseded in [false, true] {
        let order = shop.ada.order(&shop.article, 1, ACTION).await.unwrap();
        let old = order.payment_id.clone();
        if superseded {
            shop.ada.pay(&order.id, VISA).await.unwrap();
            shop.ada.until(&order.id, OrderState::Paid).await;
        } else {
            shop.ada.cancel(&order.id).await.unwrap();
        }
        shop.ada.until_payment(&old, PaymentState::Voided).await;
        // Taken all the same, by whoever has the account.
        let event = shop.stripe.capture_in_dashboard(&old);
        for _ in 0..2 {
            deliver(&shop.mesh.http(), &event).await.expect(204);
        }
        let payment = shop.ada.until_payment(&old, PaymentState::Refunded).await;
        assert_eq!(payment.flags, ["CAPTURED_AFTER_VOID"]);
        assert_eq!(shop.given_back(&old), 1000);
        let told = notes(&shop.staff, &old).await;
        assert!(told.contains("flagged CAPTURED_AFTER_VOID"), "{told}");
        let state = if superseded { OrderState::Paid } else { OrderState::Cancelled };
        assert_eq!(shop.ada.see(&order.id).await.state(), state);
        audited(&shop.staff).await;
    }
}

/// An event about a dispute of a payment's whole amount.
fn dispute(shop: &Shop, payment: &Payment, what: &str, status: &str) -> Value {
    let intent = shop.stripe.intents(&payment.id).remove(0)["id"].clone();
    let id = format!("dp_{}", payment.id.trim_start_matches("pay_"));
    json!({"id": format!("evt_{what}_{id}"), "type": format!("charge.dispute.{what}"), "data": {"object": {
        "id": id, "object": "dispute", "amount": 1000, "currency": "eur", "charge": "ch_1", "metadata": {},
        "payment_intent": intent, "reason": "fraudulent", "status": status,
    }}})
}

async fn disputes(shop: &Shop, payment: &Payment) -> Vec<Dispute> {
    let request = ListDisputesRequest { payment_id: payment.id.clone(), ..Default::default() };
    shop.staff.list_disputes(request).await.unwrap().body.disputes
}

/// Covers: payment.figures, payment.webhooks, payment.simulated, mesh.audit.
async fn the_simulated_provider_is_not_believed_blindly_either(setup: Setup) {
    let mesh = setup.env("FEIRA_SIMULATOR_WEBHOOK_SECRET", "hunter22").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await.id;
    for (captured, currency, flag) in [(100, "EUR", "AMOUNT_MISMATCH"), (1000, "USD", "CURRENCY_MISMATCH")] {
        let order = ada.order(&article, 1, "sim_action").await.unwrap();
        let payment = ada.payments(&order.id).await.remove(0);
        let charge = json!({"reference": payment.provider_reference, "id": payment.id, "status": "captured",
            "amount_minor": 1000, "captured_minor": captured, "currency": currency});
        let id = format!("evt_{flag}");
        let body = json!({"id": id, "type": "charge.captured", "charge": charge}).to_string();
        let signature = crate::support::stripe::signature("hunter22", crate::support::stripe::now(), &body);
        let edge = mesh.http().with("x-simulated-signature", &signature);
        edge.post_text("/v1/payments/providers/simulated/events", body).await.expect(204);
        let seen = ada.payments(&order.id).await.remove(0);
        assert_eq!(
            (seen.state(), seen.flags.as_slice()),
            (PaymentState::Captured, [flag.to_owned()].as_slice())
        );
        assert_eq!(seen.captured, Some(money(captured, 2, currency)));
        until("the order says so", || async {
            (ada.see(&order.id).await.payment_failure == flag).then_some(())
        })
        .await;
        assert_eq!(ada.see(&order.id).await.state(), OrderState::AwaitingPayment);
    }
    audited(&staff).await;
}

/// Covers: payment.figures, payment.simulated, mesh.audit.
async fn what_the_simulated_provider_takes_is_compared(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await.id;
    let action_url = waiting(&ada, &article).await.payment_action_url.clone();
    for (command, captured, flag) in [
        (json!({"capture": {"amount_minor": 100}}), money(100, 2, "EUR"), "AMOUNT_MISMATCH"),
        (json!({"capture": {"currency": "USD"}}), money(1000, 2, "USD"), "CURRENCY_MISMATCH"),
    ] {
        faults(&ada, &action_url, command).await;
        let order = ada.order(&article, 1, "sim_approve").await.unwrap();
        let payment = until("the payment is flagged", || async {
            ada.payments(&order.id).await.into_iter().find(|payment| payment.flags == [flag])
        })
        .await;
        assert_eq!((payment.state(), payment.captured), (PaymentState::Captured, Some(captured)));
        assert_eq!(ada.see(&order.id).await.state(), OrderState::AwaitingPayment);
        // What is not what was asked for goes back, as what it is.
        ada.cancel(&order.id).await.unwrap();
        let payment = ada.until_payment(&payment.id, PaymentState::Refunded).await;
        assert_eq!(payment.refunded, payment.captured);
        assert_eq!(payment.flags, [flag]);
        audited(&staff).await;
    }
    // What is held and taken in one call, too.
    faults(&ada, &action_url, json!({"authorize": {"amount_minor": 2_000}})).await;
    let order = ada.order(&article, 1, "sim_approve").await.unwrap();
    let payment = ada.payments(&order.id).await.remove(0);
    assert_eq!((payment.state(), payment.captured), (PaymentState::Captured, Some(eur(2000))));
    assert_eq!(payment.flags, ["AMOUNT_MISMATCH"]);
    ada.cancel(&order.id).await.unwrap();
    let payment = ada.until_payment(&payment.id, PaymentState::Refunded).await;
    assert_eq!(cents(&payment.refunded), 2000);
    audited(&staff).await;
}
