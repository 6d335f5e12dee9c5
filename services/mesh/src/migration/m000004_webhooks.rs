//! Webhooks, and what was sent to them or waits to be.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000004_webhooks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let webhooks = Table::create()
            .table("webhooks")
            .col(uuid("id").primary_key())
            .col(string_len("url", 1000))
            .col(string_len("types", 4000))
            .col(string_len("description", 500))
            .col(boolean("disabled"))
            .col(string_len("disabled_reason", 32))
            .col(boolean("deleted"))
            .col(string_len("wrapped_secret", 200))
            .col(string_len_null("old_wrapped_secret", 200))
            .col(big_integer_null("old_secret_until"))
            .col(big_integer("version"))
            .col(big_integer("revision"))
            .col(big_integer("position"))
            .col(big_integer("sequences"))
            .col(big_integer_null("failing_since"))
            .col(string_len("lease_owner", 36))
            .col(big_integer("lease_until"))
            .col(big_integer("create_time"))
            .col(big_integer("update_time"))
            .to_owned();
        manager.create_table(webhooks).await?;
        let deliveries = Table::create()
            .table("deliveries")
            .col(uuid("id").primary_key())
            .col(uuid("webhook_id"))
            .col(big_integer("sequence"))
            .col(uuid("event_id"))
            .col(big_integer("position"))
            .col(string_len("kind", 64))
            .col(string_len("subject", 64))
            .col(string_len_null("parent", 64))
            .col(big_integer("event_time"))
            .col(small_integer("state"))
            .col(integer("attempts"))
            .col(integer("status_code"))
            .col(text("response"))
            .col(big_integer_null("first_try"))
            .col(big_integer("next_try"))
            .col(big_integer("create_time"))
            .col(big_integer("update_time"))
            .to_owned();
        manager.create_table(deliveries).await?;
        let index = |name: &str| Index::create().name(name).table("deliveries").col("webhook_id").to_owned();
        manager.create_index(index("deliveries_sequence").col("sequence").unique().to_owned()).await?;
        manager.create_index(index("deliveries_state").col("state").col("sequence").to_owned()).await
    }
}
