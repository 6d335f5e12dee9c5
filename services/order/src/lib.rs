//! Baskets, orders and the checkout saga.

mod api;
mod audit;
mod checkout;
pub mod domain;
mod error;
mod mail;
mod migration;
mod options;
mod remote;
mod store;
mod work;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use contracts::order::order_service_server::{OrderServiceServer, SERVICE_NAME};
use kit::{Context, Db, Role, Service, StartError, payment_types::PaymentTypes};

pub use error::Error;
pub use migration::Migrator;
pub use options::Options;

/// Finds what keeps the service from starting, before anything is made.
pub fn check(options: &Options) -> Result<(), StartError> {
    options.mail.check()
}

/// Starts the order service over a migrated database.
pub async fn start(
    options: &Options,
    payment_types: PaymentTypes,
    db: Db,
    context: Context,
) -> Result<Service, StartError> {
    let watch = work::watch::Watch::default();
    watch.start(db.clone(), &context.tasks);
    let saga = checkout::Saga::new(db.clone(), &context, watch, options.clone());
    saga.claim_abandoned().await?;
    work::feeds::start(&saga, &context);
    mail::start(&saga, &context).await?;
    work::sweep::start(saga.clone());
    let api = api::Api { saga, payment_types: Arc::new(payment_types) };
    let routes = tonic::service::Routes::new(kit::compressed!(OrderServiceServer::new(api)));
    let audit = Arc::new(audit::Audit { db: db.clone() });
    Ok(Service { role: Role::Order, routes, names: vec![SERVICE_NAME], db, audit: Some(audit) })
}
