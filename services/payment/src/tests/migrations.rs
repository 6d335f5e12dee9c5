//! Databases of earlier versions: what migrations make of their rows.

use kit::{
    Clock, Db, Role,
    id::{DisputeId, Id, OrderId, PaymentId, RefundId, UserId},
    testing::Database,
};
use sea_orm::{
    ConnectionTrait, DatabaseBackend, EntityTrait, QueryOrder,
    sea_query::{Expr, Query, SimpleExpr},
};

use crate::{
    Migrator,
    domain::{DisputeState, Operation, RefundState, State},
    store::entities::{dispute, payment, payment_event, refund},
};

const PAYMENTS: [(&str, Option<&str>, State, Option<Operation>); 9] = [
    ("PENDING", None, State::Pending, None),
    ("PROCESSING", Some("AUTHORIZE"), State::Processing, Some(Operation::Authorize)),
    ("AUTHORIZED", Some("CAPTURE"), State::Authorized, Some(Operation::Capture)),
    ("CAPTURED", None, State::Captured, None),
    ("PARTIALLY_REFUNDED", None, State::PartiallyRefunded, None),
    ("REFUNDED", None, State::Refunded, None),
    ("DECLINED", None, State::Declined, None),
    ("VOIDED", Some("VOID"), State::Voided, Some(Operation::Void)),
    ("UNKNOWN", Some("ACKNOWLEDGE"), State::Unknown, Some(Operation::Acknowledge)),
];
const REFUNDS: [(&str, RefundState); 3] = [
    ("PENDING", RefundState::Pending),
    ("SUCCEEDED", RefundState::Succeeded),
    ("FAILED", RefundState::Failed),
];
const DISPUTES: [(&str, DisputeState); 3] =
    [("OPEN", DisputeState::Open), ("WON", DisputeState::Won), ("LOST", DisputeState::Lost)];

#[tokio::test]
async fn states_that_were_words_are_the_same_as_numbers() {
    for database in Database::of_each_kind(Role::Payment).await {
        let db = database.before::<Migrator>("m000011_numbers", Clock::system()).await;
        fill(&db).await;
        db.migrate::<Migrator>().await.unwrap();
        check(&db).await;
    }
}

#[tokio::test]
async fn a_migration_to_numbers_that_was_killed_halfway_runs_again() {
    for database in Database::of_each_kind(Role::Payment).await {
        let db = database.before::<Migrator>("m000011_numbers", Clock::system()).await;
        if db.read().get_database_backend() != DatabaseBackend::MySql {
            // There a migration is one transaction.
            continue;
        }
        fill(&db).await;
        // Its first statement was committed, and the second never ran.
        let half = "UPDATE payments SET state = '1' WHERE state = 'PENDING'";
        db.read().execute_unprepared(half).await.unwrap();
        db.migrate::<Migrator>().await.unwrap();
        check(&db).await;
        // Killed after its last statement.
        let again = "DELETE FROM seaql_migrations WHERE version = 'm000011_numbers'";
        db.read().execute_unprepared(again).await.unwrap();
        db.migrate::<Migrator>().await.unwrap();
        check(&db).await;
    }
}

/// A payment in each state, with an event, and refunds and disputes of it.
async fn fill(db: &Db) {
    let mut disputed = None;
    for (word, operation, _, _) in PAYMENTS {
        let id = PaymentId::new();
        let columns = payment_columns(id, word, operation);
        insert(db, "payments", columns).await;
        let event: [(&'static str, SimpleExpr); 6] = [
            ("payment_id", Expr::val(id)),
            ("sequence", Expr::val(1)),
            ("state", Expr::val(word)),
            ("actor", Expr::val("order")),
            ("note", Expr::val("")),
            ("create_time", Expr::val(7i64)),
        ];
        insert(db, "payment_events", event).await;
        disputed.get_or_insert(id);
    }
    let id = disputed.unwrap();
    for (word, _) in REFUNDS {
        let refund: [(&'static str, SimpleExpr); 11] = [
            ("id", Expr::val(RefundId::new())),
            ("payment_id", Expr::val(id)),
            ("amount_minor", Expr::val(1i64)),
            ("currency", Expr::val("EUR")),
            ("state", Expr::val(word)),
            ("reason", Expr::val("")),
            ("failure_reason", Expr::val("")),
            ("attempts", Expr::val(0)),
            ("version", Expr::val(1i64)),
            ("create_time", Expr::val(7i64)),
            ("update_time", Expr::val(7i64)),
        ];
        insert(db, "refunds", refund).await;
    }
    for (word, _) in DISPUTES {
        let dispute: [(&'static str, SimpleExpr); 12] = [
            ("id", Expr::val(DisputeId::new())),
            ("payment_id", Expr::val(id)),
            ("provider_reference", Expr::val(word)),
            ("amount_minor", Expr::val(1i64)),
            ("currency", Expr::val("EUR")),
            ("state", Expr::val(word)),
            ("reason", Expr::val("")),
            ("was_withdrawn", Expr::val(false)),
            ("was_reinstated", Expr::val(false)),
            ("withdrawn", Expr::val(false)),
            ("create_time", Expr::val(7i64)),
            ("update_time", Expr::val(7i64)),
        ];
        insert(db, "disputes", dispute).await;
    }
}

fn payment_columns(id: PaymentId, state: &str, operation: Option<&str>) -> Vec<(&'static str, SimpleExpr)> {
    let mut columns = vec![
        ("id", Expr::val(id)),
        ("order_id", Expr::val(OrderId::new())),
        ("user_id", Expr::val(UserId::new())),
        ("state", Expr::val(state)),
        ("operation", Expr::val(operation.map(str::to_owned))),
        ("currency", Expr::val("EUR")),
        ("amount_minor", Expr::val(100i64)),
    ];
    for column in ["provider", "method", "failure_reason", "action", "provider_reference", "operation_reason"]
    {
        columns.push((column, Expr::val("")));
    }
    for column in ["payment_type", "attempts", "last_sequence"] {
        columns.push((column, Expr::val(1)));
    }
    for column in [
        "fee_minor",
        "authorized_minor",
        "captured_minor",
        "voided_minor",
        "refunded_minor",
        "refund_pending_minor",
        "version",
        "create_time",
        "update_time",
    ] {
        columns.push((column, Expr::val(0i64)));
    }
    columns
}

async fn insert(db: &Db, table: &'static str, row: impl IntoIterator<Item = (&'static str, SimpleExpr)>) {
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    let insert = Query::insert().into_table(table).columns(columns).values_panic(values).to_owned();
    db.read().execute(&insert).await.unwrap();
}

/// What is there is what was there, as today's entities read it; and it is found by the index on it.
async fn check(db: &Db) {
    let payments = payment::Entity::find().order_by_asc(payment::Column::Id).all(db.read()).await.unwrap();
    let found: Vec<_> = payments.iter().map(|row| (row.state, row.operation)).collect();
    assert_eq!(found, PAYMENTS.map(|(_, _, state, operation)| (state, operation)));
    let events = payment_event::Entity::find().order_by_asc(payment_event::Column::PaymentId);
    let found: Vec<_> = events.all(db.read()).await.unwrap().into_iter().map(|row| row.state).collect();
    assert_eq!(found, PAYMENTS.map(|(_, _, state, _)| state));
    let refunds = refund::Entity::find().order_by_asc(refund::Column::Id).all(db.read()).await.unwrap();
    assert_eq!(refunds.iter().map(|row| row.state).collect::<Vec<_>>(), REFUNDS.map(|(_, state)| state));
    let disputes = dispute::Entity::find().order_by_asc(dispute::Column::Id).all(db.read()).await.unwrap();
    assert_eq!(disputes.iter().map(|row| row.state).collect::<Vec<_>>(), DISPUTES.map(|(_, state)| state));
    // An index of that name is there again.
    let again = db.read().execute_unprepared("CREATE INDEX payments_state ON payments (state, id)").await;
    assert!(again.unwrap_err().to_string().contains("payments_state"));
}
