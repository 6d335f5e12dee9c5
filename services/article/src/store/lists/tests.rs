//! How SQLite goes about lists: by seeks, never through a whole table, and without sorting.

use kit::{Role, id::Id, testing::Database, words::Asked};
use sea_orm::{ConnectionTrait as _, DatabaseBackend, Statement};

use super::*;
use crate::domain::list::Visibility;

fn any() -> Filter {
    Filter {
        visibility: Visibility::Staff,
        words: None,
        category: String::new(),
        min_price: None,
        max_price: None,
        in_stock: None,
        active: None,
        low_stock: None,
    }
}

fn list<'a>(
    filter: &'a Filter,
    (by, descending): (Order, bool),
    words: Vec<Word<'a>>,
    after: Option<&'a Cursor>,
) -> List<'a> {
    let page = PageOrder { backend: DatabaseBackend::Sqlite, columns: &[KEY, "id"], descending };
    List { page, filter, by, statuses: statuses(filter), words, after }
}

async fn database() -> (kit::Db, Database) {
    let database = Database::sqlite(Role::Article);
    (database.migrated::<crate::Migrator>(kit::Clock::system()).await, database)
}

/// The steps of SQLite's plan for the articles of these ids.
async fn plan(db: &kit::Db, list: &List<'_>, ids: SelectStatement) -> Vec<String> {
    let query = list.articles(ids).build(DatabaseBackend::Sqlite).to_string();
    let explain = Statement::from_string(DatabaseBackend::Sqlite, format!("EXPLAIN QUERY PLAN {query}"));
    let steps = db.read().query_all_raw(explain).await.unwrap();
    steps.iter().map(|row| row.try_get("", "detail").unwrap()).collect()
}

#[tokio::test]
async fn a_page_is_read_by_seeks_and_without_sorting() {
    let (db, _database) = database().await;
    let filters = [
        any(),
        Filter { visibility: Visibility::Public, ..any() },
        Filter { in_stock: Some(true), ..any() },
        Filter { in_stock: Some(false), ..any() },
        Filter { low_stock: Some(true), ..any() },
        Filter { active: Some(false), ..any() },
        Filter { category: "tea".into(), ..any() },
        Filter { category: "tea".into(), in_stock: Some(false), visibility: Visibility::Public, ..any() },
        Filter { min_price: Some("1.00 EUR".parse().unwrap()), ..any() },
    ];
    let orders = [
        (Order::Name, Key::Name("tea".into()), "name"),
        (Order::Price, Key::Price(7), "price"),
        (Order::CreateTime, Key::CreateTime(7), "create_time"),
    ];
    for filter in &filters {
        for (order, key, index) in &orders {
            for descending in [false, true] {
                for after in [None, Some(&Cursor { key: key.clone(), id: ArticleId::new() })] {
                    let list = list(filter, (*order, descending), Vec::new(), after);
                    let plans = list.plans(None);
                    let plan = plan(&db, &list, plans.scan(plans.filter.clone(), 51, 0)).await;
                    let within = if filter.category.is_empty() { "" } else { "category_" };
                    let seek = format!("USING COVERING INDEX articles_shelf_{within}{index} ");
                    let seeks = plan.iter().filter(|step| step.contains(&seek)).count();
                    assert_eq!(seeks, list.statuses.len(), "{filter:?} {plan:#?}");
                    let bad = |step: &String| {
                        step.contains("TEMP B-TREE") || step.contains("SCAN") && step != "SCAN page"
                    };
                    assert!(!plan.iter().any(bad), "{filter:?} {plan:#?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_selective_is_looked_up_one_by_one() {
    let (db, _database) = database().await;
    let priced = Filter { min_price: Some("1.00 EUR".parse().unwrap()), ..any() };
    let tea = Asked::beginning("tea");
    for (filter, words, by) in [
        (&any(), vec![Word::from(&tea)], "article_words_create_time (word>? AND word<?)"),
        (&priced, vec![], "articles_shelf_price (shelf=? AND price_order>?)"),
    ] {
        let list = list(filter, (Order::Name, false), words, None);
        let plan = plan(&db, &list, list.top_n(51)).await;
        for step in [by, "SEARCH articles USING INDEX sqlite_autoindex_articles_1 (id=?)"] {
            assert!(plan.iter().any(|it| it.contains(step)), "{step}: {plan:#?}");
        }
        let through = |step: &&String| step.starts_with("SCAN articles") || step.starts_with("SCAN stock");
        assert_eq!(plan.iter().find(through), None, "{plan:#?}");
    }
}

#[tokio::test]
async fn the_articles_of_a_word_are_read_in_the_order_in_which_they_were_created() {
    let (db, _database) = database().await;
    let words = ["tea".to_owned(), "teapot".to_owned()];
    let (tea, green) = (Asked::beginning("tea"), Asked::beginning("green"));
    let filters =
        [any(), Filter { category: "tea".into(), min_price: Some("1.00 EUR".parse().unwrap()), ..any() }];
    for filter in &filters {
        for descending in [false, true] {
            for after in [None, Some(&Cursor { key: Key::CreateTime(7), id: ArticleId::new() })] {
                let asked = vec![Word::from(&tea), Word::from(&green)];
                let list = list(filter, (Order::CreateTime, descending), asked, after);
                let plan = plan(&db, &list, list.word_seeks(&words, 51)).await;
                let seek = "SEARCH article_words USING COVERING INDEX article_words_create_time (word=?";
                assert_eq!(plan.iter().filter(|step| step.starts_with(seek)).count(), 2, "{plan:#?}");
                let bad = |step: &&String| {
                    step.contains("TEMP B-TREE") || step.contains("SCAN") && *step != "SCAN page"
                };
                assert_eq!(plan.iter().find(bad), None, "{plan:#?}");
            }
        }
    }
}
