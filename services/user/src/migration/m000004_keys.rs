//! The keys that sign access tokens.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Keys;

impl MigrationName for Keys {
    fn name(&self) -> &str {
        "m000004_keys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Keys {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("signing_keys")
                    .col(string_len("kid", 64).primary_key())
                    .col(integer("slot"))
                    .col(string_len("public_key", 64))
                    .col(ColumnDef::new("wrapped_key").custom(kit::migration::blob_type(manager)).not_null())
                    .col(big_integer("create_time"))
                    .col(big_integer_null("retire_time"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("signing_keys_slot")
                    .table("signing_keys")
                    .col("slot")
                    .to_owned(),
            )
            .await
    }
}
