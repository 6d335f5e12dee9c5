//! What followers are told.

use contracts::article::{
    ArticleChanged, DeleteArticleRequest, StockChanged, StockReason, article_service_server::ArticleService,
};
use kit::{
    id::{Id, OrderId},
    outbox::event,
};
use prost::{Message, Name};
use sea_orm::{EntityTrait, QueryOrder};

use super::{
    import::{imported, row},
    support::*,
};

/// What was told since so many events, as the change and the article's id.
async fn told(shop: &Shop, since: usize) -> Vec<(String, String)> {
    let events = event::Entity::find().order_by_asc(event::Column::Id).all(shop.db.read()).await.unwrap();
    let read = |event: event::Model| {
        let data = event.data.as_slice();
        let (what, id) = if event.kind == ArticleChanged::full_name() {
            let changed = ArticleChanged::decode(data).unwrap();
            (changed.change().as_str_name().rsplit('_').next().unwrap().to_lowercase(), changed.article_id)
        } else if event.kind == StockChanged::full_name() {
            ("stock".to_owned(), StockChanged::decode(data).unwrap().article_id)
        } else {
            return None;
        };
        assert_eq!(event.aggregate_id, id);
        Some((what, id))
    };
    events.into_iter().filter_map(read).skip(since).collect()
}

async fn kinds(shop: &Shop, since: usize) -> Vec<String> {
    told(shop, since).await.into_iter().map(|(what, _)| what).collect()
}

#[tokio::test]
async fn every_change_of_an_article_is_told_and_nothing_else() {
    let shop = Shop::open().await;
    let created = shop.create(article("a", "a")).await.unwrap();
    let renamed = shop.update(contracts::article::Article { name: "b".into(), ..created }, &["name"]).await;
    let renamed = renamed.unwrap();
    // Refused: nobody is told.
    shop.create(article("a", "again")).await.unwrap_err();
    shop.adjust(&renamed, -1, StockReason::Correction).await.unwrap_err();
    shop.adjust(&renamed, 3, StockReason::Received).await.unwrap();
    let request = DeleteArticleRequest { id: renamed.id.clone(), etag: String::new() };
    outcome(shop.articles.delete_article(from(staff(), request)).await).unwrap();
    assert!(told(&shop, 0).await.iter().all(|(_, id)| *id == renamed.id));
    assert_eq!(kinds(&shop, 0).await, ["created", "updated", "stock", "deleted"]);
    let rows = vec![contracts::article::ImportArticlesRequest { received: 4, ..row("c") }, row("d")];
    assert_eq!(imported(&shop, rows).await.created, 2);
    assert_eq!(kinds(&shop, 4).await, ["created", "stock", "created"]);
    imported(&shop, vec![row("d")]).await;
    assert_eq!(kinds(&shop, 7).await.len(), 0, "an import that changes nothing");
}

#[tokio::test]
async fn every_movement_of_stock_is_told_once_for_each_article() {
    let shop = Shop::open().await;
    let (a, b) = (shop.stocked("a", 5).await, shop.stocked("b", 5).await);
    let mut since = told(&shop, 0).await.len();
    let (order, short) = (OrderId::new(), OrderId::new());
    let mut both = [a.id.clone(), b.id.clone()];
    both.sort();
    let wanted = [(&a, 2), (&b, 1)];
    for step in 0..4 {
        match step {
            0 => shop.reserve(order, 1, &wanted).await.unwrap(),
            1 => shop.commit(order, 1).await.unwrap(),
            2 => shop.restock(order, 1).await.unwrap(),
            // A repeat moves nothing.
            _ => shop.restock(order, 1).await.unwrap(),
        };
        let told = told(&shop, since).await;
        since += told.len();
        assert!(told.iter().all(|(what, _)| what == "stock"));
        let mut ids: Vec<String> = told.into_iter().map(|(_, id)| id).collect();
        ids.sort();
        assert_eq!(ids, if step < 3 { both.to_vec() } else { Vec::new() }, "step {step}");
    }
    shop.reserve(short, 1, &[(&a, 2), (&b, 9)]).await.unwrap_err();
    assert!(told(&shop, since).await.is_empty(), "what was refused moved nothing");
    // Expired and taken again by its commit: two movements in one transaction, each with its number.
    let late = OrderId::new();
    shop.reserve(late, 1, &[(&a, 2)]).await.unwrap();
    shop.clock.advance(std::time::Duration::from_secs(700));
    crate::work::sweep::sweep(&shop.db).await.unwrap();
    shop.commit(late, 1).await.unwrap();
    assert_eq!(shop.figures(&a).await, (3, 0, 2));
    let numbers: Vec<i64> = shop.movements(&a).await.iter().map(|row| row.sequence).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).rev().collect::<Vec<_>>());
}
