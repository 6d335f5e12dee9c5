//! What Stripe takes for disputes, in the ledger.

use std::collections::BTreeMap;

use contracts::{
    mesh::VerifyAuditRequest,
    payment::{LedgerEntry, ListLedgerEntriesRequest, Payment, PaymentState},
};

use crate::{
    audit::tamper,
    support::{
        Setup,
        money::money,
        stripe::{Booking, Shop, deliver},
        until,
    },
};

on_every_database!(each_fee_of_a_dispute_is_booked_once_in_its_own_currency);
tests!(
    a_fee_as_large_as_the_dispute_is_another_movement,
    a_fee_of_which_no_webhook_told_is_found,
    a_fee_that_is_tampered_with_is_found,
);

fn usd(amount: i64, fee: i64) -> Option<Booking> {
    Some(Booking { amount, fee, currency: "usd" })
}

/// The entries of a payment; of one account, where it is named.
async fn entries(shop: &Shop, payment: &Payment, account: &str) -> Vec<LedgerEntry> {
    let request = ListLedgerEntriesRequest {
        payment_id: payment.id.clone(),
        account: account.into(),
        ..Default::default()
    };
    shop.staff.list_ledger_entries(request).await.unwrap().body.entries
}

/// What the accounts of a payment come to, by account and currency, in hundredths. Each movement sums to zero.
async fn balances(shop: &Shop, payment: &Payment) -> BTreeMap<String, i64> {
    let (mut accounts, mut movements) = (BTreeMap::new(), BTreeMap::new());
    for entry in entries(shop, payment, "").await {
        let amount = entry.amount.unwrap();
        let cents = amount.units * 100 + i64::from(amount.nanos) / 10_000_000;
        *accounts.entry(format!("{} {}", entry.account, amount.currency_code)).or_default() += cents;
        *movements.entry(format!("{} {}", entry.transaction_id, amount.currency_code)).or_default() += cents;
    }
    assert!(movements.values().all(|sum: &i64| *sum == 0), "{movements:?}");
    accounts.retain(|_, sum: &mut i64| *sum != 0);
    accounts
}

async fn audited(shop: &Shop) {
    let found = shop.staff.verify_audit(VerifyAuditRequest {}).await.unwrap();
    assert!(found.ok, "{found:#?}");
}

fn these(balances: &[(&str, i64)]) -> BTreeMap<String, i64> {
    balances.iter().map(|(account, sum)| ((*account).to_owned(), *sum)).collect()
}

/// Covers: payment.disputes, payment.ledger, payment.stripe, mesh.audit.
async fn each_fee_of_a_dispute_is_booked_once_in_its_own_currency(setup: Setup) {
    let shop = Shop::open(setup).await;
    let edge = shop.mesh.http();
    let told = |payment: &Payment| {
        let tell = |what, status, booking| shop.stripe.dispute(&payment.id, what, status, booking);
        // An account that settles in dollars: answering costs as much again, and is given back with the win.
        [
            tell("created", "needs_response", None),
            tell("funds_withdrawn", "needs_response", usd(-1200, 1500)),
            tell("updated", "under_review", usd(0, 1500)),
            tell("funds_reinstated", "won", usd(1200, -1500)),
            tell("closed", "won", None),
        ]
    };
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        let payment = shop.paid().await;
        let events = told(&payment);
        for place in order.iter().chain(&order) {
            deliver(&edge, &events[*place]).await.expect(204);
            audited(&shop).await;
        }
        let fees = entries(&shop, &payment, "dispute_fees").await;
        let mut amounts: Vec<_> = fees.iter().map(|fee| fee.amount.clone().unwrap()).collect();
        amounts.sort_by_key(|amount| amount.units);
        assert_eq!(amounts, [money(-1500, 2, "USD"), money(1500, 2, "USD"), money(1500, 2, "USD")]);
        let bookings = events[4]["data"]["object"]["balance_transactions"].as_array().unwrap();
        for booking in bookings {
            let of = |fee: &&LedgerEntry| booking["id"] == fee.provider_reference.as_str();
            assert_eq!(fees.iter().filter(of).count(), 1, "{booking} in {fees:?}");
        }
        for fee in &fees {
            assert!(fee.transaction_id.starts_with("fee_") && fee.dispute_id.starts_with("dsp_"), "{fee:?}");
            assert_eq!((fee.payment_id.as_str(), fee.refund_id.as_str()), (payment.id.as_str(), ""));
        }
        // Nothing of it is the payment's, nor in its currency.
        let expected = [
            ("customer EUR", -1000),
            ("dispute_fees USD", 1500),
            ("provider:stripe EUR", 1000),
            ("provider:stripe USD", -1500),
        ];
        assert_eq!(balances(&shop, &payment).await, these(&expected), "{order:?}");
        let seen = shop.ada.payments(&payment.order_id).await.remove(0);
        assert_eq!(
            (seen.state(), seen.captured, seen.flags.len()),
            (PaymentState::Captured, payment.captured, 0)
        );
    }
}

/// Covers: payment.disputes, payment.ledger, payment.stripe, mesh.audit.
async fn a_fee_as_large_as_the_dispute_is_another_movement(setup: Setup) {
    let shop = Shop::open(setup).await;
    let payment = shop.paid().await;
    let booking = Some(Booking { amount: -1000, fee: 1000, currency: "eur" });
    for event in [
        shop.stripe.dispute(&payment.id, "funds_withdrawn", "needs_response", booking),
        shop.stripe.dispute(&payment.id, "closed", "lost", None),
    ] {
        deliver(&shop.mesh.http(), &event).await.expect(204);
    }
    let expected = [
        ("customer EUR", -1000),
        ("dispute_fees EUR", 1000),
        ("disputed EUR", 1000),
        ("provider:stripe EUR", -1000),
    ];
    assert_eq!(balances(&shop, &payment).await, these(&expected));
    audited(&shop).await;
}

/// Covers: payment.disputes, payment.ledger, payment.stripe.
async fn a_fee_of_which_no_webhook_told_is_found(setup: Setup) {
    let shop = Shop::open(setup.env("FEIRA_STRIPE_EVENTS_INTERVAL", "200ms")).await;
    let payment = shop.paid().await;
    shop.stripe.dispute(&payment.id, "funds_withdrawn", "needs_response", usd(-1200, 1500));
    until("Stripe was asked", || async {
        (balances(&shop, &payment).await.get("dispute_fees USD") == Some(&1500)).then_some(())
    })
    .await;
    audited(&shop).await;
}

/// Covers: payment.ledger, mesh.audit.
async fn a_fee_that_is_tampered_with_is_found(setup: Setup) {
    let shop = Shop::open(setup).await;
    let payment = shop.paid().await;
    let event = shop.stripe.dispute(&payment.id, "funds_withdrawn", "needs_response", usd(-1200, 1500));
    deliver(&shop.mesh.http(), &event).await.expect(204);
    audited(&shop).await;
    for (done, undone) in [
        (
            "UPDATE dispute_fees SET amount_minor = amount_minor + 1",
            "UPDATE dispute_fees SET amount_minor = amount_minor - 1",
        ),
        ("UPDATE dispute_fees SET currency = 'EUR'", "UPDATE dispute_fees SET currency = 'USD'"),
        (
            "UPDATE ledger_entries SET account = 'disputed' WHERE account = 'dispute_fees'",
            "UPDATE ledger_entries SET account = 'dispute_fees' WHERE account = 'disputed' AND currency = 'USD'",
        ),
    ] {
        tamper(&shop.mesh, "payment", done).await;
        let found = shop.staff.verify_audit(VerifyAuditRequest {}).await.unwrap().body;
        let broken =
            |it: &contracts::mesh::Violation| it.equation == "dispute_fees" && it.ids == [payment.id.clone()];
        assert!(!found.ok && found.violations.iter().any(broken), "{done}: {found:#?}");
        tamper(&shop.mesh, "payment", undone).await;
        audited(&shop).await;
    }
}
