//! Room for phone numbers as people write them.

use kit::migration::Steps;
use sea_orm::DatabaseBackend;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Phones;

impl MigrationName for Phones {
    fn name(&self) -> &str {
        "m000006_phones"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Phones {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite keeps texts of any length in any column, and cannot change one.
        if manager.get_database_backend() == DatabaseBackend::Sqlite {
            return Ok(());
        }
        let wider = Table::alter().table("addresses").modify_column(string_len("phone", 60)).to_owned();
        Steps::of(manager).alter_table(wider).await
    }
}
