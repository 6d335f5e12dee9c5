//! The schema, step by step.

mod m000002_articles;
mod m000003_stock;
mod m000004_images;
mod m000005_rare;
mod m000006_shelf;
mod m000007_words;
mod m000008_folding;
mod m000009_returned;
mod m000010_words;
mod m000011_numbers;
mod m000012_owners;

use sea_orm::DatabaseBackend;
use sea_orm_migration::prelude::*;

/// All steps.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(kit::migration::Base),
            Box::new(kit::migration::Instances),
            Box::new(kit::migration::Tasks),
            Box::new(m000002_articles::Articles),
            Box::new(m000003_stock::Stock),
            Box::new(m000004_images::Images),
            Box::new(m000005_rare::Rare),
            Box::new(m000006_shelf::Shelf),
            Box::new(m000007_words::Words),
            Box::new(m000008_folding::Folding),
            Box::new(m000009_returned::Returned),
            Box::new(m000010_words::Words),
            Box::new(m000011_numbers::Numbers),
            Box::new(m000012_owners::Owners),
        ]
    }
}

/// Keeps rows in the primary key's own tree, where the database has to be told to.
fn clustered<'a>(
    manager: &SchemaManager,
    table: &'a mut TableCreateStatement,
) -> &'a mut TableCreateStatement {
    if manager.get_database_backend() == DatabaseBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    table
}
