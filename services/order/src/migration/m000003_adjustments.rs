//! Tells the adjustments that the shop's configuration makes from those by staff.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000003_adjustments"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        // Until now there were none by staff.
        let column = boolean("automatic").default(true).to_owned();
        manager.alter_table(Table::alter().table("order_adjustments").add_column(column).to_owned()).await
    }
}
