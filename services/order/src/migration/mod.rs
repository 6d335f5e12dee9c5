//! The schema of the order service.

use sea_orm_migration::prelude::*;

mod m000002_orders;
mod m000003_adjustments;
mod m000004_purchases;
mod m000010_mails;
mod m000011_filters;
mod m000012_refunds;
mod m000013_search;
mod m000014_refunding;

/// All migrations, in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(kit::migration::Base),
            Box::new(kit::migration::Instances),
            Box::new(kit::migration::Tasks),
            Box::new(m000002_orders::Migration),
            Box::new(m000003_adjustments::Migration),
            Box::new(m000004_purchases::Migration),
            Box::new(m000010_mails::Migration),
            Box::new(m000011_filters::Migration),
            Box::new(m000012_refunds::Migration),
            Box::new(m000013_search::Migration),
            Box::new(m000014_refunding::Migration),
        ]
    }
}
