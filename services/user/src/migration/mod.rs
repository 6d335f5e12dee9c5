//! The schema of the user database.

mod accounts;
mod keys;
mod names;
mod phones;
mod sessions;
mod words;

use sea_orm_migration::prelude::*;

/// All migrations, the oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(kit::migration::Base),
            Box::new(kit::migration::Instances),
            Box::new(kit::migration::Tasks),
            Box::new(accounts::Accounts),
            Box::new(sessions::Sessions),
            Box::new(keys::Keys),
            Box::new(words::Words),
            Box::new(phones::Phones),
            Box::new(names::Names),
        ]
    }
}
