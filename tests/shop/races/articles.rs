//! Articles and their stock.

use contracts::article::{
    AdjustStockRequest, Article, CreateArticleRequest, ListStockMovementsRequest, StockReason,
    UpdateArticleRequest,
};

use super::{winner, winners};
use crate::support::{Setup, at_once, eur};

on_every_database!(
    a_code_is_given_to_one_of_twenty_articles,
    of_twenty_updates_of_one_version_one_wins,
    thirty_units_written_off_at_once_never_go_below_zero,
    one_key_thirty_times_at_once_receives_once,
);

/// Covers: article.change.
async fn a_code_is_given_to_one_of_twenty_articles(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let outcomes = at_once(20, |number| {
        let staff = staff.at(number);
        let name = format!("Article {number}");
        let article =
            Article { code: "SAME".into(), name, price: Some(eur(100)), active: true, ..Default::default() };
        async move { staff.create_article(CreateArticleRequest { article: Some(article) }).await }
    })
    .await;
    assert_eq!(winner(outcomes, &["ALREADY_EXISTS"]).code, "SAME");
}

/// Covers: etag.
async fn of_twenty_updates_of_one_version_one_wins(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 0).await;
    let outcomes = at_once(20, |number| {
        let staff = staff.at(number);
        let (id, etag) = (article.id.clone(), article.etag.clone());
        let change = Article { id, etag, name: format!("Name {number}"), ..Default::default() };
        async move {
            staff.update_article(UpdateArticleRequest { article: Some(change), update_mask: None }).await
        }
    })
    .await;
    let won = winner(outcomes, &["ETAG_MISMATCH"]);
    assert_eq!(staff.article(&article.id).await.unwrap().name, won.name);
}

/// Covers: article.stock.
async fn thirty_units_written_off_at_once_never_go_below_zero(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 10).await;
    let outcomes = at_once(30, |number| {
        let (staff, id) = (staff.at(number), article.id.clone());
        async move { staff.adjust(&id, -1, StockReason::WrittenOff).await }
    })
    .await;
    assert_eq!(winners(outcomes, &["OUT_OF_STOCK"]).len(), 10);
    assert_eq!(staff.stock(&article.id).await, (0, 0, 0));
    let request = ListStockMovementsRequest { article_id: article.id, page_size: 1000, ..Default::default() };
    let movements = staff.list_stock_movements(request).await.unwrap().body.movements;
    let sequences = movements.iter().map(|it| it.sequence).collect::<Vec<_>>();
    assert_eq!(sequences, (1..=11).rev().collect::<Vec<_>>());
}

/// Covers: idempotency.
async fn one_key_thirty_times_at_once_receives_once(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 0).await;
    let outcomes = at_once(30, |number| {
        let staff = staff.at(number).with_key("delivery-1");
        let (article_id, reason) = (article.id.clone(), StockReason::Received.into());
        let request = AdjustStockRequest { article_id, delta: 25, reason, ..Default::default() };
        async move { staff.adjust_stock(request).await }
    })
    .await;
    assert!(!winners(outcomes, &["IDEMPOTENCY_IN_PROGRESS"]).is_empty());
    assert_eq!(staff.stock(&article.id).await, (25, 0, 0));
}
