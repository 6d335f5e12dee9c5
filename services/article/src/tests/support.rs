//! A shop to test with: the handlers on a database of their own, and callers.

use std::time::Duration;

use contracts::article::{
    AdjustStockRequest, Article, CommitReservationRequest, CreateArticleRequest, GetArticleRequest,
    GetStockRequest, ListArticlesRequest, ListStockMovementsRequest, ReleaseReservationRequest,
    RenewReservationRequest, Reservation, ReservationLine, ReserveStockRequest, RestockOrderRequest, Stock,
    StockMovement, StockReason, UpdateArticleRequest, article_service_server::ArticleService,
    get_article_request::Key, stock_service_server::StockService,
};
use kit::{
    Caller, Clock, Fault, Money, Role, Tasks, Time, Writer,
    id::{Id, OrderId, UserId},
    testing::{self, Database},
};
use prost_types::FieldMask;
use tonic::{Request, Response, Status};

use crate::{
    Migrator,
    api::{Articles, Stocks},
    domain::caps::Caps,
    error::Error,
};

/// The handlers, on a SQLite file, or on the server whose URL (without a database) is in `FEIRA_TEST_POSTGRES`
/// or `FEIRA_TEST_MYSQL`.
pub struct Shop {
    pub db: Writer<Error>,
    pub clock: Clock,
    pub articles: Articles,
    pub stock: Stocks,
    _database: Database,
}

/// The most bytes of an image, in these tests.
pub const IMAGE_LIMIT: usize = 2_000;

pub use testing::staff;

pub fn shopper() -> Caller {
    testing::customer(UserId::new())
}

pub fn order_service() -> Caller {
    testing::service(Role::Order)
}

/// A request as the layers hand it on.
pub fn from<M>(caller: Caller, message: M) -> Request<M> {
    testing::request(&caller, message)
}

/// The message of an answer, or the fault of a refusal.
pub fn outcome<T>(answer: Result<Response<T>, Status>) -> Result<T, Fault> {
    answer.map(Response::into_inner).map_err(|status| Fault::of(&status))
}

pub fn price(text: &str) -> Option<contracts::Money> {
    Some(text.parse::<Money>().unwrap().into())
}

/// So few that tests reach them.
pub const CAPS: Caps = Caps { orders: 3, units: 10 };

/// An active article with this code, at 9.99 EUR.
pub fn article(code: &str, name: &str) -> Article {
    Article {
        code: code.into(),
        name: name.into(),
        price: price("9.99 EUR"),
        active: true,
        ..Default::default()
    }
}

pub fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

pub fn lines(lines: &[(&Article, i64)]) -> Vec<ReservationLine> {
    let line = |(article, quantity): &(&Article, i64)| ReservationLine {
        article_id: article.id.clone(),
        quantity: *quantity,
    };
    lines.iter().map(line).collect()
}

impl Shop {
    pub async fn open() -> Self {
        let shop = Self::without_tables().await;
        shop.db.migrate::<Migrator>().await.unwrap();
        shop
    }

    pub async fn without_tables() -> Self {
        Self::on(Database::new(Role::Article).await).await
    }

    /// On a database without tables.
    pub async fn on(database: Database) -> Self {
        Self::replica(&database, &Clock::manual(Time(1_800_000_000_000_000))).await
    }

    /// Another process of the same shop.
    pub async fn replica(database: &Database, clock: &Clock) -> Self {
        let db = database.open(clock.clone()).await;
        let (articles, stock) =
            (Articles::new(db.clone(), Tasks::default(), IMAGE_LIMIT), Stocks::new(db.clone(), CAPS));
        Self { db: db.into(), clock: clock.clone(), articles, stock, _database: database.clone() }
    }

    pub async fn create(&self, article: Article) -> Result<Article, Fault> {
        let request = CreateArticleRequest { article: Some(article) };
        outcome(self.articles.create_article(from(staff(), request)).await)
    }

    /// An article of which so many are free.
    pub async fn stocked(&self, code: &str, free: i64) -> Article {
        let article = self.create(article(code, code)).await.unwrap();
        if free > 0 {
            self.adjust(&article, free, StockReason::Received).await.unwrap();
        }
        article
    }

    pub async fn get(&self, caller: Caller, key: Key) -> Result<Article, Fault> {
        outcome(self.articles.get_article(from(caller, GetArticleRequest { key: Some(key) })).await)
    }

    pub async fn update(&self, article: Article, paths: &[&str]) -> Result<Article, Fault> {
        let request = UpdateArticleRequest { article: Some(article), update_mask: mask(paths) };
        outcome(self.articles.update_article(from(staff(), request)).await)
    }

    /// The codes of a page, and the next page's token.
    pub async fn list(
        &self,
        caller: Caller,
        request: &ListArticlesRequest,
    ) -> Result<(Vec<String>, String), Fault> {
        let page = outcome(self.articles.list_articles(from(caller, request.clone())).await)?;
        Ok((page.articles.into_iter().map(|article| article.code).collect(), page.next_page_token))
    }

    pub async fn adjust(&self, article: &Article, delta: i64, reason: StockReason) -> Result<Stock, Fault> {
        let article_id = article.id.clone();
        let request = AdjustStockRequest {
            article_id,
            delta,
            reason: reason.into(),
            note: "counted".into(),
            order_id: None,
        };
        outcome(self.stock.adjust_stock(from(staff(), request)).await)
    }

    /// Free, reserved, sold.
    pub async fn figures(&self, article: &Article) -> (i64, i64, i64) {
        let request = GetStockRequest { article_id: article.id.clone() };
        let stock = outcome(self.stock.get_stock(from(staff(), request)).await).unwrap();
        (stock.free, stock.reserved, stock.sold)
    }

    pub async fn movements(&self, article: &Article) -> Vec<StockMovement> {
        let request = ListStockMovementsRequest {
            article_id: article.id.clone(),
            page_size: 1000,
            ..Default::default()
        };
        outcome(self.stock.list_stock_movements(from(staff(), request)).await).unwrap().movements
    }

    pub fn ahead(&self, seconds: u64) -> Time {
        self.clock.now() + Duration::from_secs(seconds)
    }

    /// Reserves for ten minutes.
    pub async fn reserve(
        &self,
        order: OrderId,
        attempt: i32,
        wanted: &[(&Article, i64)],
    ) -> Result<Reservation, Fault> {
        self.reserve_for("", order, attempt, wanted).await
    }

    /// Reserves for ten minutes, for an order of this user.
    pub async fn reserve_for(
        &self,
        user: &str,
        order: OrderId,
        attempt: i32,
        wanted: &[(&Article, i64)],
    ) -> Result<Reservation, Fault> {
        let (expire_time, user_id) = (Some(self.ahead(600).into()), user.to_owned());
        let request = ReserveStockRequest {
            order_id: order.to_string(),
            attempt,
            lines: lines(wanted),
            expire_time,
            user_id,
        };
        outcome(self.stock.reserve_stock(from(order_service(), request)).await)
    }

    pub async fn renew(&self, order: OrderId, attempt: i32, until: Time) -> Result<Reservation, Fault> {
        let request =
            RenewReservationRequest { order_id: order.to_string(), attempt, expire_time: Some(until.into()) };
        outcome(self.stock.renew_reservation(from(order_service(), request)).await)
    }

    pub async fn commit(&self, order: OrderId, attempt: i32) -> Result<Reservation, Fault> {
        let request = CommitReservationRequest { order_id: order.to_string(), attempt };
        outcome(self.stock.commit_reservation(from(order_service(), request)).await)
    }

    pub async fn release(&self, order: OrderId, attempt: i32) -> Result<Reservation, Fault> {
        let request = ReleaseReservationRequest { order_id: order.to_string(), attempt };
        outcome(self.stock.release_reservation(from(order_service(), request)).await)
    }

    pub async fn restock(&self, order: OrderId, attempt: i32) -> Result<Reservation, Fault> {
        let request = RestockOrderRequest { order_id: order.to_string(), attempt };
        outcome(self.stock.restock_order(from(order_service(), request)).await)
    }
}
