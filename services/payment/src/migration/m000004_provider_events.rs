//! The webhooks that were taken.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Events;

impl MigrationName for Events {
    fn name(&self) -> &str {
        "m000004_provider_events"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Events {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("provider_events")
                    .col(string_len("provider", 32))
                    .col(string_len("event_id", 150))
                    .col(uuid("payment_id"))
                    .col(big_integer("create_time"))
                    .primary_key(Index::create().name("provider_events_key").col("provider").col("event_id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("provider_events_create_time")
                    .table("provider_events")
                    .col("create_time")
                    .to_owned(),
            )
            .await
    }
}
