//! The ledger sums to zero, whatever is done and whatever goes wrong.

use std::collections::BTreeMap;

use contracts::payment::{
    LedgerEntry, ListLedgerEntriesRequest, Payment, RefundState, payment_service_server::PaymentService,
};
use kit::Money;
use proptest::{prelude::*, test_runner::Config};
use serde_json::json;
use tonic::Code;

use super::support::*;

/// The whole ledger, page by page.
async fn all(shop: &Shop, request: ListLedgerEntriesRequest) -> Vec<LedgerEntry> {
    let mut request = ListLedgerEntriesRequest { page_size: 3, ..request };
    let (mut entries, staff) = (Vec::new(), staff());
    loop {
        let asked = super::support::request(&staff, request.clone());
        let page = shop.payments.list_ledger_entries(asked).await.unwrap().into_inner();
        entries.extend(page.entries);
        if page.next_page_token.is_empty() {
            return entries;
        }
        request.page_token = page.next_page_token;
    }
}

fn minor(money: &Option<contracts::Money>) -> i64 {
    Money::read(&money.clone().unwrap(), "amount").unwrap().minor
}

/// What the entries sum to, by what `key` says of each.
fn sums(entries: &[LedgerEntry], key: impl Fn(&LedgerEntry) -> String) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for entry in entries {
        *sums.entry(key(entry)).or_default() += minor(&entry.amount);
    }
    sums
}

#[tokio::test]
async fn a_capture_and_its_refunds_are_entries_that_sum_to_zero() {
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    let refund = shop.refund(&payment.id, Some(300)).await.unwrap();
    shop.create(new("sim_decline")).await.unwrap();
    let voided = shop.create(new("")).await.unwrap();
    shop.void(&voided.id, "").await.unwrap();
    let entries = all(&shop, ListLedgerEntriesRequest::default()).await;
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry.transaction_id.as_str(),
                entry.refund_id.as_str(),
                entry.account.as_str(),
                minor(&entry.amount),
            )
        })
        .collect();
    let expected = [
        (payment.id.as_str(), "", "customer", -1299),
        (payment.id.as_str(), "", "provider:simulated", 1299),
        (refund.id.as_str(), refund.id.as_str(), "customer", 300),
        (refund.id.as_str(), refund.id.as_str(), "provider:simulated", -300),
    ];
    assert_eq!(shown, expected);
    assert!(entries.iter().all(|entry| entry.payment_id == payment.id && entry.id.starts_with("ent_")));
}

#[tokio::test]
async fn the_ledger_is_filtered_by_payment_account_and_time() {
    let shop = Shop::open().await;
    let (first, second) = (shop.captured().await, shop.captured().await);
    let every = ListLedgerEntriesRequest::default;
    let ids =
        |entries: Vec<LedgerEntry>| entries.into_iter().map(|entry| entry.payment_id).collect::<Vec<_>>();
    let of = ListLedgerEntriesRequest { payment_id: second.id.clone(), ..every() };
    assert_eq!(ids(all(&shop, of).await), [second.id.clone(), second.id.clone()]);
    let of = ListLedgerEntriesRequest { account: "customer".to_owned(), ..every() };
    assert_eq!(ids(all(&shop, of).await), [first.id.clone(), second.id.clone()]);
    let at = all(&shop, every()).await[2].create_time;
    let of = ListLedgerEntriesRequest { created_after: at, ..every() };
    assert_eq!(ids(all(&shop, of).await), [second.id.clone(), second.id.clone()]);
    let of = ListLedgerEntriesRequest { created_before: at, ..every() };
    assert_eq!(ids(all(&shop, of).await), [first.id.clone(), first.id.clone()]);
    let wrong = ListLedgerEntriesRequest {
        created_after: at,
        created_before: at.map(|at| prost_types::Timestamp { seconds: at.seconds - 1, ..at }),
        ..every()
    };
    let refused = shop.payments.list_ledger_entries(request(&staff(), wrong)).await.unwrap_err();
    assert_eq!(
        (refused.code(), fault(&refused).fields[0].0.as_str()),
        (Code::InvalidArgument, "created_after")
    );
}

/// What is done with the payments of one shop.
#[derive(Debug, Clone)]
enum Step {
    Create(&'static str),
    Capture(usize),
    Void(usize),
    Acknowledge(usize),
    Refund(usize, i64),
    /// A webhook says so, true or not.
    Told(usize, &'static str),
    Fault(&'static str, &'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let which = || 0usize..4;
    prop_oneof![
        3 => prop::sample::select(vec!["", "sim_action", "sim_decline"]).prop_map(Step::Create),
        3 => which().prop_map(Step::Capture),
        1 => which().prop_map(Step::Void),
        1 => which().prop_map(Step::Acknowledge),
        4 => (which(), 1i64..1500).prop_map(|(which, minor)| Step::Refund(which, minor)),
        2 => (which(), prop::sample::select(vec!["captured", "authorized", "voided", "declined"]))
            .prop_map(|(which, status)| Step::Told(which, status)),
        2 => (
            prop::sample::select(vec!["authorize", "capture", "void", "acknowledge", "refund"]),
            prop::sample::select(vec!["fail_before", "fail_after", "lose_answer", "refuse"]),
        )
            .prop_map(|(operation, kind)| Step::Fault(operation, kind)),
    ]
}

async fn take(shop: &Shop, payments: &mut Vec<Payment>, number: usize, step: Step) {
    let id = |which: usize| payments.get(which).map(|payment| payment.id.clone());
    match step {
        Step::Create(method) => payments.push(shop.create(new(method)).await.unwrap()),
        Step::Fault(operation, kind) => shop.faults(json!({ operation: { kind: 1 } })).await,
        Step::Capture(which) => drop(shop.capture(&id(which).unwrap_or_default()).await),
        Step::Void(which) => drop(shop.void(&id(which).unwrap_or_default(), "").await),
        Step::Acknowledge(which) => drop(shop.acknowledge(&id(which).unwrap_or_default()).await),
        Step::Refund(which, minor) => drop(shop.refund(&id(which).unwrap_or_default(), Some(minor)).await),
        Step::Told(which, status) => {
            let payment = payments.get(which).cloned().unwrap_or_default();
            let charge =
                json!({ "reference": payment.provider_reference, "id": payment.id, "status": status });
            let _ = shop.deliver(&json!({ "id": format!("evt_{number}"), "charge": charge })).await;
        }
    }
}

/// Looks again where something changed between two of its reads: a refund whose answer was lost ends by itself.
async fn holds(shop: &Shop, payments: &[Payment]) -> Result<(), TestCaseError> {
    loop {
        let before = rows(shop, payments).await;
        let found = holds_now(shop, payments).await;
        if found.is_ok() || rows(shop, payments).await == before {
            return found;
        }
    }
}

async fn rows(shop: &Shop, payments: &[Payment]) -> Vec<String> {
    let mut rows = Vec::new();
    for payment in payments {
        rows.push(format!("{:?}", shop.row(&payment.id).await));
    }
    rows
}

async fn holds_now(shop: &Shop, payments: &[Payment]) -> Result<(), TestCaseError> {
    let entries = all(shop, ListLedgerEntriesRequest::default()).await;
    for (transaction, sum) in sums(&entries, |entry| entry.transaction_id.clone()) {
        prop_assert_eq!(sum, 0, "{}", transaction);
    }
    let accounts = sums(&entries, |entry| format!("{} {}", entry.payment_id, entry.account));
    for payment in payments {
        let row = shop.row(&payment.id).await;
        let held = accounts.get(&format!("{} provider:simulated", payment.id)).copied().unwrap_or_default();
        prop_assert_eq!(held, row.captured_minor - row.refunded_minor, "{:?}", row);
        let list =
            contracts::payment::ListRefundsRequest { payment_id: payment.id.clone(), ..Default::default() };
        let refunds = shop.payments.list_refunds(request(&staff(), list)).await.unwrap().into_inner().refunds;
        let done = refunds.iter().filter(|refund| refund.state() == RefundState::Succeeded);
        prop_assert_eq!(done.map(|refund| minor(&refund.amount)).sum::<i64>(), row.refunded_minor);
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 12, max_shrink_iters: 20, ..Config::default() })]

    #[test]
    fn whatever_is_done_every_transaction_sums_to_zero(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let shop = Shop::open().await;
            let mut payments = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                take(&shop, &mut payments, number, step).await;
                holds(&shop, &payments).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}
