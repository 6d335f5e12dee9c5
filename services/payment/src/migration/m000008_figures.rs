//! What a provider says of a charge's size, refunds that are made there, and disputes.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Figures;

impl MigrationName for Figures {
    fn name(&self) -> &str {
        "m000008_figures"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Figures {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        for (table, column) in [
            ("payments", string_len("flags", 200).default("").take()),
            ("payments", big_integer_null("asked_minor")),
            ("payments", string_len_null("asked_currency", 3)),
            ("payments", big_integer("disputed_minor").default(0).take()),
            ("refunds", boolean("at_provider").default(false).take()),
            ("refunds", boolean("came_back").default(false).take()),
            ("ledger_entries", boolean("dispute").default(false).take()),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("disputes")
                    .col(uuid("id").primary_key())
                    .col(uuid("payment_id"))
                    .col(string_len("provider_reference", 128))
                    .col(big_integer("amount_minor"))
                    .col(string_len("currency", 3))
                    .col(string_len("state", 20))
                    .col(string_len("reason", 64))
                    .col(boolean("was_withdrawn"))
                    .col(boolean("was_reinstated"))
                    .col(boolean("withdrawn"))
                    .col(big_integer("create_time"))
                    .col(big_integer("update_time"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("disputes_reference")
                    .table("disputes")
                    .col("payment_id")
                    .col("provider_reference")
                    .to_owned(),
            )
            .await?;
        for (name, columns) in
            [("payments_reference", ["provider_reference", "id"]), ("payments_flags", ["flags", "id"])]
        {
            let mut index = Index::create().name(name).table("payments").to_owned();
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
