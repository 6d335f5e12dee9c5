//! Articles, prices and stock: the service behind `feira.article.v1`.

mod api;
mod domain;
mod error;
mod migration;
mod store;
mod sweeper;
#[cfg(test)]
mod tests;

use std::time::Duration;

use contracts::article::{article_service_server, stock_service_server};

pub use migration::Migrator;

/// What the article service can be told.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Options {
    /// Seconds between two looks for stock reservations whose time is over
    #[arg(
        long,
        env = "FEIRA_RESERVATION_SWEEP_SECONDS",
        default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub reservation_sweep_seconds: u64,
}

/// Starts the service on an opened and migrated database.
pub async fn start(
    options: &Options,
    db: kit::Db,
    context: kit::Context,
) -> Result<kit::Service, kit::Fault> {
    let routes = tonic::service::Routes::new(api::articles(db.clone())).add_service(api::stock(db.clone()));
    sweeper::start(&context.tasks, db.clone(), Duration::from_secs(options.reservation_sweep_seconds));
    Ok(kit::Service {
        role: kit::Role::Article,
        routes,
        names: vec![article_service_server::SERVICE_NAME, stock_service_server::SERVICE_NAME],
        db,
    })
}
