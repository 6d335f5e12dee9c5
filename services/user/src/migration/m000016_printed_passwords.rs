//! Which passwords were generated and shown to somebody.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct PrintedPasswords;

impl MigrationName for PrintedPasswords {
    fn name(&self) -> &str {
        "m000016_printed_passwords"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for PrintedPasswords {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        // Of users who are there already nobody knows.
        let column = boolean("password_printed").default(false).to_owned();
        manager.alter_table(Table::alter().table("users").add_column(column).to_owned()).await
    }
}
