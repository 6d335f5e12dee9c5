//! Units that came back after they were sold.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Returned;

impl MigrationName for Returned {
    fn name(&self) -> &str {
        "m000009_returned"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Returned {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let column = big_integer("returned").default(0).to_owned();
        manager.alter_table(Table::alter().table("reservation_lines").add_column(column).to_owned()).await
    }
}
