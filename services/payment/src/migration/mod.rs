//! The schema.

mod m000002_payments;
mod m000003_simulator;
mod m000004_provider_events;
mod m000005_by_hand;
mod m000006_returns;
mod m000007_filters;
mod m000008_figures;
mod m000009_dispute_fees;
mod m000010_capture;
mod m000011_numbers;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// The migrations of this service's database.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(kit::migration::Base),
            Box::new(kit::migration::Instances),
            Box::new(kit::migration::Tasks),
            Box::new(m000002_payments::Payments),
            Box::new(m000003_simulator::Simulator),
            Box::new(m000004_provider_events::Events),
            Box::new(m000005_by_hand::ByHand),
            Box::new(m000006_returns::Returns),
            Box::new(m000007_filters::Filters),
            Box::new(m000008_figures::Figures),
            Box::new(m000009_dispute_fees::DisputeFees),
            Box::new(m000010_capture::Capture),
            Box::new(m000011_numbers::Numbers),
        ]
    }
}
