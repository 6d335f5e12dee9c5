//! Lists and search.

use contracts::article::{
    Article, DeleteArticleRequest, ListArticlesRequest, StockReason, article_service_server::ArticleService,
};
use kit::{
    Call, Caller, Role,
    id::{ArticleId, Id},
};
use tonic::Code;

use super::support::*;
use crate::{api::content, store::articles};

fn searching(query: &str) -> ListArticlesRequest {
    ListArticlesRequest { query: query.into(), ..Default::default() }
}

async fn found(shop: &Shop, request: &ListArticlesRequest) -> Vec<String> {
    let mut codes = shop.list(staff(), request).await.unwrap().0;
    codes.sort();
    codes
}

/// All pages one after the other.
async fn walk(shop: &Shop, request: &ListArticlesRequest) -> Vec<String> {
    let (mut request, mut codes) = (request.clone(), Vec::new());
    loop {
        let (page, next) = shop.list(staff(), &request).await.unwrap();
        assert!(page.len() <= request.page_size as usize);
        codes.extend(page);
        if next.is_empty() {
            return codes;
        }
        request.page_token = next;
    }
}

#[tokio::test]
async fn each_order_is_the_same_page_by_page_and_turned_round() {
    let shop = Shop::open().await;
    // By name: d b (a = c); by price: (b = d) a c, the one without a price last.
    for (code, name, amount) in [
        ("a", "Zebra", Some("5.00 EUR")),
        ("b", "éclair", Some("1.00 EUR")),
        ("c", "ZEBRA", None),
        ("d", "Ábaco", Some("1.00 EUR")),
        ("e", "_under", Some("70 JPY")),
    ] {
        shop.clock.advance(std::time::Duration::from_secs(1));
        let price = amount.and_then(price);
        shop.create(Article { active: price.is_some(), price, ..article(code, name) }).await.unwrap();
    }
    for (order_by, expected) in [
        ("", "abcde"),
        ("create_time", "abcde"),
        ("create_time desc", "edcba"),
        ("name", "edbac"),
        ("name desc", "cabde"),
        ("price", "bdaec"),
        ("price desc", "ceadb"),
    ] {
        for page_size in [1, 2, 50] {
            let request = ListArticlesRequest { page_size, order_by: order_by.into(), ..Default::default() };
            assert_eq!(walk(&shop, &request).await.concat(), expected, "{order_by}, {page_size} a page");
        }
    }
    let fault =
        shop.list(staff(), &ListArticlesRequest { order_by: "code".into(), ..Default::default() }).await;
    assert_eq!(fault.unwrap_err().fields[0].0, "order_by");
}

#[tokio::test]
async fn a_page_token_belongs_to_its_arguments() {
    let shop = Shop::open().await;
    for code in ["a", "b"] {
        shop.stocked(code, 0).await;
    }
    let first = ListArticlesRequest { page_size: 1, order_by: "name".into(), ..Default::default() };
    let page_token = shop.list(staff(), &first).await.unwrap().1;
    let same = ListArticlesRequest { page_token: page_token.clone(), page_size: 7, ..first.clone() };
    assert_eq!(shop.list(staff(), &same).await.unwrap().0, ["b"]);
    for other in [
        ListArticlesRequest { page_token: page_token.clone(), order_by: "price".into(), ..first.clone() },
        ListArticlesRequest { page_token, query: "b".into(), ..first },
    ] {
        assert_eq!(shop.list(staff(), &other).await.unwrap_err().fields[0].0, "page_token");
    }
}

#[tokio::test]
async fn every_word_of_a_query_begins_a_word_of_the_article() {
    let shop = Shop::open().await;
    let chocolate = Article {
        description: "Chocolate negro 70%".into(),
        category: "Doces".into(),
        ..article("SKU-77", "Caixa Vermelha")
    };
    shop.create(chocolate).await.unwrap();
    shop.create(article("b", "Vermelho")).await.unwrap();
    for (query, codes) in [
        ("verm choc", &["SKU-77"][..]),
        ("VERMÉL", &["SKU-77", "b"]),
        ("verm", &["SKU-77", "b"]),
        ("sku-77", &["SKU-77"]),
        ("doce 70", &["SKU-77"]),
        ("ermelho", &[]),
        ("verm verde", &[]),
        ("!!!", &[]),
        ("", &["SKU-77", "b"]),
        ("verm!", &["SKU-77", "b"]),
    ] {
        assert_eq!(found(&shop, &searching(query)).await, codes, "{query:?}");
    }
}

#[tokio::test]
async fn search_follows_updates_and_deletion() {
    let shop = Shop::open().await;
    let made =
        shop.create(Article { description: "soft warm".into(), ..article("a", "wool") }).await.unwrap();
    let sent = Article { name: "silk".into(), description: "soft cool".into(), ..made.clone() };
    shop.update(sent, &["name", "description"]).await.unwrap();
    for (query, hits) in [("wool", 0), ("warm", 0), ("silk", 1), ("soft cool", 1)] {
        assert_eq!(found(&shop, &searching(query)).await.len(), hits, "{query}");
    }
    let request = DeleteArticleRequest { id: made.id, etag: String::new() };
    shop.articles.delete_article(from(staff(), request)).await.unwrap();
    for caller in [staff(), order_service(), Caller::Anonymous] {
        for request in [searching(""), searching("silk")] {
            assert_eq!(shop.list(caller.clone(), &request).await.unwrap().0, [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_search_with_more_hits_than_are_sorted_at_once_is_paged_like_any_list() {
    let shop = Shop::open().await;
    let call = Call::of_service(Role::Article, "fill");
    let filled = shop.db.transact(&call, (), |tx, _| async move {
        for number in 0..2_010 {
            let name = format!("common {}", if number % 100 == 0 { "rare" } else { "plain" });
            let content = content::read(&article(&format!("{number:04}"), &name))?;
            articles::insert(&tx, ArticleId::new(), &content).await?;
        }
        Ok(())
    });
    filled.await.unwrap();
    let request = ListArticlesRequest { page_size: 400, order_by: "name desc".into(), ..searching("comm") };
    let codes = walk(&shop, &request).await;
    assert_eq!(codes.len(), 2_010);
    assert_eq!(codes[..21].iter().filter(|code| code.ends_with("00")).count(), 21);
    for query in ["comm rar", "rar comm", "rare"] {
        assert_eq!(walk(&shop, &ListArticlesRequest { page_size: 8, ..searching(query) }).await.len(), 21);
    }
}

#[tokio::test]
async fn filters_leave_what_they_name() {
    let shop = Shop::open().await;
    let made =
        [("a", "5.00 EUR", "Café", true), ("b", "7.00 EUR", "cafe", false), ("c", "6 JPY", "Tea", true)];
    for (code, amount, category, active) in made {
        let sent = Article {
            price: price(amount),
            category: category.into(),
            active,
            low_stock_threshold: 2,
            ..article(code, code)
        };
        let made = shop.create(sent).await.unwrap();
        let free = if code == "a" { 3 } else { 2 };
        shop.adjust(&made, free, StockReason::Received).await.unwrap();
    }
    let empty = shop.stocked("d", 0).await;
    assert_eq!(empty.available, 0);
    let all = ListArticlesRequest::default;
    for (request, codes) in [
        (ListArticlesRequest { category: "CAFÉ".into(), ..all() }, "ab"),
        (ListArticlesRequest { min_price: price("5.00 EUR"), ..all() }, "abd"),
        (ListArticlesRequest { min_price: price("5.01 EUR"), max_price: price("7.00 EUR"), ..all() }, "b"),
        (ListArticlesRequest { max_price: price("6 JPY"), ..all() }, "c"),
        (ListArticlesRequest { in_stock: Some(true), ..all() }, "abc"),
        (ListArticlesRequest { in_stock: Some(false), ..all() }, "d"),
        (ListArticlesRequest { active: Some(true), ..all() }, "acd"),
        (ListArticlesRequest { active: Some(false), ..all() }, "b"),
        (ListArticlesRequest { low_stock: Some(true), ..all() }, "cd"),
        (ListArticlesRequest { low_stock: Some(false), ..all() }, "a"),
    ] {
        assert_eq!(found(&shop, &request).await.concat(), codes, "{request:?}");
    }
}

#[tokio::test]
async fn bounds_that_contradict_each_other_name_their_field() {
    let shop = Shop::open().await;
    for (least, most, field) in
        [("2.00 EUR", "1.00 EUR", "min_price"), ("1.00 EUR", "2.00 USD", "max_price.currency_code")]
    {
        let request =
            ListArticlesRequest { min_price: price(least), max_price: price(most), ..Default::default() };
        let fault = shop.list(staff(), &request).await.unwrap_err();
        assert_eq!((fault.code, fault.fields[0].0.as_str()), (Code::InvalidArgument, field));
    }
}

#[tokio::test]
async fn the_public_lists_active_articles_and_asks_for_no_others() {
    let shop = Shop::open().await;
    shop.create(article("a", "a")).await.unwrap();
    shop.create(Article { active: false, ..article("b", "b") }).await.unwrap();
    for caller in [Caller::Anonymous, shopper()] {
        for active in [None, Some(true)] {
            let request = ListArticlesRequest { active, ..Default::default() };
            assert_eq!(shop.list(caller.clone(), &request).await.unwrap().0, ["a"]);
        }
        for request in [
            ListArticlesRequest { active: Some(false), ..Default::default() },
            ListArticlesRequest { low_stock: Some(true), ..Default::default() },
            ListArticlesRequest { low_stock: Some(false), ..Default::default() },
        ] {
            assert_eq!(shop.list(caller.clone(), &request).await.unwrap_err().code, Code::PermissionDenied);
        }
    }
    assert_eq!(shop.list(order_service(), &ListArticlesRequest::default()).await.unwrap().0.len(), 2);
}
