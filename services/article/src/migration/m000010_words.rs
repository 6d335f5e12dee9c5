//! Words of articles that are there already, by today's rules: what is written with blanks and asked for without
//! (`Wi-Fi 6`, `녹차 세트`, `978 3 16 148410 0`), measures with a multiplication sign, long texts to their end.

use sea_orm_migration::prelude::*;

use super::m000008_folding;

pub struct Words;

impl MigrationName for Words {
    fn name(&self) -> &str {
        "m000010_words"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Words {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        m000008_folding::again(manager.get_connection()).await
    }
}
