//! The contract: requests are read, answers are written here, and nothing else.

mod article;
mod image;
pub mod read;
mod render;
mod stock;

use contracts::article::{
    article_service_server::ArticleServiceServer, stock_service_server::StockServiceServer,
};
use kit::Db;

pub use article::Articles;
pub use stock::Stocks;

/// ArticleService on a database, for images of at most so many bytes.
pub fn articles(db: Db, image_limit: usize) -> ArticleServiceServer<Articles> {
    ArticleServiceServer::new(Articles::new(db, image_limit))
}

/// StockService on a database.
pub fn stock(db: Db) -> StockServiceServer<Stocks> {
    StockServiceServer::new(Stocks::new(db))
}
