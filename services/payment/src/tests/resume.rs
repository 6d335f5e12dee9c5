//! What a process that died has left behind is taken up.

use std::time::Duration;

use contracts::payment::{
    PaymentState, Refund, RefundPaymentRequest, payment_service_server::PaymentService,
};
use kit::{
    Call, Role, Time, Writer,
    id::{PaymentId, RefundId},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::json;

use super::support::*;
use crate::{
    domain::{Operation, Pace, RefundState, State},
    error::Error,
    store::entities::{ledger_entry, payment, refund},
};

fn writer(shop: &Shop) -> Writer<Error> {
    shop.db.clone().into()
}

/// Sets a payment's row to what a process that died left behind.
async fn leave(shop: &Shop, row: payment::Model) {
    let call = Call::of_service(Role::Payment, "test");
    let db = writer(shop);
    let leave = db.transact(&call, row, |tx, row| async move {
        let active = payment::ActiveModel::from((*row).clone()).reset_all();
        payment::Entity::update(active).exec(&*tx).await?;
        Ok(())
    });
    leave.await.unwrap();
}

#[tokio::test]
async fn a_payment_that_was_only_recorded_is_driven_on() {
    let shop = Shop::open().await;
    let payment = shop.create(new("sim_decline")).await.unwrap();
    // As if the process had died before it called the provider: another method shows that it was called.
    let mut row = shop.row(&payment.id).await;
    let id = PaymentId(sea_orm::prelude::Uuid::now_v7());
    (row.id, row.state, row.method) = (id, State::Pending, String::new());
    (row.next_poll_time, row.last_sequence, row.version) = (Some(Time(0)), 1, 1);
    (row.failure_reason, row.provider_reference) = (String::new(), String::new());
    let call = Call::of_service(Role::Payment, "test");
    let db = writer(&shop);
    let insert = db.transact(&call, row, |tx, row| async move {
        let active = payment::ActiveModel::from((*row).clone()).reset_all();
        payment::Entity::insert(active).exec_without_returning(&*tx).await?;
        Ok(())
    });
    insert.await.unwrap();
    shop.becomes(&id.to_string(), PaymentState::Authorized).await;
}

#[tokio::test]
async fn an_operation_whose_owner_died_is_sent_again_under_its_key() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    // The capture was recorded and may have been sent; here it was.
    assert_eq!(
        shop.post(&format!("/charges/{}/capture", payment.id), &format!("{}:capture", payment.id), json!({}))
            .await,
        200
    );
    let mut row = shop.row(&payment.id).await;
    (row.operation, row.next_poll_time) = (Some(Operation::Capture), Some(Time(0)));
    leave(&shop, row).await;
    shop.becomes(&payment.id, PaymentState::Captured).await;
    assert_eq!(shop.ledger(&payment.id).await, 1299);
}

#[tokio::test]
async fn an_operation_that_is_under_way_elsewhere_is_waited_for_but_not_for_ever() {
    let shop = Shop::open().await;
    let payment = shop.create(new("")).await.unwrap();
    let mut row = shop.row(&payment.id).await;
    (row.operation, row.next_poll_time) = (Some(Operation::Capture), Some(Time(i64::MAX)));
    leave(&shop, row.clone()).await;
    let busy = fault(&shop.void(&payment.id, "").await.unwrap_err());
    assert_eq!(busy.code, tonic::Code::Aborted);
    assert!(busy.retry_after.is_some());
    let capture = shop.capture(&payment.id);
    row.next_poll_time = Some(Time(0));
    let (captured, ()) = tokio::join!(capture, leave(&shop, row));
    assert_eq!(captured.unwrap().state(), PaymentState::Captured);
}

#[tokio::test]
async fn a_refund_whose_owner_died_is_finished_and_its_key_answered() {
    let shop = Shop::open().await;
    let payment = shop.captured().await;
    let caller = mesh();
    let ask = || {
        let message =
            RefundPaymentRequest { id: payment.id.clone(), amount: Some(eur(300)), reason: String::new() };
        shop.payments.refund_payment(keyed(&caller, "refund:1", message))
    };
    // Died after the reservation: the claim has no answer, the refund is pending.
    let first = ask().await.unwrap().into_inner();
    let id: RefundId = first.id.parse().unwrap();
    let found = refund::Entity::find_by_id(id).one(shop.db.read()).await.unwrap().unwrap();
    let call = Call::of_service(Role::Payment, "test");
    let mut row = shop.row(&payment.id).await;
    (row.state, row.refunded_minor, row.refund_pending_minor) = (State::Captured, 0, 300);
    leave(&shop, row).await;
    let db = writer(&shop);
    let forget = db.transact(&call, found, |tx, found| async move {
        use kit::idempotency::record;
        let claim = record::Entity::find().one(&*tx).await?.unwrap().claim;
        record::Entity::update_many().col_expr(record::Column::Answer, Expr::cust("NULL")).exec(&*tx).await?;
        ledger_entry::Entity::delete_many()
            .filter(ledger_entry::Column::TransactionId.eq(found.id.0))
            .exec(&*tx)
            .await?;
        let mut active = refund::ActiveModel::from((*found).clone()).reset_all();
        active.state = sea_orm::Set(RefundState::Pending);
        active.claim = sea_orm::Set(Some(claim));
        active.next_poll_time = sea_orm::Set(Some(Time(0)));
        refund::Entity::update(active).exec(&*tx).await?;
        Ok(())
    });
    forget.await.unwrap();
    shop.becomes(&payment.id, PaymentState::PartiallyRefunded).await;
    let replayed: Refund = ask().await.unwrap().into_inner();
    assert_eq!((replayed.id.as_str(), replayed.state()), (first.id.as_str(), first.state()));
    assert_eq!(shop.charge(&payment.id).await["refunded_minor"], 300);
    assert_eq!(shop.ledger(&payment.id).await, 999);
}

#[tokio::test]
async fn an_operation_that_takes_longer_than_its_lease_is_not_taken_over() {
    let shop = Shop::with(Pace { lease: Duration::from_millis(150), ..pace() }).await;
    let payment = shop.create(new("sim_slow")).await.unwrap();
    assert_eq!(payment.state(), PaymentState::Authorized);
    assert_eq!(shop.row(&payment.id).await.version, 2);
}

#[tokio::test]
async fn action_urls_are_published_anew_after_a_restart() {
    let shop = Shop::open().await;
    let waiting = shop.create(new("sim_action")).await.unwrap();
    let restarted = shop.replica().await;
    let after = restarted.get(&waiting.id).await;
    assert_ne!(after.action_url, waiting.action_url);
    assert!(after.action_url.starts_with(&restarted.provider));
    assert_eq!(restarted.act(&after.action_url, "approve").await, 200);
    restarted.becomes(&waiting.id, PaymentState::Authorized).await;
}

#[tokio::test]
async fn a_draining_process_finishes_what_is_under_way() {
    let shop = Shop::open().await;
    let created = tokio::spawn({
        let payments = shop.payments.clone();
        async move { payments.create_payment(request(&mesh(), new("sim_slow"))).await.unwrap().into_inner() }
    });
    while shop.count().await == 0 {
        tokio::task::yield_now().await;
    }
    shop.tasks.drain();
    shop.tasks.drained().await;
    assert_eq!(created.await.unwrap().state(), PaymentState::Authorized);
}
