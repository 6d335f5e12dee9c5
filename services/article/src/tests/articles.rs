//! Articles one by one.

use contracts::article::{
    Article, BatchGetArticlesRequest, DeleteArticleRequest, article_service_server::ArticleService,
    get_article_request::Key,
};
use kit::Caller;
use tonic::Code;

use super::support::*;

async fn delete(shop: &Shop, article: &Article, etag: &str) -> Result<(), kit::Fault> {
    let request = DeleteArticleRequest { id: article.id.clone(), etag: etag.into() };
    outcome(shop.articles.delete_article(from(staff(), request)).await)
}

async fn batch(shop: &Shop, caller: Caller, articles: &[&Article]) -> Result<Vec<Article>, kit::Fault> {
    let request =
        BatchGetArticlesRequest { ids: articles.iter().map(|article| article.id.clone()).collect() };
    outcome(shop.articles.batch_get_articles(from(caller, request)).await).map(|answer| answer.articles)
}

#[tokio::test]
async fn what_is_created_is_read_as_it_was_written() {
    let shop = Shop::open().await;
    let sent = Article {
        code: "Pão-1".replace('ã', "a"),
        name: "Pão de Açúcar".into(),
        description: "sweet".into(),
        category: "Bread".into(),
        price: price("1.005 KWD"),
        tax_rate_basis_points: 2300,
        image_url: "/a.png".into(),
        active: true,
        low_stock_threshold: 3,
        ..Default::default()
    };
    let made = shop.create(sent.clone()).await.unwrap();
    assert!(made.id.starts_with("art_"));
    assert_eq!((made.etag.as_str(), made.available), ("1", 0));
    let output = Article {
        id: made.id.clone(),
        etag: "1".into(),
        create_time: made.create_time,
        update_time: made.update_time,
        ..sent
    };
    assert_eq!(made, output);
    assert_eq!(shop.get(Caller::Anonymous, Key::Id(made.id.clone())).await.unwrap(), made);
    assert_eq!(shop.get(shopper(), Key::Code("PAO-1".into())).await.unwrap(), made);
}

#[tokio::test]
async fn a_code_is_taken_whatever_its_case_until_its_article_is_deleted() {
    let shop = Shop::open().await;
    let first = shop.create(article("Abc", "one")).await.unwrap();
    let fault = shop.create(article("aBC", "two")).await.unwrap_err();
    assert_eq!((fault.code, fault.value("field")), (Code::AlreadyExists, Some("code")));
    let other = shop.create(article("other", "two")).await.unwrap();
    let fault = shop.update(Article { code: "ABC".into(), ..other }, &["code"]).await.unwrap_err();
    assert_eq!((fault.code, fault.reason.as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
    delete(&shop, &first, "").await.unwrap();
    shop.create(article("ABC", "three")).await.unwrap();
}

#[tokio::test]
async fn prices_that_are_missing_negative_or_inexact_name_their_field() {
    let shop = Shop::open().await;
    for (bad, field) in [(None, "article.price"), (price("-1.00 EUR"), "article.price")] {
        let fault = shop.create(Article { price: bad, ..article("a", "a") }).await.unwrap_err();
        assert_eq!((fault.code, fault.fields[0].0.as_str()), (Code::InvalidArgument, field));
    }
    let inexact = contracts::Money { currency_code: "EUR".into(), units: 1, nanos: 1 };
    let fault = shop.create(Article { price: Some(inexact), ..article("a", "a") }).await.unwrap_err();
    assert_eq!(fault.fields[0].0, "article.price.nanos");
    let idle = shop.create(Article { price: None, active: false, ..article("a", "a") }).await.unwrap();
    let fault = shop.update(Article { active: true, ..idle }, &["active"]).await.unwrap_err();
    assert_eq!(fault.fields[0].0, "article.price");
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names() {
    let shop = Shop::open().await;
    let made = shop.create(Article { description: "old".into(), ..article("a", "a") }).await.unwrap();
    let sent =
        Article { name: "b".into(), price: price("500 JPY"), description: String::new(), ..made.clone() };
    let changed = shop.update(sent.clone(), &["name", "price"]).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.description.as_str()), ("b", "old"));
    assert_eq!((changed.price.clone(), changed.etag.as_str()), (price("500 JPY"), "2"));
    let cleared = Article { price: None, ..changed.clone() };
    let fault = shop.update(cleared.clone(), &["price"]).await.unwrap_err();
    assert_eq!((fault.code, fault.fields[0].0.as_str()), (Code::InvalidArgument, "article.price"));
    let idle = shop.update(Article { active: false, ..cleared }, &["price", "active"]).await.unwrap();
    assert_eq!((idle.price, idle.active, idle.etag.as_str()), (None, false, "3"));
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let shop = Shop::open().await;
    let made = shop.create(article("a", "a")).await.unwrap();
    let changed = shop.update(Article { name: "b".into(), ..made.clone() }, &["name"]).await.unwrap();
    let fault = shop.update(Article { name: "c".into(), ..made.clone() }, &["name"]).await.unwrap_err();
    assert_eq!((fault.code, fault.reason.as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(delete(&shop, &made, "1").await.unwrap_err().reason.as_str(), "ETAG_MISMATCH");
    shop.update(Article { name: "c".into(), etag: String::new(), ..made.clone() }, &["name"]).await.unwrap();
    delete(&shop, &changed, "3").await.unwrap();
}

#[tokio::test]
async fn inactive_articles_exist_for_staff_and_services_alone() {
    let shop = Shop::open().await;
    let idle = shop.create(Article { active: false, ..article("a", "a") }).await.unwrap();
    for key in [Key::Id(idle.id.clone()), Key::Code("a".into())] {
        for caller in [Caller::Anonymous, shopper()] {
            let fault = shop.get(caller, key.clone()).await.unwrap_err();
            assert_eq!((fault.code, fault.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
        }
        for caller in [staff(), order_service()] {
            assert_eq!(shop.get(caller, key.clone()).await.unwrap(), idle);
        }
    }
}

#[tokio::test]
async fn a_deleted_article_is_found_by_the_mesh_alone_and_is_inactive() {
    let shop = Shop::open().await;
    let gone = shop.create(article("a", "a")).await.unwrap();
    delete(&shop, &gone, "").await.unwrap();
    assert_eq!(delete(&shop, &gone, "").await.unwrap_err().code, Code::NotFound);
    assert_eq!(shop.update(gone.clone(), &["name"]).await.unwrap_err().code, Code::NotFound);
    for caller in [Caller::Anonymous, staff()] {
        assert_eq!(
            shop.get(caller.clone(), Key::Id(gone.id.clone())).await.unwrap_err().code,
            Code::NotFound
        );
        assert_eq!(batch(&shop, caller, &[&gone]).await.unwrap_err().code, Code::NotFound);
    }
    assert_eq!(shop.get(order_service(), Key::Code("a".into())).await.unwrap_err().code, Code::NotFound);
    let found = shop.get(order_service(), Key::Id(gone.id.clone())).await.unwrap();
    assert_eq!((found.active, found.code.as_str()), (false, "a"));
    assert_eq!(batch(&shop, order_service(), &[&gone]).await.unwrap(), [found]);
}

#[tokio::test]
async fn a_batch_comes_in_the_order_asked_for_all_or_none() {
    let shop = Shop::open().await;
    let (one, two) = (shop.stocked("a", 5).await, shop.stocked("b", 0).await);
    let found = batch(&shop, Caller::Anonymous, &[&two, &one, &two]).await.unwrap();
    let codes: Vec<_> = found.iter().map(|article| (article.code.as_str(), article.available)).collect();
    assert_eq!(codes, [("b", 0), ("a", 5), ("b", 0)]);
    let idle = shop.create(Article { active: false, ..article("c", "c") }).await.unwrap();
    let fault = batch(&shop, shopper(), &[&one, &idle]).await.unwrap_err();
    assert_eq!((fault.code, fault.value("article_id")), (Code::NotFound, Some(idle.id.as_str())));
    assert_eq!(batch(&shop, staff(), &[&one, &idle]).await.unwrap().len(), 2);
}
