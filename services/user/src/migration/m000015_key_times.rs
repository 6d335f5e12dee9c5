//! Signing keys that are published before they sign.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct KeyTimes;

impl MigrationName for KeyTimes {
    fn name(&self) -> &str {
        "m000015_key_times"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for KeyTimes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let column = big_integer_null("sign_time").to_owned();
        manager.alter_table(Table::alter().table("signing_keys").add_column(column).to_owned()).await
    }
}
