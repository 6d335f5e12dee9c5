//! A provider that fails and loses answers at random: in the end its books and ours agree.

use std::{sync::Arc, time::Duration};

use contracts::payment::PaymentState;
use futures::future::join_all;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;

use super::support::*;
use crate::{domain::RefundState, store::entities::refund};

/// Captures or voids a payment, and gives some of it back; whatever is refused is refused.
async fn live(shop: &Shop, turn: usize) -> String {
    let method = if turn.is_multiple_of(3) { "sim_action" } else { "" };
    let payment = shop.create(new(method)).await.unwrap();
    if method == "sim_action" && turn.is_multiple_of(2) {
        let _ = shop.acknowledge(&payment.id).await;
    }
    for _ in 0..4 {
        let _ = match turn % 5 {
            4 => shop.void(&payment.id, "").await,
            _ => shop.capture(&payment.id).await,
        };
        let _ = shop.refund(&payment.id, Some(100 + turn as i64)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    payment.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_the_provider_loses_its_books_and_ours_agree_in_the_end() {
    let shop = Arc::new(Shop::open().await);
    let fault = json!({ "fail_before": 6, "lose_answer": 6, "refuse": 2 });
    let plan =
        ["authorize", "capture", "void", "acknowledge", "refund", "ask"].map(|name| (name, fault.clone()));
    shop.faults(plan.into_iter().collect()).await;
    let lives = (0..30).map(|turn| {
        let shop = shop.clone();
        tokio::spawn(async move { live(&shop, turn).await })
    });
    let ids: Vec<String> = join_all(lives).await.into_iter().map(Result::unwrap).collect();
    shop.faults(json!({})).await;
    for id in ids {
        settled(&shop, &id).await;
        let (payment, charge) = (shop.get(&id).await, shop.charge(&id).await);
        let row = shop.row(&id).await;
        let status = match payment.state() {
            PaymentState::Processing => "waiting",
            PaymentState::Authorized => "authorized",
            PaymentState::Declined => "declined",
            PaymentState::Voided => "voided",
            _ => "captured",
        };
        // A payment that was refused before there was a charge has none.
        if !(payment.state() == PaymentState::Declined && charge.get("error").is_some()) {
            assert_eq!(charge["status"], status, "{payment:?}");
            assert_eq!(charge["captured_minor"], row.captured_minor, "{payment:?}");
            assert_eq!(charge["refunded_minor"], row.refunded_minor, "{payment:?}");
        }
        assert_eq!(row.refund_pending_minor, 0);
        assert_eq!(shop.ledger(&id).await, row.captured_minor - row.refunded_minor);
        shop.history(&id).await;
    }
}

/// Waits until nothing is under way or unknown.
async fn settled(shop: &Shop, id: &str) {
    let wait = async {
        loop {
            let row = shop.row(id).await;
            let refunds = refund::Entity::find()
                .filter(refund::Column::PaymentId.eq(row.id))
                .filter(refund::Column::State.eq(RefundState::Pending));
            if row.operation.is_none() && refunds.count(shop.db.read()).await.unwrap() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(done.is_ok(), "{:?}", shop.row(id).await);
}
