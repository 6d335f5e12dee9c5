//! The schema of the order service. Files are numbered without gaps; the names that databases know are those that
//! `name` returns, and never change.

use sea_orm_migration::prelude::*;

mod m000002_orders;
mod m000003_adjustments;
mod m000004_purchases;
mod m000005_mails;
mod m000006_filters;
mod m000007_refunds;
mod m000008_search;
mod m000009_refunding;
mod m000010_mails_with_events;

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
            Box::new(m000005_mails::Migration),
            Box::new(m000006_filters::Migration),
            Box::new(m000007_refunds::Migration),
            Box::new(m000008_search::Migration),
            Box::new(m000009_refunding::Migration),
            Box::new(m000010_mails_with_events::Migration),
        ]
    }
}
