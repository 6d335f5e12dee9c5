//! A refund that fails after it had succeeded books its way back under its own id.

use kit::migration::Steps;
use sea_orm_migration::prelude::*;

pub struct Returns;

impl MigrationName for Returns {
    fn name(&self) -> &str {
        "m000006_returns"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Returns {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        // A movement of money is booked once each way. The new rule before the old one goes.
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("ledger_entries_movement")
                    .table("ledger_entries")
                    .col("transaction_id")
                    .col("account")
                    .col("amount_minor")
                    .to_owned(),
            )
            .await?;
        manager
            .drop_index(Index::drop().name("ledger_entries_transaction").table("ledger_entries").to_owned())
            .await
    }
}
