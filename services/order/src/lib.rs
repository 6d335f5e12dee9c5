//! Baskets, orders and the checkout saga.

mod api;
mod checkout;
pub mod domain;
mod error;
mod mail;
mod migration;
mod options;
mod orders;
mod remote;
mod store;
mod work;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use contracts::order::order_service_server::{OrderServiceServer, SERVICE_NAME};
use kit::{Context, Db, Role, Service, StartError, payment_types::PaymentTypes};

pub use checkout::failpoints::names as fail_points;
pub use error::Error;
pub use migration::Migrator;
pub use options::Options;

/// Finds what keeps the service from starting, before anything is made.
pub fn check(options: &Options) -> Result<(), StartError> {
    options.mail.check()
}

/// Starts the service on an opened and migrated database.
pub async fn start(
    options: &Options,
    db: Db,
    context: Context,
    payment_types: PaymentTypes,
) -> Result<Service, StartError> {
    let orders = orders::Orders::new(db.clone(), &context, options.clone(), payment_types);
    orders.claim_abandoned().await?;
    work::start(&orders, &context).await?;
    let routes =
        tonic::service::Routes::new(kit::compressed!(OrderServiceServer::new(api::OrderApi(orders))));
    let audit = Arc::new(store::audit::Audit { db: db.clone() });
    Ok(Service { role: Role::Order, routes, names: vec![SERVICE_NAME], db, audit: Some(audit) })
}
