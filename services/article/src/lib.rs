//! Articles, prices and stock: the service behind `feira.article.v1`.

mod api;
mod domain;
mod error;
mod migration;
mod options;
mod store;
#[cfg(test)]
mod tests;
mod work;

use std::sync::Arc;

use contracts::article::{article_service_server, stock_service_server};

pub use migration::Migrator;
pub use options::Options;
pub use store::failpoints::names as fail_points;

/// Starts the service on an opened and migrated database.
pub async fn start(
    options: &Options,
    db: kit::Db,
    context: kit::Context,
) -> Result<kit::Service, kit::StartError> {
    let articles = api::articles(db.clone(), context.tasks.clone(), options.image_limit as usize);
    let routes = tonic::service::Routes::new(articles).add_service(api::stock(db.clone(), options.caps()));
    work::start(options, db.clone(), &context.tasks);
    Ok(kit::Service {
        role: kit::Role::Article,
        routes,
        names: vec![article_service_server::SERVICE_NAME, stock_service_server::SERVICE_NAME],
        audit: Some(Arc::new(store::audit::Audit { db: db.clone() })),
        db,
    })
}
