//! Whose orders reservations are for: how much one user's unpaid orders may reserve is limited.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Owners;

impl MigrationName for Owners {
    fn name(&self) -> &str {
        "m000012_owners"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Owners {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let user = uuid_null("user_id").to_owned();
        manager.alter_table(Table::alter().table("reservations").add_column(user).to_owned()).await?;
        let mut index = Index::create().name("reservations_user").table("reservations").to_owned();
        manager.create_index(index.col("user_id").col("state").to_owned()).await
    }
}
