//! Lists find what their filters mean: no more, no less, in order and across pages.

use std::collections::HashMap;

use contracts::article::{
    Article, DeleteArticleRequest, ListArticlesRequest, article_service_server::ArticleService,
};
use kit::{
    Call, Caller, Money, Tasks,
    id::{Id, OrderId},
    words::{fold_line, query, words},
};
use sea_orm::EntityTrait;

use super::support::*;
use crate::{
    api::import,
    domain::article::price_order,
    store::entities::{article, stock},
};

/// Chooses the same again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

const NAMES: [&str; 6] =
    ["green tea", "Green Teapot for tea", "café", "Cafe crème", "plain", "plain green table of oak"];
const CATEGORIES: [&str; 4] = ["", "Hot", "hót", "Cold"];
const PRICES: [&str; 7] =
    ["0.00 EUR", "1.00 EUR", "1.01 EUR", "20.00 EUR", "300.00 EUR", "1.00 USD", "20 JPY"];

/// A shop of which everything that lists ask for has changed since it was made.
async fn changed(dice: &mut Dice, count: usize) -> Shop {
    let shop = Shop::open().await;
    let rows: Vec<_> = (0..count)
        .map(|number| {
            Ok(contracts::article::ImportArticlesRequest {
                code: format!("{number:05}"),
                name: Some(dice.of(&NAMES).into()),
                category: Some(dice.of(&CATEGORIES).into()),
                price: price(dice.of(&PRICES)),
                active: Some(dice.below(4) > 0),
                low_stock_threshold: Some(dice.of(&[0, 1, 3])),
                received: dice.of(&[0, 1, 2, 5, 5, 5]),
                ..Default::default()
            })
        })
        .collect();
    let call = Call::of_stream(&from(staff(), ())).unwrap();
    import::import_articles(&shop.db, &Tasks::default(), &call, futures::stream::iter(rows)).await.unwrap();
    let (made, _) =
        listed(&shop, staff(), &ListArticlesRequest { page_size: 120, ..Default::default() }).await;
    for article in &made {
        let (id, order) = (article.id.clone(), OrderId::new());
        match dice.below(7) {
            0 => {
                let request = DeleteArticleRequest { id, etag: String::new() };
                outcome(shop.articles.delete_article(from(staff(), request)).await).unwrap();
            }
            1 => {
                let sent = Article { active: !article.active, ..article.clone() };
                shop.update(sent, &["active"]).await.unwrap();
            }
            2 => {
                let low_stock_threshold = dice.of(&[0, 2, 9]);
                let sent = Article { low_stock_threshold, ..article.clone() };
                shop.update(sent, &["low_stock_threshold"]).await.unwrap();
            }
            3 if article.available > 0 => {
                let delta = -(1 + dice.below(article.available as usize) as i64);
                shop.adjust(article, delta, contracts::article::StockReason::Correction).await.unwrap();
            }
            4 if article.available > 0 && article.active => {
                let all = [(article, article.available)];
                shop.reserve(order, 1, &all).await.unwrap();
                match dice.below(4) {
                    0 => {}
                    1 => drop(shop.release(order, 1).await.unwrap()),
                    2 => drop(shop.commit(order, 1).await.unwrap()),
                    _ => {
                        shop.commit(order, 1).await.unwrap();
                        shop.restock(order, 1).await.unwrap();
                    }
                }
            }
            _ => {}
        }
    }
    shop
}

/// A page, and the next one's token.
async fn listed(shop: &Shop, caller: Caller, request: &ListArticlesRequest) -> (Vec<Article>, String) {
    let page = outcome(shop.articles.list_articles(from(caller, request.clone())).await).unwrap();
    (page.articles, page.next_page_token)
}

/// Whether a request means an article.
fn means(request: &ListArticlesRequest, row: &article::Model, free: i64) -> bool {
    let minor = |price: &contracts::Money| Money::read(price, "price").unwrap();
    let in_range = |price: &Option<contracts::Money>, fits: fn(i64, i64) -> bool| {
        price.as_ref().is_none_or(|bound| {
            let bound = minor(bound);
            row.currency.as_deref() == Some(bound.currency.code())
                && fits(row.price_order, price_order(bound))
        })
    };
    let has = words([row.name.as_str(), &row.code, &row.category, &row.description]);
    row.deleted_time.is_none()
        && query(&request.query)
            .is_none_or(|all| all.iter().all(|asked| has.iter().any(|word| asked.fits(word))))
        && (request.category.is_empty() || row.category_folded == fold_line(&request.category, 100))
        && in_range(&request.min_price, |price, least| price >= least)
        && in_range(&request.max_price, |price, most| price <= most)
        && request.in_stock.is_none_or(|wanted| wanted == (free > 0))
        && request.active.is_none_or(|wanted| wanted == row.active)
        && request.low_stock.is_none_or(|wanted| match wanted {
            true => row.active && free <= row.low_stock_threshold,
            false => free > row.low_stock_threshold,
        })
}

fn any_request(dice: &mut Dice) -> ListArticlesRequest {
    let flag = |dice: &mut Dice| dice.of(&[None, None, None, Some(true), Some(false)]);
    let (least, most) = dice.of(&[
        (None, None),
        (None, None),
        (None, None),
        (Some("1.00 EUR"), None),
        (None, Some("1.01 EUR")),
        (Some("1.00 EUR"), Some("20.00 EUR")),
        (Some("300.00 EUR"), Some("300.00 EUR")),
        (Some("0.50 USD"), Some("2.00 USD")),
        (Some("500.00 EUR"), None),
    ]);
    ListArticlesRequest {
        query: dice
            .of(&[
                "",
                "",
                "",
                "gre",
                "tea",
                "table green",
                "0000",
                "of oak pl",
                "none",
                "CAFÉ",
                "teapots",
                "green-tea",
                "tables",
                "greentea",
            ])
            .into(),
        category: dice.of(&["", "", "hot", "Cold", "none"]).into(),
        min_price: least.and_then(price),
        max_price: most.and_then(price),
        in_stock: flag(dice),
        active: flag(dice),
        low_stock: flag(dice),
        order_by: dice
            .of(&["", "name", "name desc", "price", "price desc", "create_time", "create_time desc"])
            .into(),
        page_size: dice.of(&[7, 50, 400]),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_list_has_what_its_filters_mean_in_its_order_and_nothing_else() {
    let mut dice = Dice(7);
    // More than a scan looks ahead.
    let shop = changed(&mut dice, 2_400).await;
    let free: HashMap<_, _> = stock::Entity::find()
        .all(shop.db.read())
        .await
        .unwrap()
        .into_iter()
        .map(|stock| (stock.article_id, stock.free))
        .collect();
    let rows = article::Entity::find().all(shop.db.read()).await.unwrap();
    for _ in 0..150 {
        let mut request = any_request(&mut dice);
        let public = request.low_stock.is_none() && request.active != Some(false) && dice.below(3) == 0;
        let caller = if public { Caller::Anonymous } else { staff() };
        let mut meant: Vec<_> = rows
            .iter()
            .filter(|row| (row.active || !public) && means(&request, row, free[&row.id]))
            .collect();
        meant.sort_by(|one, other| {
            let by = match request.order_by.split(' ').next() {
                Some("name") => one.name_folded.cmp(&other.name_folded),
                Some("price") => one.price_order.cmp(&other.price_order),
                _ => one.create_time.cmp(&other.create_time),
            };
            by.then(one.id.cmp(&other.id))
        });
        if request.order_by.ends_with("desc") {
            meant.reverse();
        }
        let asked = format!("public {public}: {request:?}");
        let mut meant = meant.iter().map(|row| row.code.as_str());
        // A few pages tell.
        for page in 0.. {
            let (articles, next) = listed(&shop, caller.clone(), &request).await;
            for article in &articles {
                assert_eq!(Some(article.code.as_str()), meant.next(), "{asked}");
            }
            request.page_token = next;
            if request.page_token.is_empty() {
                assert_eq!(meant.next(), None, "{asked}");
                break;
            }
            assert_eq!(articles.len(), request.page_size as usize, "{asked}");
            if page == 6 {
                break;
            }
        }
    }
}
