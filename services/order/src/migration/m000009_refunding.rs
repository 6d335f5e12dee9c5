//! Which orders have all of their money on its way back, and in which currency money went back. Baskets forget the
//! payments that they were taken back from.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000014_refunding"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        for column in
            [boolean("refunding").default(false).to_owned(), string_len_null("refunded_currency", 3)]
        {
            manager.alter_table(Table::alter().table("orders").add_column(column).to_owned()).await?;
        }
        let mut refunding = Index::create().name("orders_refunding").table("orders").to_owned();
        manager.create_index(refunding.col("refunding").col("id").to_owned()).await?;
        // OPEN is 1.
        manager
            .write("UPDATE orders SET payment_id = NULL, refunded_minor = 0, refunds = 0 WHERE state = 1")
            .await
    }
}
