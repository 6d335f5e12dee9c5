//! Stock as staff see and change it.

use contracts::article::{
    Article, DeleteArticleRequest, GetStockRequest, ListStockMovementsRequest, StockReason,
    article_service_server::ArticleService, stock_service_server::StockService,
};
use kit::id::{ArticleId, Id};
use tonic::Code;

use super::support::*;

#[tokio::test]
async fn each_adjustment_moves_what_is_free_and_is_written_down() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 10).await;
    shop.adjust(&article, -3, StockReason::WrittenOff).await.unwrap();
    shop.adjust(&article, 2, StockReason::Returned).await.unwrap();
    let stock = shop.adjust(&article, -1, StockReason::Correction).await.unwrap();
    assert_eq!((stock.free, stock.reserved, stock.sold), (8, 0, 0));
    assert_eq!(shop.figures(&article).await, (8, 0, 0));
    let moved = shop.movements(&article).await;
    let rows: Vec<_> = moved.iter().map(|row| (row.sequence, row.reason(), row.free_change)).collect();
    assert_eq!(
        rows,
        [
            (4, StockReason::Correction, -1),
            (3, StockReason::Returned, 2),
            (2, StockReason::WrittenOff, -3),
            (1, StockReason::Received, 10),
        ]
    );
    assert!(moved[0].actor.starts_with("usr_") && moved[0].note == "counted" && moved[0].order_id.is_empty());
}

#[tokio::test]
async fn less_than_nothing_is_out_of_stock_and_changes_nothing() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 3).await;
    let fault = shop.adjust(&article, -4, StockReason::Correction).await.unwrap_err();
    assert_eq!((fault.code, fault.reason.as_str()), (Code::FailedPrecondition, "OUT_OF_STOCK"));
    assert_eq!((fault.value("article_id"), fault.value("free")), (Some(article.id.as_str()), Some("3")));
    assert_eq!(shop.figures(&article).await, (3, 0, 0));
    assert_eq!(shop.movements(&article).await.len(), 1);
}

#[tokio::test]
async fn a_delta_has_the_sign_of_its_reason_and_an_end() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 1).await;
    for (delta, reason) in [
        (-1, StockReason::Received),
        (-1, StockReason::Returned),
        (1, StockReason::WrittenOff),
        (0, StockReason::Correction),
        (1_000_000_000_000, StockReason::Received),
        (i64::MAX, StockReason::Received),
    ] {
        let fault = shop.adjust(&article, delta, reason).await.unwrap_err();
        assert_eq!(
            (fault.code, fault.fields[0].0.as_str()),
            (Code::InvalidArgument, "delta"),
            "{delta} {reason:?}"
        );
    }
    let fault = shop.adjust(&article, i64::MIN, StockReason::Correction).await.unwrap_err();
    assert_eq!(fault.reason.as_str(), "OUT_OF_STOCK");
    let fault = shop.adjust(&article, 1, StockReason::Sold).await.unwrap_err();
    assert_eq!(fault.fields[0].0, "reason");
    assert_eq!(shop.figures(&article).await, (1, 0, 0));
}

#[tokio::test]
async fn inactive_articles_have_stock_and_deleted_or_unknown_ones_have_none() {
    let shop = Shop::open().await;
    let idle = shop.create(Article { active: false, ..article("a", "a") }).await.unwrap();
    shop.adjust(&idle, 1, StockReason::Received).await.unwrap();
    let request = DeleteArticleRequest { id: idle.id.clone(), etag: String::new() };
    shop.articles.delete_article(from(staff(), request)).await.unwrap();
    let unknown = Article { id: ArticleId::new().to_string(), ..idle.clone() };
    for article in [idle, unknown] {
        for delta in [1, -1] {
            let fault = shop.adjust(&article, delta, StockReason::Correction).await.unwrap_err();
            assert_eq!(fault.code, Code::NotFound);
        }
        let request = GetStockRequest { article_id: article.id.clone() };
        assert_eq!(
            outcome(shop.stock.get_stock(from(staff(), request)).await).unwrap_err().code,
            Code::NotFound
        );
        let request = ListStockMovementsRequest { article_id: article.id, ..Default::default() };
        let fault = outcome(shop.stock.list_stock_movements(from(staff(), request)).await).unwrap_err();
        assert_eq!(fault.code, Code::NotFound);
    }
}

#[tokio::test]
async fn movements_are_paged_from_the_newest() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 1).await;
    for _ in 0..4 {
        shop.adjust(&article, 1, StockReason::Received).await.unwrap();
    }
    let mut request =
        ListStockMovementsRequest { article_id: article.id, page_size: 2, ..Default::default() };
    let (mut pages, staff) = (Vec::new(), staff());
    loop {
        let asked = from(staff.clone(), request.clone());
        let page = outcome(shop.stock.list_stock_movements(asked).await).unwrap();
        pages.push(page.movements.iter().map(|row| row.sequence).collect::<Vec<_>>());
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
}

#[tokio::test]
async fn available_is_what_is_free() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 7).await;
    let key = contracts::article::get_article_request::Key::Id(article.id.clone());
    let read = shop.get(shopper(), key).await.unwrap();
    assert_eq!((read.available, read.etag), (7, article.etag));
}
