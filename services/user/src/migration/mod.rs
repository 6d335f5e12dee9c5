//! The schema of the user database.

mod accounts;
mod keys;
mod sessions;

use sea_orm_migration::prelude::*;

/// All migrations, the oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(kit::migration::Base),
            Box::new(accounts::Accounts),
            Box::new(sessions::Sessions),
            Box::new(keys::Keys),
        ]
    }
}

/// A text column that compares and sorts byte by byte, so that an index finds beginnings.
fn bytewise(manager: &SchemaManager<'_>, name: &'static str, length: u32) -> ColumnDef {
    let kind = match manager.get_database_backend() {
        sea_orm::DatabaseBackend::Postgres => format!("varchar({length}) COLLATE \"C\""),
        sea_orm::DatabaseBackend::MySql => {
            format!("varchar({length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        }
        _ => format!("varchar({length})"),
    };
    ColumnDef::new(name).custom(kind).not_null().take()
}
