//! Import and export.

use contracts::{
    article::{
        Article, DeleteArticleRequest, ExportArticlesRequest, ImportArticlesRequest, ImportArticlesResponse,
        StockReason, article_service_server::ArticleService,
    },
    http::BadLine,
};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use kit::{Call, Db, Fault, Tasks};
use tonic::{Code, Status};

use super::support::*;
use crate::api::{export, import};

pub fn row(code: &str) -> ImportArticlesRequest {
    ImportArticlesRequest {
        code: code.into(),
        name: Some(format!("Article {code}")),
        price: price("9.99 EUR"),
        active: Some(true),
        ..Default::default()
    }
}

/// A row as an export has it.
fn exported(article: Article) -> ImportArticlesRequest {
    ImportArticlesRequest {
        code: article.code,
        name: Some(article.name),
        description: Some(article.description),
        category: Some(article.category),
        price: article.price,
        tax_rate_basis_points: Some(article.tax_rate_basis_points),
        image_url: Some(article.image_url),
        active: Some(article.active),
        low_stock_threshold: Some(article.low_stock_threshold),
        id: article.id,
        available: article.available,
        etag: article.etag,
        create_time: article.create_time,
        update_time: article.update_time,
        ..Default::default()
    }
}

async fn send(
    shop: &Shop,
    rows: impl Stream<Item = Result<ImportArticlesRequest, Status>>,
) -> Result<ImportArticlesResponse, Fault> {
    let call = Call::of_stream(&from(staff(), ())).unwrap();
    import::import_articles(&shop.db, &Tasks::default(), &call, rows)
        .await
        .map_err(|status| Fault::of(&status))
}

pub async fn imported(shop: &Shop, rows: Vec<ImportArticlesRequest>) -> ImportArticlesResponse {
    send(shop, stream::iter(rows.into_iter().map(Ok))).await.unwrap()
}

/// Created, updated, unchanged, failed.
pub fn counts(answer: &ImportArticlesResponse) -> [i64; 4] {
    [answer.created, answer.updated, answer.unchanged, answer.failed]
}

async fn export(shop: &Shop, request: ExportArticlesRequest) -> Result<Vec<Article>, Fault> {
    let articles = export::export_articles(Db::clone(&shop.db), Tasks::default(), from(staff(), request));
    let articles = match articles {
        Ok(articles) => articles.try_collect().await,
        Err(status) => Err(status),
    };
    articles.map_err(|status| Fault::of(&status))
}

pub async fn all(shop: &Shop) -> Vec<Article> {
    export(shop, ExportArticlesRequest::default()).await.unwrap()
}

#[tokio::test]
async fn rows_create_and_update_by_code_and_the_same_again_changes_nothing() {
    let shop = Shop::open().await;
    let rows = || {
        let full = ImportArticlesRequest {
            description: Some("soft warm".into()),
            category: Some("Wool".into()),
            tax_rate_basis_points: Some(2300),
            image_url: Some("/w.png".into()),
            low_stock_threshold: Some(2),
            received: 7,
            ..row("w")
        };
        vec![full, row("b"), ImportArticlesRequest { price: None, active: None, ..row("c") }]
    };
    assert_eq!(counts(&imported(&shop, rows()).await), [3, 0, 0, 0]);
    let first = all(&shop).await;
    assert_eq!(
        first.iter().map(|it| it.code.as_str()).collect::<String>(),
        "wbc",
        "in the order of the rows"
    );
    assert_eq!((first[0].available, first[0].category.as_str()), (7, "Wool"));
    let movements = shop.movements(&first[0]).await;
    assert_eq!(
        (movements.len(), movements[0].reason(), movements[0].free_change),
        (1, StockReason::Received, 7)
    );
    assert!(movements[0].actor.starts_with("usr_"));

    shop.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(counts(&imported(&shop, rows()).await), [0, 0, 3, 0]);
    assert_eq!(all(&shop).await, first);
    assert_eq!(shop.figures(&first[0]).await, (7, 0, 0), "received once");

    let change = ImportArticlesRequest { code: "W".into(), price: price("1.00 EUR"), ..Default::default() };
    assert_eq!(counts(&imported(&shop, vec![change]).await), [0, 1, 0, 0]);
    let changed = all(&shop).await.swap_remove(0);
    let expected = Article {
        price: price("1.00 EUR"),
        etag: "2".into(),
        update_time: changed.update_time,
        ..first[0].clone()
    };
    assert_eq!(changed, expected, "what a row leaves out stays");
    let search = contracts::article::ListArticlesRequest { query: "warm".into(), ..Default::default() };
    assert_eq!(shop.list(staff(), &search).await.unwrap().0, ["w"], "a code in other case renames nothing");
}

#[tokio::test]
async fn bad_rows_are_told_by_number_and_harm_no_others() {
    let shop = Shop::open().await;
    let bad_line = BadLine { field: "prise".into(), description: "unknown field".into() };
    let rows = vec![
        row("good-1"),
        ImportArticlesRequest { name: None, ..row("new") },
        ImportArticlesRequest { code: "a b".into(), tax_rate_basis_points: Some(-1), ..row("") },
        ImportArticlesRequest { name: Some("x\u{7}".into()), ..row("bell") },
        ImportArticlesRequest { price: price("-1.00 EUR"), ..row("negative") },
        ImportArticlesRequest { price: None, ..row("unpriced") },
        ImportArticlesRequest {
            price: Some(contracts::Money { currency_code: "EUR".into(), units: 1, nanos: 1 }),
            ..row("mill")
        },
        ImportArticlesRequest { received: -1, ..row("minus") },
        ImportArticlesRequest { received: 1_000_000_001, ..row("plus") },
        ImportArticlesRequest { bad_line: Some(bad_line), ..Default::default() },
        ImportArticlesRequest { name: Some(String::new()), ..row("nameless") },
        row("good-2"),
    ];
    let answer = imported(&shop, rows).await;
    assert_eq!(counts(&answer), [2, 0, 0, 10]);
    let reported: Vec<(i64, &str, Vec<&str>)> = answer
        .errors
        .iter()
        .map(|error| {
            assert_eq!(error.reason.as_str(), "VALIDATION");
            assert!(error.violations.iter().all(|it| !it.description.is_empty()));
            let fields = error.violations.iter().map(|it| it.field.as_str()).collect();
            (error.row, error.code.as_str(), fields)
        })
        .collect();
    let expected = [
        (2, "new", vec!["name"]),
        (3, "a b", vec!["code", "tax_rate_basis_points"]),
        (4, "bell", vec!["name"]),
        (5, "negative", vec!["price"]),
        (6, "unpriced", vec!["price"]),
        (7, "mill", vec!["price.nanos"]),
        (8, "minus", vec!["received"]),
        (9, "plus", vec!["received"]),
        (10, "", vec!["prise"]),
        (11, "nameless", vec!["name"]),
    ];
    assert_eq!(reported, expected);
    assert_eq!(answer.errors[9].violations[0].description, "is required", "as of any other request");
    assert_eq!(all(&shop).await.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["good-1", "good-2"]);
}

#[tokio::test]
async fn a_code_that_comes_again_changes_what_came_before() {
    let shop = Shop::open().await;
    let second =
        ImportArticlesRequest { code: "A".into(), name: Some("second".into()), ..Default::default() };
    assert_eq!(counts(&imported(&shop, vec![row("a"), row("b"), second]).await), [2, 1, 0, 0]);
    let found = all(&shop).await;
    assert_eq!((found[0].code.as_str(), found[0].name.as_str()), ("a", "second"));
    let request = DeleteArticleRequest { id: found[0].id.clone(), etag: String::new() };
    outcome(shop.articles.delete_article(from(staff(), request)).await).unwrap();
    assert_eq!(counts(&imported(&shop, vec![row("a")]).await), [1, 0, 0, 0], "a deleted one's code is free");
}

#[tokio::test]
async fn an_import_that_breaks_off_leaves_whole_rows_and_is_finished_by_sending_it_again() {
    let shop = Shop::open().await;
    let rows =
        || (0..700).map(|number| ImportArticlesRequest { received: 1, ..row(&format!("{number:03}")) });
    let broken = stream::iter(rows().take(600).map(Ok)).chain(stream::iter([Err(Status::cancelled("gone"))]));
    assert_eq!(send(&shop, broken).await.unwrap_err().code, Code::Cancelled);
    let done = all(&shop).await.len() as i64;
    assert!((250..=600).contains(&done), "{done}");
    let answer = imported(&shop, rows().collect()).await;
    assert_eq!(counts(&answer), [700 - done, 0, done, 0]);
    for article in all(&shop).await {
        assert_eq!(article.available, 1, "{}", article.code);
    }
}

#[tokio::test]
async fn failed_rows_are_told_up_to_a_limit_and_all_counted() {
    let shop = Shop::open().await;
    let rows = (0..1_100).map(|_| ImportArticlesRequest { code: "x".repeat(5_000), ..Default::default() });
    let answer = imported(&shop, rows.collect()).await;
    assert_eq!((counts(&answer), answer.errors.len()), ([0, 0, 0, 1_100], 1_000));
    assert!(answer.errors.iter().all(|error| error.code.len() <= 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_of_the_same_rows_at_once_make_each_article_once() {
    let shop = Shop::open().await;
    let rows = |turned: bool| {
        let mut rows: Vec<_> = (0..400)
            .map(|number| ImportArticlesRequest { received: 1, ..row(&format!("{number}")) })
            .collect();
        if turned {
            rows.reverse();
        }
        rows
    };
    let (one, other, third) =
        tokio::join!(imported(&shop, rows(false)), imported(&shop, rows(true)), imported(&shop, rows(false)));
    let sum = |place: usize| [&one, &other, &third].iter().map(|answer| counts(answer)[place]).sum::<i64>();
    assert_eq!([sum(0), sum(1), sum(2), sum(3)], [400, 0, 800, 0]);
    assert_eq!(all(&shop).await.iter().map(|article| article.available).sum::<i64>(), 400);
}

#[tokio::test]
async fn a_process_that_goes_away_ends_import_and_export() {
    let shop = Shop::open().await;
    shop.stocked("a", 0).await;
    let tasks = Tasks::default();
    tasks.drain();
    let call = Call::of_stream(&from(staff(), ())).unwrap();
    let status = import::import_articles(&shop.db, &tasks, &call, stream::pending()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let request = from(staff(), ExportArticlesRequest::default());
    let articles: Result<Vec<_>, _> =
        export::export_articles(Db::clone(&shop.db), tasks, request).unwrap().try_collect().await;
    assert_eq!(articles.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn what_is_exported_can_be_imported_and_goes_on_after_any_article() {
    let shop = Shop::open().await;
    let rows = (0..600).map(|number| ImportArticlesRequest {
        category: Some(if number % 3 == 0 { "Tea".into() } else { "Café".into() }),
        active: Some(number % 2 == 0),
        received: number % 5,
        ..row(&format!("{number:03}"))
    });
    imported(&shop, rows.collect()).await;
    let everything = all(&shop).await;
    assert_eq!(everything.len(), 600);
    let again = everything.iter().cloned().map(exported).collect();
    assert_eq!(counts(&imported(&shop, again).await), [0, 0, 600, 0]);
    assert_eq!(all(&shop).await, everything);

    let other = Shop::open().await;
    assert_eq!(
        counts(&imported(&other, everything.iter().cloned().map(exported).collect()).await),
        [600, 0, 0, 0]
    );
    let alike = |article: &Article| Article {
        id: String::new(),
        available: 0,
        create_time: None,
        update_time: None,
        ..article.clone()
    };
    let copies = all(&other).await;
    assert!(copies.iter().map(alike).eq(everything.iter().map(alike)));

    for place in [0, 249, 250, 598, 599] {
        let after = everything[place].id.clone();
        let rest = export(&shop, ExportArticlesRequest { after, ..Default::default() }).await.unwrap();
        assert_eq!(rest, everything[place + 1..], "{place}");
    }
    let tea = ExportArticlesRequest { category: "tea".into(), in_stock: Some(false), ..Default::default() };
    assert_eq!(export(&shop, tea).await.unwrap().len(), 40);
    let words = ExportArticlesRequest { query: "art 07".into(), ..Default::default() };
    assert_eq!(export(&shop, words).await.unwrap().len(), 10);
    let bad = ExportArticlesRequest { after: "usr_x".into(), ..Default::default() };
    assert_eq!(export(&shop, bad).await.unwrap_err().fields[0].0, "after");
}
