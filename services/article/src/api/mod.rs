//! The contract: requests are read, answers are written here, and nothing else.

mod article;
pub mod content;
pub mod export;
mod image;
pub mod import;
mod read;
mod render;
mod row;
pub mod states;
mod stock;

use contracts::article::{
    article_service_server::ArticleServiceServer, stock_service_server::StockServiceServer,
};
use kit::{Db, Tasks};

pub use article::Articles;
pub use stock::Stocks;

use crate::domain::caps::Caps;

/// ArticleService on a database, for images of at most so many bytes.
pub fn articles(db: Db, tasks: Tasks, image_limit: usize) -> ArticleServiceServer<Articles> {
    kit::compressed!(ArticleServiceServer::new(Articles::new(db, tasks, image_limit)))
}

/// StockService on a database, within these limits.
pub fn stock(db: Db, caps: Caps) -> StockServiceServer<Stocks> {
    kit::compressed!(StockServiceServer::new(Stocks::new(db, caps)))
}
