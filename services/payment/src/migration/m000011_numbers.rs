//! States and operations as the contract's numbers, as all services store theirs.

use kit::migration::{StateColumn, Steps};
use sea_orm_migration::prelude::*;

pub struct Numbers;

const STATES: &[(&str, i16)] = &[
    ("PENDING", 1),
    ("PROCESSING", 2),
    ("AUTHORIZED", 3),
    ("CAPTURED", 4),
    ("PARTIALLY_REFUNDED", 5),
    ("REFUNDED", 6),
    ("DECLINED", 7),
    ("VOIDED", 8),
    ("UNKNOWN", 9),
];
const REFUND_STATES: &[(&str, i16)] = &[("PENDING", 1), ("SUCCEEDED", 2), ("FAILED", 3)];
const DISPUTE_STATES: &[(&str, i16)] = &[("OPEN", 1), ("WON", 2), ("LOST", 3)];
const OPERATIONS: &[(&str, i16)] = &[("AUTHORIZE", 1), ("CAPTURE", 2), ("VOID", 3), ("ACKNOWLEDGE", 4)];

impl MigrationName for Numbers {
    fn name(&self) -> &str {
        "m000011_numbers"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Numbers {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let state = |table| StateColumn { table, column: "state", null: false, indexes: &[] };
        let payments = StateColumn { indexes: &[("payments_state", &["state", "id"])], ..state("payments") };
        payments.renumber(manager, STATES).await?;
        let operation = StateColumn { column: "operation", null: true, ..state("payments") };
        operation.renumber(manager, OPERATIONS).await?;
        state("payment_events").renumber(manager, STATES).await?;
        state("refunds").renumber(manager, REFUND_STATES).await?;
        state("disputes").renumber(manager, DISPUTE_STATES).await
    }
}
