//! Second factors, and codes for recovery.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct SecondFactors;

impl MigrationName for SecondFactors {
    fn name(&self) -> &str {
        "m000011_second_factors"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SecondFactors {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let has = boolean("second_factor").default(false).to_owned();
        manager.alter_table(Table::alter().table("users").add_column(has).to_owned()).await?;
        let to_user = |name: &str, table: &'static str| {
            ForeignKey::create()
                .name(name)
                .from(table, "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade)
                .to_owned()
        };
        manager
            .create_table(
                Table::create()
                    .table("second_factors")
                    .col(uuid("user_id").primary_key())
                    .col(string_len("wrapped_secret", 255))
                    .col(big_integer_null("confirm_time"))
                    .col(big_integer("last_step"))
                    .foreign_key(&mut to_user("second_factors_user", "second_factors"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("recovery_codes")
                    .col(uuid("user_id"))
                    .col(string_len("hash", 64))
                    .primary_key(Index::create().col("user_id").col("hash"))
                    .foreign_key(&mut to_user("recovery_codes_user", "recovery_codes"))
                    .to_owned(),
            )
            .await
    }
}
