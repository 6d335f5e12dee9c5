//! The schema of the mesh service. Files are numbered without gaps; the names that databases know are those that `name`
//! returns, and never change.

use sea_orm_migration::prelude::*;

mod m000002_events;
mod m000003_outlets;
mod m000004_webhooks;

/// All migrations, in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(kit::migration::Base),
            Box::new(kit::migration::Instances),
            Box::new(kit::migration::Tasks),
            Box::new(m000002_events::Migration),
            Box::new(m000003_outlets::Migration),
            Box::new(m000004_webhooks::Migration),
        ]
    }
}
