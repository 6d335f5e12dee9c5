//! Folded and indexed every article by the rules of its day. `m000010_words` does so by today's, and no start applies
//! this step without that one: doing it here, too, would only take the time twice.

use sea_orm_migration::prelude::*;

pub struct Folding;

impl MigrationName for Folding {
    fn name(&self) -> &str {
        "m000008_folding"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Folding {
    async fn up(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
