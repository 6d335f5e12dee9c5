//! States and reasons in columns as narrow as those of the other services.

use kit::migration::{StateColumn, Steps};
use sea_orm_migration::prelude::*;

pub struct Numbers;

impl MigrationName for Numbers {
    fn name(&self) -> &str {
        "m000011_numbers"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Numbers {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        for (table, column) in [("reservations", "state"), ("stock_movements", "reason")] {
            StateColumn { table, column, null: false, indexes: &[] }.narrow(manager).await?;
        }
        Ok(())
    }
}
