//! The contract: requests are read, answers are written here, and nothing else.

mod article;
pub mod read;
mod render;
mod stock;

use contracts::article::{
    article_service_server::ArticleServiceServer, stock_service_server::StockServiceServer,
};
use kit::Db;

pub use article::Articles;
pub use stock::Stocks;

/// ArticleService on a database.
pub fn articles(db: Db) -> ArticleServiceServer<Articles> {
    ArticleServiceServer::new(Articles::new(db))
}

/// StockService on a database.
pub fn stock(db: Db) -> StockServiceServer<Stocks> {
    StockServiceServer::new(Stocks::new(db))
}
