//! What adjustments were given as, beside what they come to.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000012_refunds"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        for column in [
            big_integer("given_minor").default(0).to_owned(),
            string_len("given_currency", 3).default("").to_owned(),
        ] {
            manager
                .alter_table(Table::alter().table("order_adjustments").add_column(column).to_owned())
                .await?;
        }
        // Until now nothing was given that an order had no room for.
        manager
            .write(
                "UPDATE order_adjustments SET given_minor = amount_minor, given_currency = currency \
                 WHERE given_currency = ''",
            )
            .await
    }
}
