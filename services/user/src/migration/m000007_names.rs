//! Names as one word, by which users are found whose names are written without a blank, for those that there are, too.

use sea_orm_migration::prelude::*;

use super::m000005_words as words;

pub struct Names;

impl MigrationName for Names {
    fn name(&self) -> &str {
        "m000007_names"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Names {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        words::fill(manager.get_connection()).await
    }
}
