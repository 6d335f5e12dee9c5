//! Mails to shoppers: what is to be said, and what became of it.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000010_mails"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let table = Table::create()
            .table("order_mails")
            .col(string_len("id", 100).primary_key())
            .col(uuid("order_id"))
            .col(small_integer("kind"))
            .col(uuid_null("payment_id"))
            .col(big_integer("refunded_minor"))
            .col(big_integer("amount_minor"))
            .col(string_len_null("currency", 3))
            .col(small_integer("state"))
            .col(integer("tries"))
            .col(big_integer("next_try"))
            .col(string_len("claim", 36))
            .col(string_len("problem", 300))
            .col(big_integer("create_time"))
            .col(big_integer("update_time"))
            .to_owned();
        manager.create_table(table).await?;
        let index = |name: &str| Index::create().name(name).table("order_mails").to_owned();
        manager.create_index(index("order_mails_due").col("state").col("next_try").to_owned()).await?;
        manager.create_index(index("order_mails_claim").col("claim").to_owned()).await?;
        manager.create_index(index("order_mails_order").col("order_id").to_owned()).await?;
        manager.create_index(index("order_mails_payment").col("payment_id").to_owned()).await?;
        // What happened before there were mails is not told now.
        manager
            .write(
                "INSERT INTO feed_cursor (source, position) \
             SELECT 'order/mail', COALESCE(MAX(position), 0) FROM outbox",
            )
            .await?;
        manager
            .write(
                "INSERT INTO feed_cursor (source, position) \
             SELECT 'payment/mail', position FROM feed_cursor WHERE source = 'payment'",
            )
            .await
    }
}
