//! Payments whose money is taken in the call that authorises it.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Capture;

impl MigrationName for Capture {
    fn name(&self) -> &str {
        "m000010_capture"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Capture {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        for table in ["payments", "simulator_charges"] {
            let column = boolean("capture").default(false).take();
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
