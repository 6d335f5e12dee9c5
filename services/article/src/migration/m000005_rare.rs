//! Indexes that lead to what is rare in a list: articles with much, little or no stock.
//!
//! There is none on `active` alone: planners that know no figures would take it for every public list, and
//! sort the whole catalogue.

use kit::migration::Steps;
use sea_orm_migration::prelude::*;

pub struct Rare;

impl MigrationName for Rare {
    fn name(&self) -> &str {
        "m000005_rare"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Rare {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        for (name, table, columns) in [
            ("stock_free_units", "stock", ["free", "article_id"]),
            ("articles_threshold", "articles", ["low_stock_threshold", "id"]),
        ] {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
