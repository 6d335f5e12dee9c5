//! What providers take for disputes.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct DisputeFees;

impl MigrationName for DisputeFees {
    fn name(&self) -> &str {
        "m000009_dispute_fees"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for DisputeFees {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        for column in [uuid_null("dispute_id"), string_len("provider_reference", 128).default("").take()] {
            manager.alter_table(Table::alter().table("ledger_entries").add_column(column).to_owned()).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("dispute_fees")
                    .col(uuid("id").primary_key())
                    .col(uuid("dispute_id"))
                    .col(uuid("payment_id"))
                    .col(string_len("provider_reference", 128))
                    .col(big_integer("amount_minor"))
                    .col(string_len("currency", 3))
                    .col(big_integer("create_time"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("dispute_fees_reference")
                    .table("dispute_fees")
                    .col("dispute_id")
                    .col("provider_reference")
                    .to_owned(),
            )
            .await
    }
}
