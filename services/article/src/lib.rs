//! Articles, prices and stock: the service behind `feira.article.v1`.

mod api;
mod audit;
mod domain;
mod error;
mod migration;
mod store;
mod sweeper;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

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

    /// The most bytes of an article's image
    #[arg(
        long,
        env = "FEIRA_IMAGE_LIMIT",
        default_value_t = 4_000_000,
        // Above, neither REST nor most gRPC clients take a message.
        value_parser = clap::value_parser!(u32).range(1_000..=4_190_000)
    )]
    pub image_limit: u32,
}

/// Starts the service on an opened and migrated database.
pub async fn start(
    options: &Options,
    db: kit::Db,
    context: kit::Context,
) -> Result<kit::Service, kit::Fault> {
    let articles = api::articles(db.clone(), context.tasks.clone(), options.image_limit as usize);
    let routes = tonic::service::Routes::new(articles).add_service(api::stock(db.clone()));
    sweeper::start(&context.tasks, db.clone(), Duration::from_secs(options.reservation_sweep_seconds));
    Ok(kit::Service {
        role: kit::Role::Article,
        routes,
        names: vec![article_service_server::SERVICE_NAME, stock_service_server::SERVICE_NAME],
        audit: Some(Arc::new(audit::Audit { db: db.clone() })),
        db,
    })
}
