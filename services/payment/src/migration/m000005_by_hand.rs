//! Refunds made by hand, the ledger by account, and the simulated provider's webhooks.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct ByHand;

impl MigrationName for ByHand {
    fn name(&self) -> &str {
        "m000005_by_hand"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ByHand {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .alter_table(
                Table::alter().table("refunds").add_column(boolean("by_hand").default(false)).to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("simulator_webhooks")
                    .col(uuid("id").primary_key())
                    .col(string_len("reference", 64))
                    .col(text("body"))
                    .col(integer("attempts"))
                    .col(big_integer_null("next_time"))
                    .col(big_integer("create_time"))
                    .to_owned(),
            )
            .await?;
        for (name, table, columns) in [
            ("simulator_webhooks_next_time", "simulator_webhooks", ["next_time", "id"]),
            ("simulator_webhooks_reference", "simulator_webhooks", ["reference", "id"]),
            ("ledger_entries_account", "ledger_entries", ["account", "id"]),
            ("ledger_entries_create_time", "ledger_entries", ["create_time", "id"]),
        ] {
            let [first, second] = columns;
            manager
                .create_index(Index::create().name(name).table(table).col(first).col(second).to_owned())
                .await?;
        }
        Ok(())
    }
}
