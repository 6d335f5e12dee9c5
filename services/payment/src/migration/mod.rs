//! The schema.

mod by_hand;
mod dispute_fees;
mod events;
mod figures;
mod filters;
mod payments;
mod returns;
mod simulator;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// The migrations of this service's database.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(kit::migration::Base),
            Box::new(kit::migration::Instances),
            Box::new(kit::migration::Tasks),
            Box::new(payments::Payments),
            Box::new(simulator::Simulator),
            Box::new(events::Events),
            Box::new(by_hand::ByHand),
            Box::new(returns::Returns),
            Box::new(filters::Filters),
            Box::new(figures::Figures),
            Box::new(dispute_fees::DisputeFees),
        ]
    }
}
