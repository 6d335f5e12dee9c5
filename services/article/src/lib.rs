//! Articles, prices and stock: the service behind `feira.article.v1`.

mod api;
mod domain;
mod error;
mod migration;
mod store;
#[cfg(test)]
mod tests;
mod work;

use std::{sync::Arc, time::Duration};

use contracts::article::{article_service_server, stock_service_server};

pub use migration::Migrator;

/// What the article service can be told.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Options {
    /// How long it is between two looks for stock reservations whose time is over
    #[arg(
        long = "reservation-sweep-seconds",
        env = "FEIRA_RESERVATION_SWEEP_SECONDS",
        value_name = "TIME",
        default_value = "5s",
        value_parser = kit::duration_within(Duration::from_secs(1)..=Duration::from_secs(3600))
    )]
    pub reservation_sweep: Duration,

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
) -> Result<kit::Service, kit::StartError> {
    let articles = api::articles(db.clone(), context.tasks.clone(), options.image_limit as usize);
    let routes = tonic::service::Routes::new(articles).add_service(api::stock(db.clone()));
    work::sweep::start(&context.tasks, db.clone(), options.reservation_sweep);
    Ok(kit::Service {
        role: kit::Role::Article,
        routes,
        names: vec![article_service_server::SERVICE_NAME, stock_service_server::SERVICE_NAME],
        audit: Some(Arc::new(store::audit::Audit { db: db.clone() })),
        db,
    })
}
