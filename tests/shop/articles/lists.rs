//! Lists of articles.

use contracts::article::{Article, ListArticlesRequest, ListStockMovementsRequest, StockReason};

use crate::support::{Code, Refused, Setup, eur, money};

use super::{article, by_code, create};

on_both_edges!(articles_are_found_filtered_and_ordered, pages_of_articles_belong_to_their_arguments);

/// Covers: article.list.
async fn articles_are_found_filtered_and_ordered(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    for (code, name, category, cents) in [
        ("A", "Über-Lampe", "lights", 300),
        ("B", "Cork lamp", "lights", 100),
        ("C", "Cork board", "office", 200),
        ("D", "azulejo", "tiles", 400),
    ] {
        let (name, category) = (name.into(), category.into());
        create(&staff, Article { name, category, low_stock_threshold: 2, ..article(code, cents) })
            .await
            .unwrap();
    }
    let board = staff.get_article(by_code("C")).await.unwrap();
    staff.adjust(&board.id, 3, StockReason::Received).await.unwrap();
    let yen = Article { price: Some(money(250, 0, "JPY")), name: "Zen".into(), ..article("E", 0) };
    create(&staff, yen).await.unwrap();

    let list = async |request: ListArticlesRequest| {
        let articles = staff.list_articles(request).await.unwrap().body.articles;
        articles.into_iter().map(|article| article.code).collect::<String>()
    };
    let by = |order_by: &str| ListArticlesRequest { order_by: order_by.into(), ..Default::default() };
    let search = |query: &str| ListArticlesRequest { query: query.into(), ..Default::default() };
    assert_eq!(list(ListArticlesRequest::default()).await, "ABCDE", "the oldest first");
    assert_eq!(list(by("create_time desc")).await, "EDCBA");
    assert_eq!(list(ListArticlesRequest { category: "lights".into(), ..by("price") }).await, "BA");
    assert_eq!(list(ListArticlesRequest { category: "lights".into(), ..by("price desc") }).await, "AB");
    let names = list(by("name")).await;
    assert_eq!(names.chars().rev().collect::<String>(), list(by("name desc")).await);
    let place = |code: char| names.find(code).unwrap();
    assert!(place('D') < place('C') && place('C') < place('B') && place('B') < place('E'), "{names}");
    assert_eq!(list(search("lamp")).await, "AB");
    assert_eq!(list(search("UBER")).await, "A");
    assert_eq!(list(search("cork la")).await, "B");
    assert_eq!(list(search("amp")).await, "", "only beginnings of words");
    assert_eq!(list(search("%")).await, list(search("_")).await);
    let prices = |low: i64, high: i64| ListArticlesRequest {
        min_price: Some(eur(low)),
        max_price: Some(eur(high)),
        ..by("price")
    };
    assert_eq!(list(prices(100, 300)).await, "BCA", "both ends belong to it, other currencies do not");
    staff.list_articles(prices(300, 100)).await.refused(Code::InvalidArgument, "VALIDATION");
    let mixed = ListArticlesRequest { min_price: Some(money(1, 0, "JPY")), ..prices(1, 2) };
    staff.list_articles(mixed).await.refused(Code::InvalidArgument, "VALIDATION");
    assert_eq!(list(ListArticlesRequest { in_stock: Some(true), ..Default::default() }).await, "C");
    assert_eq!(list(ListArticlesRequest { in_stock: Some(false), ..Default::default() }).await, "ABDE");
    assert_eq!(list(ListArticlesRequest { low_stock: Some(false), ..Default::default() }).await, "C");
    staff.list_articles(by("weight")).await.names("order_by");
}

/// Covers: article.list.
async fn pages_of_articles_belong_to_their_arguments(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    for number in 0..11 {
        create(&staff, article(&format!("A-{number:02}"), 100 + number % 3)).await.unwrap();
    }
    for order_by in ["", "name desc", "price", "create_time desc"] {
        let whole = ListArticlesRequest { order_by: order_by.into(), ..Default::default() };
        let whole = staff.list_articles(whole).await.unwrap().body;
        assert_eq!((whole.articles.len(), whole.next_page_token.as_str()), (11, ""));
        let mut request =
            ListArticlesRequest { order_by: order_by.into(), page_size: 4, ..Default::default() };
        let mut found = Vec::new();
        for _ in 0..3 {
            let page = staff.list_articles(request.clone()).await.unwrap().body;
            found.extend(page.articles);
            request.page_token = page.next_page_token;
        }
        assert_eq!((found, request.page_token.as_str()), (whole.articles, ""), "{order_by}");
    }
    let first = ListArticlesRequest { page_size: 4, ..Default::default() };
    let page_token = staff.list_articles(first).await.unwrap().body.next_page_token;
    for other in [
        ListArticlesRequest { order_by: "price".into(), ..Default::default() },
        ListArticlesRequest { query: "a".into(), ..Default::default() },
        ListArticlesRequest { in_stock: Some(true), ..Default::default() },
    ] {
        staff
            .list_articles(ListArticlesRequest { page_token: page_token.clone(), ..other })
            .await
            .names("page_token");
    }
    let movements = ListStockMovementsRequest {
        article_id: staff.get_article(by_code("A-01")).await.unwrap().id.clone(),
        page_token,
        ..Default::default()
    };
    staff.list_stock_movements(movements).await.names("page_token");
}
